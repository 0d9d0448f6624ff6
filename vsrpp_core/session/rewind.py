"""Resuming from an older checkpoint than the newest one.

The steps after it are trained again. Their checkpoints move to the run's trash first: otherwise a later resume would
prefer them to the branch that is trained now, and their best would outrank all that follows.
"""

from pathlib import Path
from typing import Any

from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.checkpoints import CheckpointStore, DamagedCheckpointError
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import BEST_NAMES, info_path, mark_damaged, read_checkpoint_info


def read_named(folder: RunFolder, wanted: str) -> tuple[str, dict[str, Any]]:
    """Name and contents of the checkpoint with this name or path.

    A best one is resolved to the file that it links to or copies. Raises VsrppError where it does not belong to this
    run or cannot be read.
    """
    asked = Path(wanted)
    path = folder.path / asked.name
    elsewhere = asked != Path(asked.name) and asked.absolute().parent != folder.path
    if elsewhere or not path.is_file():
        there = [info for info in folder.checkpoint_infos() if not info.is_damaged]
        example = f", e.g. {there[0].name}" if there else ""
        raise VsrppError(f"{wanted} is not in {folder.path}; name one of its checkpoints{example}")
    path = _link_target(path)
    try:
        return path.name, checkpoints.load(path)
    except DamagedCheckpointError:
        mark_damaged(path)
        raise


def _link_target(path: Path) -> Path:
    if path.name not in BEST_NAMES:
        return path
    info = read_checkpoint_info(info_path(path))
    target = path.parent / (path.readlink() if path.is_symlink() else info.name if info else path.name)
    return target if target.is_file() else path


def move_newer_to_trash(folder: RunFolder, name: str, state: dict[str, Any]) -> list[str]:
    """Move the checkpoints that a plain resume would prefer to this one into the trash; returns notes for the user.

    ``state`` is the checkpoint's content. Its best quality is forgotten where the file of that step is no longer kept:
    the best must always be a file that exists.
    """
    store, progress = CheckpointStore(folder), state["progress"]
    newer = store.newer_than(name, progress["step"], progress.get("branch", 0))
    place = store.put_aside(newer)
    if place is None:
        return []
    count = "1 newer checkpoint" if len(newer) == 1 else f"{len(newer)} newer checkpoints"
    where = place.relative_to(folder.path)
    reached = f", up to step {newer[0].step:,}," if newer[0].step > progress["step"] else ""
    notes = [f"going back to step {progress['step']:,}: {count}{reached} moved to {where}"]
    if progress["best_step"] and not store.renew_best(progress["best_step"]):
        notes.append(
            f"the best one until then, of step {progress['best_step']:,}, no longer exists; it is judged afresh"
        )
        progress.update(best_quality=0.0, best_step=0)
    return notes
