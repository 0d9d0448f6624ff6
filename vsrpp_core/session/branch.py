"""Another run from a checkpoint of one: it goes on as that would, but for the settings that are changed.

With none changed it trains the same weights bit for bit. The run that it comes from is only read, and may be training.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from vsrpp_core.errors import VsrppError, os_errors
from vsrpp_core.messages.events import RunBranched
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.files import TEMPORARY_PREFIX, beside, sync
from vsrpp_core.run.folder import LOCK_NAME, RunFolder
from vsrpp_core.run.locks import take
from vsrpp_core.run.settings import Overrides
from vsrpp_core.run.sidecar import info_path
from vsrpp_core.session.plan import check_resumable, read_checkpoint, refuse_init


@dataclass(frozen=True, slots=True)
class Branch:
    """A new run. ``changed``: the settings in which it differs from the one that it comes from."""

    folder: RunFolder
    origin: RunBranched
    changed: Overrides


def branch(parent: RunFolder, path: Path, checkpoint: str = "", overrides: Overrides | None = None) -> Branch:
    """Make the run ``path`` from ``checkpoint`` of ``parent``, or from its newest.

    The new run has the checkpoint, the best one before it where that is kept, the settings, and the parent's ancestry
    followed by its own. Raises VsrppError, and makes nothing, where it holds anything already, the checkpoint cannot be
    read, or a setting is of another network.
    """
    folder = RunFolder(path)
    if folder.path.exists() and not (folder.path.is_dir() and not any(folder.path.iterdir())):
        raise VsrppError(f"{folder.path} exists already; name a new folder")
    name, state, _ = read_checkpoint(parent, checkpoint)
    known = RunConfig.load_if_any(parent.config) or RunConfig.from_checkpoint(state["config"])
    config = known.with_overrides(overrides or {})
    refuse_init(known, overrides or {})
    check_resumable(parent, config, name, state)
    progress = state["progress"]
    origin = RunBranched(parent=str(parent.path), checkpoint=name, step=progress["step"])
    best = parent.checkpoint(progress["best_step"])
    files = dict.fromkeys([parent.path / name, *([best] if best.is_file() else [])])
    with os_errors(folder.path, "cannot be made", "choose a folder you can write to"), _draft_of(folder) as draft:
        _fill(draft, files, config, (*parent.ancestry(), origin))
        draft.path.rename(folder.path)
    before = {setting.key: setting.value for setting in known.settings()}
    changed = {setting.key: setting.value for setting in config.settings() if setting.value != before[setting.key]}
    return Branch(folder, origin, changed)


@contextmanager
def _draft_of(folder: RunFolder) -> Iterator[RunFolder]:
    """An empty folder beside a run's, for this process alone; removed unless it is renamed."""
    draft = RunFolder(beside(folder.path, TEMPORARY_PREFIX))
    draft.path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(draft.path / LOCK_NAME)
    if not take(lock):
        raise VsrppError(f"another process makes {folder.path} already; name another folder")
    try:
        for old in draft.path.iterdir():  # of one that was killed
            if old.name != LOCK_NAME:
                old.unlink()
        yield draft
    except BaseException:
        shutil.rmtree(draft.path, ignore_errors=True)
        raise
    finally:
        lock.release()


def _fill(draft: RunFolder, files: dict[Path, None], config: RunConfig, origins: tuple[RunBranched, ...]) -> None:
    for source in files:
        copy = draft.path / source.name
        shutil.copy2(source, copy)
        sync(copy)
        if info_path(source).is_file():
            shutil.copy2(info_path(source), info_path(copy))
    config.save(draft.config)
    with JournalWriter(draft.journal) as writer:
        for origin in origins:
            writer.handle(origin)
