"""The hidden folder in which a long job keeps what is finished, so that the same command resumes it.

Separate from what preparing and upscaling keep in theirs: both are locked, recognised and cleared in the same way.
"""

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar, Self

from filelock import FileLock

from vsrpp_core.errors import UsageError, VsrppError, os_errors
from vsrpp_core.run.files import beside, read_json, write_text_atomically
from vsrpp_core.run.locks import take

FORMAT = 1
JOB_NAME, LOCK_NAME = "job.json", ".lock"


class JobFolder:
    """Beside ``out``, which it becomes. Entered while a process works in it; a second process is refused.

    Subclasses say how it is named (``suffix``) and when it holds finished work (``is_begun``).
    """

    suffix: ClassVar[str]

    def __init__(self, out: Path) -> None:
        self.out, self.path = out, beside(out, ".", self.suffix)
        self._lock = FileLock(self.path / LOCK_NAME)

    def __enter__(self) -> Self:
        with os_errors(self.path, "cannot be written"):
            self.path.mkdir(parents=True, exist_ok=True)
            if not take(self._lock):
                raise VsrppError(f"{self.out} is being made by another process; wait for it or end it")
        return self

    def __exit__(self, *_: object) -> None:
        """A folder without finished work is of no use to a later call."""
        if self.path.is_dir() and not self.is_begun:
            self.remove()
        self._lock.release()

    @property
    def is_begun(self) -> bool:
        """Whether there is finished work to resume from."""
        raise NotImplementedError

    def open_for(self, job: dict[str, Any], fresh: bool) -> None:
        """Describe the job, after removing what is not finished; ``fresh`` removes finished work, too.

        UsageError where the folder holds finished work of another job.
        """
        wanted = json.loads(json.dumps({"format": FORMAT, **job}))
        if fresh or not self.is_begun:
            self.clear()
        elif different := self._differences(wanted):
            raise UsageError(
                f"{self.path} holds part of {self.out.name}, made with another {', '.join(different)}; "
                "use the same again to resume, or --fresh to start over"
            )
        write_text_atomically(self.path / JOB_NAME, json.dumps(wanted, indent=1) + "\n")

    def clear(self) -> None:
        """Remove everything but the lock; the description last, as what is left after a kill is still its work."""
        for path in sorted(self.path.iterdir(), key=lambda path: path.name == JOB_NAME):
            if path.name != LOCK_NAME:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def remove(self) -> None:
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def _differences(self, wanted: dict[str, Any]) -> list[str]:
        """Keys under which the job found differs from the ``wanted`` one."""
        try:
            found = read_json((self.path / JOB_NAME).read_bytes())
        except FileNotFoundError:
            return []
        except ValueError:
            found = None
        if not isinstance(found, dict):
            return ["description"]
        return [key for key in sorted({*wanted, *found}) if not self.is_same(key, wanted.get(key), found.get(key))]

    def is_same(self, key: str, wanted: Any, found: Any) -> bool:
        """Whether finished work made with the value ``found`` is what ``wanted`` makes."""
        return bool(wanted == found)
