"""What was added to a dataset while it is trained on, looked for where an epoch ends.

Separate from the stream, which decides when a pair joins: here only what is new, and whether this session can train on
it. A look lists one small folder, unless something is new there; it is made on a thread, as a drive may not answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vsrpp_core.batches.patient_reader import PatientReader
from vsrpp_core.data.layouts import addition_folder, additions
from vsrpp_core.data.stacked import PairPaths, StackGeometry, added_pairs
from vsrpp_core.data.survey import kind_of, measured
from vsrpp_core.errors import VsrppError


@dataclass(frozen=True, slots=True)
class Found:
    """Pairs that are new, measured and in the dataset's order; and sentences on additions that are left out."""

    pairs: tuple[PairPaths, ...] = ()
    refused: tuple[str, ...] = ()


class Arrivals:
    """Additions to the dataset ``root`` beyond number ``known``; each is found once, also where it is refused."""

    def __init__(self, root: Path, known: int, geometry: StackGeometry, crop: int) -> None:
        """``geometry`` is the largest that the session was made for, ``crop`` the side of its crops, or 0."""
        self._root, self._known, self._geometry, self._crop = root, known, geometry, crop
        self._reader: PatientReader[Found] | None = None

    def has_looked(self, seconds: float) -> bool:
        """Whether ``take`` can be called without waiting; waits up to ``seconds`` for that."""
        if self._reader is None:
            self._reader = PatientReader(self._looks())
        return self._reader.has(1, seconds)

    def take(self) -> Found:
        """What was new at the look that was asked for."""
        assert self._reader is not None, "has_looked comes first"
        return self._reader.take()

    def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader:
            reader.close()

    def _looks(self) -> Iterator[Found]:
        while True:
            pairs, refused = list[PairPaths](), list[str]()
            for number in additions(self._root):
                if number > self._known:
                    self._known = number
                    try:
                        pairs += self._usable(number)
                    except VsrppError as error:
                        refused.append(f"{addition_folder(self._root, number)} is left out: {error}")
            yield Found(tuple(pairs), tuple(refused))

    def _usable(self, number: int) -> list[PairPaths]:
        """The pairs of an addition; VsrppError where this session cannot train on one of them."""
        pairs, most = list(measured(added_pairs(self._root, number))), self._geometry
        for pair in pairs:
            shape = pair.geometry
            assert shape is not None, "it was measured"
            if kind_of(shape) != kind_of(most):
                raise VsrppError(
                    f"{pair.lr} is {shape}, and the network takes {most.n_frames} frames, scale {most.scale}"
                )
            if min(shape.height, shape.width) < self._crop:
                raise VsrppError(f"{pair.lr} is {shape}, smaller than data.crop = {self._crop}")
            if not self._crop and shape.height * shape.width > most.height * most.width:
                raise VsrppError(
                    f"{pair.lr} is {shape}, larger than what this session began with; resume to train on it"
                )
        return pairs
