"""Which of several films are done, where existing results are to be replaced.

Without ``--overwrite`` a result that exists is done. With it an old result looks like one made an hour ago, so that
after an interruption days of work would be repeated; a mark beside each result makes the difference. Marks are removed
when all films are done, as the same command then means to make them again.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from vsrpp_core.apply.upscale.segments import fingerprint_of
from vsrpp_core.run.files import beside, read_json, write_text_atomically


class Mark:
    """A hidden file beside the result ``out``: which job made it, and its files then."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.path = beside(out, ".", ".vsrpp-done")

    def write(self, job: dict[str, Any], frames: int) -> None:
        values = {"job": job, "frames": frames, "result": fingerprint_of(self._out)}
        write_text_atomically(self.path, json.dumps(values, indent=1) + "\n")

    def frames_of(self, job: dict[str, Any]) -> int:
        """Pictures in the result, where this very job made it and it has not changed since; else 0."""
        try:
            values = read_json(self.path.read_bytes())
            is_same = values["job"] == json.loads(json.dumps(job)) and values["result"] == fingerprint_of(self._out)
            return int(values["frames"]) if is_same else 0
        except (OSError, ValueError, KeyError, TypeError):  # missing or torn: the film is made again
            return 0

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


class Marks:
    """The marks of several jobs; without ``is_kept`` there are none, as nothing is replaced."""

    def __init__(self, outs: Iterable[Path], is_kept: bool, fresh: bool) -> None:
        """``fresh``: results of earlier runs do not count."""
        self._marks = {out: Mark(out) for out in outs} if is_kept else {}
        if fresh:
            self.clear()

    def of(self, out: Path) -> Mark | None:
        return self._marks.get(out)

    def clear(self) -> None:
        for mark in self._marks.values():
            with suppress(OSError):  # a leftover mark only counts where nothing has changed
                mark.remove()
