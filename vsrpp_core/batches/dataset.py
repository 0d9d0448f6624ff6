"""From pairs on disk to the batches of one optimizer step.

Order and augmentation are pure functions of (seed, epoch, index): the state of the whole stream is an epoch and a
position in it, the same for any number of workers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from vsrpp_core.batches.arrivals import Arrivals, Found
from vsrpp_core.batches.epoch_order import EpochOrder, shown
from vsrpp_core.batches.loader_processes import begin_reading, start_server, without_main
from vsrpp_core.batches.memory_cache import DecodedCache
from vsrpp_core.batches.patient_reader import PatientReader
from vsrpp_core.data.categories import categories_of, refusal_of
from vsrpp_core.data.disk_cache import DamagedPairError, DiskCache
from vsrpp_core.data.stacked import Pair, PairPaths, StackGeometry, fingerprint, load_pair
from vsrpp_core.data.survey import groups_of, largest_of
from vsrpp_core.device.transfer import as_floats, brought
from vsrpp_core.errors import VsrppError, first_line, os_errors
from vsrpp_core.messages.events import EpochChanged, WarningRaised
from vsrpp_core.run.category_weights import read_weights

T = TypeVar("T")

WITHOUT_SHARED_MEMORY = "set data.workers = 0, or give the container more of it (docker run --shm-size=1g)"

Sample = tuple[Tensor, Tensor]
"""Frames and ground truth, channels first."""

Read = tuple[Sample, str]
"""A sample, and a warning from reading it, or an empty text."""

SampleKey = tuple[int, ...]
"""Epoch (from 1) and index of a sample; and how often the epoch had it before, where that is not 0."""


@dataclass(frozen=True, slots=True)
class Batch:
    """frames uint8 [B, T, 3, h, w] and ground_truth uint8 [B, 3, 3h, 3w]; they become float on the device."""

    frames: Tensor
    ground_truth: Tensor
    share: float = 1.0
    """Its share of the samples of the optimizer step, 0..1."""
    warnings: tuple[str, ...] = ()
    """Sentences for the user, from reading the samples."""

    def __len__(self) -> int:
        return self.frames.shape[0]

    def pin_memory(self) -> "Batch":
        """A copy in page-locked memory, which a device reads without the host waiting; DataLoader asks for it."""
        return replace(self, frames=self.frames.pin_memory(), ground_truth=self.ground_truth.pin_memory())

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Both as float32 in 0..1 on ``device``."""
        frames, ground_truth = brought((self.frames, self.ground_truth), device)
        return as_floats(frames, device.type == "cuda"), as_floats(ground_truth, device.type == "cuda")


@dataclass(frozen=True, slots=True)
class PipedBatch:
    """A batch that goes through a pipe from the process that read it: arrays do not need shared memory."""

    frames: NDArray[np.uint8]
    ground_truth: NDArray[np.uint8]
    warnings: tuple[str, ...]

    def as_batch(self) -> Batch:
        return Batch(torch.from_numpy(self.frames), torch.from_numpy(self.ground_truth), warnings=self.warnings)


class PairDataset(Dataset[Sample]):
    """Training samples: a random crop, flipped, transposed and reversed in time, the same for LR and GT.

    A sample's key is (epoch, index). ``crop`` is the side in LR pixels, at most the patch's; 0 takes all of it.
    ``geometry`` is that of pairs which were not measured, and of a dataset of several sizes the largest.
    Pictures come from ``disk_cache`` where there is one, which holds the same pairs in the same order; up to
    ``cache_bytes`` of them are kept in memory. ``root`` is where the categories of the pairs are known.
    """

    def __init__(
        self,
        pairs: list[PairPaths],
        geometry: StackGeometry,
        seed: int,
        crop: int,
        augment: bool,
        cache_bytes: int,
        disk_cache: DiskCache | None = None,
        root: Path | None = None,
    ) -> None:
        self._root, self._categories = root, list[str]()
        self._pairs, self._geometry = list(pairs), geometry
        self._seed, self._crop, self._augment = seed, crop, augment
        self._cache, self._disk_cache = DecodedCache(cache_bytes), disk_cache
        self._warning, self._has_warned = "", False

    def __len__(self) -> int:
        return len(self._pairs)

    def grow(self, pairs: Sequence[PairPaths]) -> None:
        """Have more of them, after all others; processes that read must be started again."""
        self._pairs += pairs

    def groups(self, samples: int) -> list[int]:
        """For each of the first ``samples`` the number of its size; samples of one size make a batch."""
        return [0] * samples if self._crop else groups_of(self._pairs[:samples])

    def categories(self, samples: int) -> list[str]:
        """Of the first ``samples``."""
        if len(self._categories) < samples:
            self._categories = categories_of(self._root, self._pairs) if self._root else [""] * samples
        return self._categories[:samples]

    def identity(self, samples: int) -> dict[str, Any]:
        """What a checkpoint keeps of the first ``samples``, to recognize another dataset: plain types."""
        largest = largest_of(self._pairs[:samples], self._geometry)
        geometry = [largest.n_frames, largest.height, largest.width]
        return {"samples": samples, "geometry": geometry, "fingerprint": fingerprint(self._pairs[:samples])}

    def __getitem__(self, key: SampleKey) -> Sample:
        frames, ground_truth = self._cache.get(key[1], self._load)
        random = np.random.default_rng((self._seed, *key))
        if self._crop:
            frames, ground_truth = _random_crop(frames, ground_truth, self._crop, random)
        if self._augment:
            frames, ground_truth = _augment(frames, ground_truth, random)
        return _channels_first(frames), _channels_first(ground_truth)

    def take_warning(self) -> str:
        """The warning from reading since the last call, or empty."""
        warning, self._warning = self._warning, ""
        return warning

    def _load(self, index: int) -> Pair:
        if self._disk_cache is None or index >= len(self._disk_cache):  # which joined since it was made
            return load_pair(self._pairs[index], self._geometry)
        try:
            return self._disk_cache.read(index)
        except DamagedPairError as error:
            if not self._has_warned:  # where one is damaged many may be
                self._warning = f"{error}; damaged pairs are read from their PNGs, so remove it"
                self._has_warned = True
            return load_pair(self._pairs[index], self._geometry)


class TrainingStream:
    """The endless sequence of optimizer steps, each a list of micro-batches; Stateful.

    An epoch visits every sample once, or as often as its category's weight says, in an order drawn from (seed, epoch);
    the samples of a micro-batch have one size.
    Its last step takes the rest and is weighted by the samples it really has; it takes none from the next epoch.

    The samples of an epoch are the first of the dataset, and a state says how many: those that come during it are after
    them and join at ``begin_epoch``.

    A step counts as done when ``confirm`` is called after it: a resumed run draws again what failed in between.

    Each of ``n_ranks`` streams yields one rank's part of every micro-batch; all count the same steps. A rank for which
    a micro-batch is too small gets its first sample with a share of 0, since all ranks must take part in a step.
    """

    def __init__(
        self,
        dataset: PairDataset,
        seed: int,
        batch_size: int,
        accumulation: int,
        workers: int,
        rank: int = 0,
        n_ranks: int = 1,
        most_workers: int = 0,
        arrivals: Arrivals | None = None,
    ) -> None:
        """``most_workers``: up to which more may be asked for while it is used; ``arrivals``: the first rank's."""
        self._dataset, self._arrivals = dataset, arrivals
        self.workers, self.most_workers = workers, most_workers
        self._seed, self._batch_size, self._accumulation = seed, batch_size, accumulation
        self._rank, self._n_ranks = rank, n_ranks
        self._batches: PatientReader[Batch | PipedBatch | VsrppError] | None = None
        self._drawn, self._seen = 0, 0
        self._weights, self._wanted = "", ""
        self._kept_orders = lru_cache(maxsize=2)(self._made_order)
        self._has_begun = False
        self._identities: dict[int, dict[str, Any]] = {}
        self.pairs = len(dataset)
        self._enter(1)
        self._is_piped = False
        self._warnings: list[str] = []

    @property
    def epoch(self) -> int:
        """Epoch of the last step taken, from 1."""
        return self._epoch

    @property
    def epoch_step(self) -> int:
        """Steps of this epoch taken so far."""
        return -(-self._order.taken(self._seen) // self._accumulation)

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self._order) // self._accumulation)

    @property
    def samples(self) -> int:
        """Of an epoch."""
        return len(self._order.groups)

    @property
    def samples_drawn(self) -> int:
        """Samples of the step drawn last, over all ranks."""
        return self._drawn

    def is_ready(self, seconds: float) -> bool:
        """Whether the next step can be drawn without waiting; waits up to ``seconds`` for each of its micro-batches."""
        return self._reader().has(len(self._sizes()), seconds)

    def next_step(self) -> list[Batch]:
        """The micro-batches of the next optimizer step; waits until they are read.

        Raises VsrppError naming an image that cannot be read.
        """
        reader, sizes = self._reader(), self._sizes()
        self._has_begun = True
        self._drawn = sum(sizes)
        step = [replace(self._taken(reader), share=self._part(size) / self._drawn) for size in sizes]
        self._warnings += [warning for batch in step for warning in batch.warnings]
        return step

    def _sizes(self) -> list[int]:
        """Of the micro-batches of the next step, over all ranks."""
        return self._order.sizes(self._seen % self.samples, self._accumulation)

    def _reader(self) -> "PatientReader[Batch | PipedBatch | VsrppError]":
        if self._batches is None:
            with os_errors("shared memory (/dev/shm)", "cannot be used", WITHOUT_SHARED_MEMORY), without_main():
                self._batches = PatientReader(iter(self._loader()))
        return self._batches

    def _taken(self, reader: "PatientReader[Batch | PipedBatch | VsrppError]") -> Batch:
        try:
            batch = reader.take()
        except RuntimeError as error:  # by which torch says that a worker is gone
            raise VsrppError(
                f"a process that reads training pictures has ended ({first_line(error)}); "
                "set data.workers lower, or to 0, and resume"
            ) from error
        if isinstance(batch, VsrppError):
            raise batch
        if isinstance(batch, Batch):
            return batch
        if not self._is_piped:
            self._is_piped = True
            self._warnings.append(
                f"shared memory (/dev/shm) is full, so pictures come from reading processes through pipes, which is "
                f"slower; {WITHOUT_SHARED_MEMORY}"
            )
        return batch.as_batch()

    def take_warnings(self) -> list[str]:
        """Warnings from reading the samples since the last call."""
        warnings, self._warnings = self._warnings, []
        return warnings

    def _part(self, size: int) -> int:
        """This rank's number of samples in a micro-batch of ``size``."""
        return len(range(self._rank, size, self._n_ranks))

    def confirm(self) -> None:
        """The step drawn last is done."""
        if self.is_at_end:
            self._enter(self._epoch + 1)
        self._seen, self._drawn = self._seen + self._drawn, 0

    @property
    def is_at_end(self) -> bool:
        """Whether the steps taken have ended an epoch."""
        return self._seen == self.samples

    def has_looked(self, seconds: float) -> bool:
        """Whether what was added to the dataset is known, for ``found``; waits up to ``seconds`` for that."""
        return self._arrivals is None or self._arrivals.has_looked(seconds)

    def found(self) -> Found:
        """What was added; nothing on other ranks than the first, which it must be told to."""
        return self._arrivals.take() if self._arrivals else Found()

    def begin_epoch(self, found: Found, step: int) -> Iterator[WarningRaised | EpochChanged]:
        """After the end of one, at ``step``: begin the next with all pairs, those found, and the weights asked for.

        Only where that changes something, which is told, is what was read ahead thrown away.
        """
        yield from (WarningRaised(message=sentence) for sentence in found.refused)
        new = len(self._dataset) + len(found.pairs) - self.pairs
        is_other = new > 0 or self._wanted != self._weights
        if is_other:
            self._close_reader()  # its processes have a copy of the dataset
            self._dataset.grow(found.pairs)
            self._weights, self.pairs = self._wanted, len(self._dataset)
        self._enter(self._epoch + 1)
        if is_other:
            yield EpochChanged(
                step=step,
                epoch=self.epoch,
                added=new,
                pairs=self.pairs,
                samples=self.samples,
                steps_per_epoch=self.steps_per_epoch,
                weights=self._weights,
            )

    def refusal(self, weights: str) -> str:
        """Why these (``data.weights``) cannot be gone by; empty where they can."""
        return refusal_of(read_weights(weights), self._dataset.categories(len(self._dataset))) if weights else ""

    def weigh(self, weights: str) -> None:
        """Go by these (``data.weights``) from the next epoch on; from this one where no step of it was drawn."""
        self._wanted = weights
        if not self._has_begun and weights != self._weights:
            self._close_reader()  # it may have read ahead while a drive was awaited
            self._weights = weights
            self._enter(self._epoch)

    def _enter(self, epoch: int) -> None:
        self._epoch, self._seen = epoch, 0
        self._order = self._order_of(epoch)

    def _order_of(self, epoch: int) -> EpochOrder:
        """By the pairs and weights of now."""
        return self._kept_orders(self.pairs, self._weights, epoch if self._weights else 0)

    def _made_order(self, pairs: int, weights: str, epoch: int) -> EpochOrder:
        groups, slots = self._dataset.groups(pairs), None
        if weights:
            slots = shown(self._dataset.categories(pairs), read_weights(weights), self._seed, epoch)
        return EpochOrder(self._seed, groups, self._batch_size, slots)

    def _state_of(self, samples: int) -> dict[str, Any]:
        """What a checkpoint keeps of the first ``samples``."""
        if samples not in self._identities:
            self._identities[samples] = identity = self._dataset.identity(samples)
            if len(set(self._dataset.groups(samples))) > 1:  # what an epoch has taken depends on it
                identity["batch_size"] = self._batch_size
        return self._identities[samples]

    def close(self) -> None:
        """End the workers, also those that hang."""
        self._close_reader()
        if self._arrivals:
            self._arrivals.close()

    def _close_reader(self) -> None:
        batches, self._batches = self._batches, None
        if batches:
            batches.close()

    def use_workers(self, workers: int) -> None:
        """Read on with as many, from the next step: what the others have read ahead is read again."""
        self.workers = workers
        self._close_reader()

    def state_dict(self) -> dict[str, Any]:
        weights = {"weights": self._weights} if self._weights else {}
        return {"epoch": self._epoch, "seen": self._seen, **self._state_of(self.pairs), **weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where the state was saved; with another dataset, at the start of the next epoch.

        What the dataset has beyond the state's samples joins at the next ``begin_epoch``.
        """
        changed = bool(self.difference(state))
        self._close_reader()
        self._has_begun = not changed
        self._weights = self._wanted if changed else state.get("weights", "")
        self.pairs = len(self._dataset) if changed or not state["samples"] else state["samples"]
        self._enter(state["epoch"] + 1 if changed else state["epoch"])
        self._seen = 0 if changed else state["seen"]

    def difference(self, state: dict[str, Any]) -> str:
        """How the dataset differs from the one in the state, in words; empty where it is the same or has grown."""
        then, count = state, len(self._dataset)
        if not then["samples"]:  # an imported network has not seen any of it
            return ""
        now = self._state_of(min(then["samples"], count))
        is_other = then["samples"] > count or then.get("fingerprint") not in (now["fingerprint"], None)
        if then["samples"] != count and (is_other or "fingerprint" not in then):
            return f"{count:,} training pairs instead of {then['samples']:,}"
        if then.get("geometry", now["geometry"]) != now["geometry"]:
            return f"LR stacks of {_in_words(now['geometry'])} instead of {_in_words(then['geometry'])}"
        if then.get("fingerprint", now["fingerprint"]) != now["fingerprint"]:
            return f"{now['samples']:,} training pairs as before, but other files"
        if then.get("batch_size") != now.get("batch_size"):
            return "its sizes are put into batches in another way"
        return ""

    def _plan(self, epoch: int, seen: int) -> list[list[list[SampleKey]]]:
        """Steps of the rest of an epoch, each a list of micro-batches, each a list of sample keys."""
        return _chunks(self._order_of(epoch).keys(epoch, seen), self._accumulation)

    def _micro_batches(self) -> Iterator[list[SampleKey]]:
        epoch, seen = self._epoch, self._seen
        while True:
            for step in self._plan(epoch, seen):
                yield from (keys[self._rank :: self._n_ranks] or keys[:1] for keys in step)
            epoch, seen = epoch + 1, 0

    def _loader(self) -> DataLoader[Read | VsrppError]:
        if self.workers:
            start_server()
        return DataLoader(
            _ErrorsAsValues(self._dataset),
            batch_sampler=_Batches(self._micro_batches()),
            num_workers=self.workers,
            collate_fn=_collate,
            pin_memory=torch.cuda.is_available(),
            multiprocessing_context="forkserver" if self.workers else None,
            worker_init_fn=begin_reading,
            generator=torch.Generator(),  # its own, so that making an iterator draws nothing from the global RNG
        )


class _Batches:
    """An endless batch sampler; a class only because DataLoader wants an iterable."""

    def __init__(self, batches: Iterator[list[SampleKey]]) -> None:
        self._iterator = batches

    def __iter__(self) -> Iterator[list[SampleKey]]:
        return self._iterator


class _ErrorsAsValues(Dataset["Read | VsrppError"]):
    """Returns warnings and errors as values: one raised in a worker process would arrive as a traceback."""

    def __init__(self, dataset: PairDataset) -> None:
        self._dataset = dataset

    def __getitem__(self, key: SampleKey) -> "Read | VsrppError":
        try:
            return self._dataset[key], self._dataset.take_warning()
        except VsrppError as error:
            return error


def _in_words(geometry: list[int]) -> str:
    n_frames, height, width = geometry
    return f"{n_frames} frames of {width}x{height}"


def _collate(read: list[Read | VsrppError]) -> "Batch | PipedBatch | VsrppError":
    samples, warnings = list[Sample](), list[str]()
    for one in read:
        if isinstance(one, VsrppError):
            return one
        sample, warning = one
        samples.append(sample)
        warnings += [warning] if warning else []
    frames, ground_truth = (torch.stack(tensors) for tensors in zip(*samples, strict=True))
    batch = Batch(frames, ground_truth, warnings=tuple(warnings))
    return _shared(batch) if get_worker_info() else batch


def _shared(batch: Batch) -> "Batch | PipedBatch":
    """A worker's batch in shared memory, where there is room: else torch would lose it, and all would wait for it."""
    try:
        batch.frames.share_memory_()
        batch.ground_truth.share_memory_()
    except RuntimeError:
        return PipedBatch(batch.frames.numpy().copy(), batch.ground_truth.numpy().copy(), batch.warnings)
    return batch


def _random_crop(
    frames: NDArray[np.uint8], ground_truth: NDArray[np.uint8], side: int, random: np.random.Generator
) -> Pair:
    top = int(random.integers(frames.shape[1] - side + 1))
    left = int(random.integers(frames.shape[2] - side + 1))
    scale = ground_truth.shape[0] // frames.shape[1]
    cropped = ground_truth[scale * top : scale * (top + side), scale * left : scale * (left + side)]
    return frames[:, top : top + side, left : left + side], cropped


def _augment(frames: NDArray[np.uint8], ground_truth: NDArray[np.uint8], random: np.random.Generator) -> Pair:
    flip_y, flip_x, transpose, reverse = random.random(4) < 0.5
    if flip_y:
        frames, ground_truth = frames[:, ::-1], ground_truth[::-1]
    if flip_x:
        frames, ground_truth = frames[:, :, ::-1], ground_truth[:, ::-1]
    if transpose and frames.shape[1] == frames.shape[2]:
        frames, ground_truth = frames.swapaxes(1, 2), ground_truth.swapaxes(0, 1)
    if reverse:
        frames = frames[::-1]
    return frames, ground_truth


def _channels_first(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, -1, -3)))


def _chunks(items: list[T], size: int) -> list[list[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
