"""Which of several films are done, where those that were there before are to be replaced.

Without ``--overwrite`` a result that is there is done. With it one cannot tell an old result from one made an hour ago,
so that after an interruption days of work would be done again; a mark beside each result tells. Marks are gone when all
of the films are done, as then the same command means to make them again.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from vsrpp_core.run.files import write_text_atomically


class Mark:
    """Hidden, beside the result ``out``: by which job it was made, and how it looked then."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.path = out.with_name(f".{out.name}.vsrpp-done")

    def write(self, job: dict[str, Any], frames: int) -> None:
        values = {"job": job, "frames": frames, "result": _look(self._out)}
        write_text_atomically(self.path, json.dumps(values, indent=1) + "\n")

    def frames_of(self, job: dict[str, Any]) -> int:
        """Pictures in the result, where just this job made it and nothing has touched it since; else 0."""
        try:
            values = json.loads(self.path.read_text(encoding="utf-8"))
            is_same = values["job"] == json.loads(json.dumps(job)) and values["result"] == _look(self._out)
            return int(values["frames"]) if is_same else 0
        except (OSError, ValueError, KeyError, TypeError):  # none, or torn: the film is made again
            return 0

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


class Marks:
    """The marks of several jobs; none are kept where ``is_kept`` is not set, as nothing is replaced."""

    def __init__(self, outs: Iterable[Path], is_kept: bool, fresh: bool) -> None:
        """``fresh``: what an earlier call did does not count."""
        self._marks = {out: Mark(out) for out in outs} if is_kept else {}
        if fresh:
            self.clear()

    def of(self, out: Path) -> Mark | None:
        return self._marks.get(out)

    def clear(self) -> None:
        for mark in self._marks.values():
            with suppress(OSError):  # a mark that stays spares work only where nothing has changed
                mark.remove()


def _look(out: Path) -> list[int]:
    """Number, bytes and newest time (ns) of its files."""
    stats = [path.stat() for path in (sorted(out.iterdir()) if out.is_dir() else [out])]
    return [len(stats), sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)]
