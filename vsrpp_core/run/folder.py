"""Every path of a run, its lock, what it holds, and how it is put in the trash.

Separate from checkpoints.py so that a start screen can tell what a run holds without loading torch: everything
about a checkpoint is read from the small JSON file beside it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path

from filelock import FileLock

from vsrpp_core.errors import VsrppError, command, describe_os_error, os_errors
from vsrpp_core.messages import journal
from vsrpp_core.messages.events import RunBranched
from vsrpp_core.run.crash_dump import crash_name, read_crash
from vsrpp_core.run.files import TEMPORARY_PREFIX, walk
from vsrpp_core.run.locks import is_taken, take
from vsrpp_core.run.names import user_folder
from vsrpp_core.run.sidecar import (
    BEST_NAME,
    BEST_NAMES,
    BEST_OLD_NAME,
    EMERGENCY_NAME,
    RECOVERY_NAME,
    CheckpointInfo,
    info_of,
    info_path,
    read_checkpoint_info,
    write_checkpoint_info,
)
from vsrpp_core.run.trash import TRASH_NAME, Trashed, in_the_way, list_trash, move_all, new_trash_folder

__all__ = [
    "BEST_NAME",
    "BEST_OLD_NAME",
    "CONFIG_NAME",
    "EMERGENCY_NAME",
    "RECOVERY_NAME",
    "CheckpointInfo",
    "RunFolder",
    "RunSummary",
    "Trashed",
    "demo_run_path",
    "info_path",
    "read_checkpoint_info",
    "write_checkpoint_info",
]

CONFIG_NAME = "config.toml"
LOCK_NAME = ".lock"
MADE = (
    "checkpoint_*.pth",
    "checkpoint_*.json",
    "events.jsonl",
    "training.log",
    "crash.log",
    "training_status.txt",
    "logs",
    "pictures",
    f"{TEMPORARY_PREFIX}*",
)
"""What training leaves in a run's folder. Anything else there is the user's own."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run holds, for a start screen."""

    path: Path
    exists: bool
    checkpoints: tuple[CheckpointInfo, ...]
    """Newest step first; only files that exist, damaged ones among them."""
    n_files: int
    size: int
    """Bytes of all files, the trash left out."""
    data_root: str
    """The dataset named in ``config.toml``, or empty."""
    max_steps: int
    """Steps to train in all by ``config.toml``, or 0."""
    problem: str
    """What is wrong with ``config.toml``, a sentence, or empty."""
    locked_by: int
    """PID of the process that trains this run now, or 0."""
    crash: str = ""
    """What the last session ended by, where that was below Python, e.g. ``Segmentation fault``."""
    ancestry: tuple[RunBranched, ...] = ()
    """Where it comes from, its oldest ancestor first; nothing for a run that began by itself."""

    @property
    def newest(self) -> CheckpointInfo | None:
        """The newest checkpoint that is not known to be damaged."""
        return next((info for info in self.checkpoints if not info.is_damaged), None)

    @property
    def n_damaged(self) -> int:
        return sum(info.is_damaged for info in self.checkpoints)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to train."""
        return self.newest is not None and 0 < self.max_steps <= self.newest.step


class RunFolder:
    """A run on disk. Making one touches nothing; ``create`` makes the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / CONFIG_NAME

    @property
    def journal(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def training_log(self) -> Path:
        return self.path / "training.log"

    @property
    def crash_log(self) -> Path:
        return self.path / "crash.log"

    @property
    def socket(self) -> Path:
        """Where the process that trains the run takes commands of others."""
        return self.path / ".socket"

    @property
    def output(self) -> Path:
        """What a session without a terminal prints. Deleting the run leaves it: that session may be writing there."""
        return self.path / "output.log"

    @property
    def status(self) -> Path:
        return self.path / "training_status.txt"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def pictures(self) -> Path:
        return self.path / "pictures"

    @property
    def screenshots(self) -> Path:
        """Pictures of the screen that the user took: theirs, so deleting the run leaves them."""
        return self.path / "screenshots"

    @property
    def trash(self) -> Path:
        return self.path / TRASH_NAME

    def checkpoint(self, step: int) -> Path:
        return self.path / f"checkpoint_step_{step}.pth"

    def scoring_command(self, checkpoint: str) -> str:
        """That scores the best network of a complete run, or else ``checkpoint``."""
        from vsrpp_core.run.config import RunConfig  # as in _settings

        best, restores = self.path / BEST_NAME, False
        with suppress(VsrppError):  # settings that cannot be read are told elsewhere
            restores = RunConfig.load(self.config).model.scale == 1
        protocol = ("--protocol", "real") if restores else ()  # by the usual one LR would be the ground truth
        return command("vsrpp", "evaluate", best if best.exists() else self.path / checkpoint, "CLIP", *protocol)

    def create(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise VsrppError(f"{self.path} is a file, not a run's folder; name another folder")
        with os_errors(self.path, "cannot be made", "choose a folder you can write to"):
            self.path.mkdir(parents=True, exist_ok=True)

    def contents(self) -> list[Path]:
        """What deleting would move away: what training made, and nothing else that lies in the folder.

        ``config.toml`` is not among it: settings are the user's work, and a fresh start keeps them.
        """
        if not self.path.is_dir():
            return []
        return sorted(p for p in self.path.iterdir() if any(fnmatchcase(p.name, made) for made in MADE))

    def files(self) -> Iterator[tuple[Path, int]]:
        """Every file under ``contents`` with its size in bytes; links are counted, never followed."""
        for entry in self.contents():
            if entry.is_symlink() or not entry.is_dir():
                yield entry, entry.lstat().st_size
                continue
            yield from walk(entry)

    def summary(self) -> RunSummary:
        """Quick: file sizes and the JSON beside each checkpoint; no checkpoint is opened."""
        sizes, ancestry = [size for _, size in self.files()], tuple[RunBranched, ...]()
        with suppress(OSError):  # told to who opens it for its curves
            ancestry = self.ancestry()
        data_root, max_steps, problem = self._settings()
        return RunSummary(
            path=self.path,
            exists=bool(sizes),
            checkpoints=tuple(self.checkpoint_infos()),
            n_files=len(sizes),
            size=sum(sizes),
            data_root=data_root,
            max_steps=max_steps,
            problem=problem,
            locked_by=self.owner(),
            crash=crash_name(read_crash(self.crash_log)),
            ancestry=ancestry,
        )

    def ancestry(self) -> tuple[RunBranched, ...]:
        """As a summary has it. The journal begins with it, and no more is read. Raises OSError."""
        begun = takewhile(lambda event: isinstance(event, RunBranched), journal.replay(self.journal))
        return tuple(event for event in begun if isinstance(event, RunBranched))

    def checkpoint_files(self) -> list[Path]:
        """Every checkpoint, and the best ones where they are copies and not links."""
        files = (path for path in self.path.glob("checkpoint_*.pth") if path.is_file())
        return sorted(path for path in files if not (path.name in BEST_NAMES and path.is_symlink()))

    def missing_checkpoints(self) -> list[Path]:
        """Links to checkpoints on a drive that is not there now."""
        links = (path for path in self.path.glob("checkpoint_*.pth") if path.is_symlink() and not path.exists())
        return sorted(path for path in links if path.name not in BEST_NAMES)

    def checkpoint_infos(self) -> list[CheckpointInfo]:
        """Every checkpoint, the newest step first; at equal steps the latest written first.

        What was saved before the run went back to an earlier checkpoint is older than all that was saved after. Told
        from the JSON beside it, or from its name where that is not readable; damaged ones are among them.
        """
        infos = (info_of(path) for path in self.checkpoint_files())
        return sorted(filter(None, infos), key=lambda info: (info.branch, info.step, info.saved_at), reverse=True)

    def move_to_trash(self, entries: Sequence[Path] | None = None) -> Path | None:
        """Move ``entries``, or everything of this run, into ``.trash/<time>``; the folder there, or None for nothing.

        Entries are renamed, so a symbolic link moves as a link and what it points to stays where it is. All are moved
        or, with a VsrppError, none.
        """
        entries = self.contents() if entries is None else entries
        if not entries:
            return None
        target = new_trash_folder(self.trash)
        try:
            move_all(entries, target)
        except VsrppError:
            _remove_if_empty(target)
            raise
        return target

    def trashed(self) -> list[Trashed]:
        """What could be brought back, the latest deletion first."""
        return list_trash(self.trash)

    def restore_from_trash(self, path: Path) -> int:
        """Move what lies in ``path``, a folder of the trash, back into the run; the number of entries moved.

        Takes the run's lock. Raises VsrppError, with nothing moved, where the run holds something of the same name. A
        kill in between overwrites nothing either, and restoring once more brings the rest.
        """
        path = path.absolute()
        if path.parent != self.trash or any(p.is_symlink() for p in (path, self.trash)) or not path.is_dir():
            raise VsrppError(f"{path} is no folder of {self.trash}; name one of those")
        with self.lock():
            entries = sorted(path.iterdir())
            if held := in_the_way(entries, self.path):
                more = f" and {len(held) - 1} more" if len(held) > 1 else ""
                raise VsrppError(
                    f"{self.path} holds {held[0]}{more} now, which would be overwritten; put that in the trash first"
                )
            move_all(entries, self.path)
            _remove_if_empty(path)
            _remove_if_empty(self.trash)
        return len(entries)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; VsrppError with the holder's PID when another has it.

        The lock is the operating system's and goes with the process, so a killed trainer leaves none behind. A folder
        that was made for it goes again where nothing else came into it: a start that was refused leaves no run.
        """
        is_new = not self.path.exists()
        self.create()
        lock, owner = FileLock(self.path / LOCK_NAME), self.path / ".owner"
        try:
            if not take(lock):
                raise VsrppError(
                    f"{self.path} is being trained by another process (PID {self._owner_pid() or 'unknown'}); "
                    "stop that one first or name another run"
                )
            owner.write_text(str(os.getpid()), encoding="ascii")
        except OSError as error:
            lock.release()
            raise VsrppError(describe_os_error(error, self.path, "cannot be locked")) from None
        try:
            yield
        finally:
            owner.unlink(missing_ok=True)
            if is_new:
                self._leave_if_empty()
            lock.release()

    def _leave_if_empty(self) -> None:
        """Remove the folder with its lock, which is still held: who comes meanwhile finds it taken or makes another."""
        with suppress(OSError):  # another process has just begun there, or the drive is gone
            if [path.name for path in self.path.iterdir()] == [LOCK_NAME]:
                (self.path / LOCK_NAME).unlink()
                self.path.rmdir()

    def owner(self) -> int:
        """PID of the process that holds the lock now, or 0."""
        try:
            return self._owner_pid() if is_taken(self.path / LOCK_NAME) else 0
        except OSError:  # there is none yet; or the drive takes none, and nothing is trained there either
            return 0

    def _owner_pid(self) -> int:
        try:
            return int((self.path / ".owner").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def _settings(self) -> tuple[str, int, str]:
        """Dataset, steps in all, and what is wrong with the file they were to be read from."""
        if self.path.exists() and not self.path.is_dir():
            return "", 0, f"{self.path} is a file; name a folder"
        if not self.config.is_file():
            return "", 0, ""
        from vsrpp_core.run.config import RunConfig  # only when there is a file to read: pydantic costs 0.1 s

        try:
            config = RunConfig.load(self.config)
        except VsrppError as error:
            return "", 0, str(error)
        return config.data.root, config.training.max_steps, ""


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # something else lies in it, and stays
        folder.rmdir()


def demo_run_path() -> Path:
    """Where the demo trains unless told otherwise."""
    return user_folder("data") / "demo-run"
