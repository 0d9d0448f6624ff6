"""Resuming from an older checkpoint than the newest one.

The steps beyond it are taken again. What was saved of them is put in the run's trash first: left where it is, a later
resume would prefer it to the branch that is trained now, and the best of it would be judged better than all that comes.
"""

from pathlib import Path
from typing import Any

from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.checkpoints import CheckpointStore, DamagedCheckpointError
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import BEST_NAMES, info_path, mark_damaged, read_checkpoint_info


def read_chosen(folder: RunFolder, wanted: str) -> tuple[str, dict[str, Any]]:
    """Name and contents of the checkpoint that was asked for, by its name or its path.

    Of a best one it is the file that it is a link to, or a copy of. Raises VsrppError where it is not of this run or
    cannot be read.
    """
    asked = Path(wanted)
    path = folder.path / asked.name
    elsewhere = asked != Path(asked.name) and asked.absolute().parent != folder.path
    if elsewhere or not path.is_file():
        there = [info for info in folder.checkpoint_infos() if not info.is_damaged]
        example = f", e.g. {there[0].name}" if there else ""
        raise VsrppError(f"{wanted} is not in {folder.path}; name one of its checkpoints{example}")
    path = _meant(path)
    try:
        return path.name, checkpoints.load(path)
    except DamagedCheckpointError:
        mark_damaged(path)
        raise


def _meant(path: Path) -> Path:
    if path.name not in BEST_NAMES:
        return path
    info = read_checkpoint_info(info_path(path))
    target = path.parent / (path.readlink() if path.is_symlink() else info.name if info else path.name)
    return target if target.is_file() else path


def put_newer_aside(folder: RunFolder, name: str, state: dict[str, Any]) -> list[str]:
    """Move what a plain resume would prefer to this checkpoint into the trash; what is to be told of it.

    ``state`` is the checkpoint's content. Its best quality is forgotten where the file of that step is no longer kept:
    the best must always be one that is there.
    """
    store, progress = CheckpointStore(folder), state["progress"]
    newer = store.newer_than(name, progress["step"], progress.get("branch", 0))
    place = store.put_aside(newer)
    if place is None:
        return []
    count = "1 newer checkpoint" if len(newer) == 1 else f"{len(newer)} newer checkpoints"
    where = place.relative_to(folder.path)
    told = [f"going back to step {progress['step']:,}: {count}, up to step {newer[0].step:,}, moved to {where}"]
    if progress["best_step"] and not store.renew_best(progress["best_step"]):
        told.append(f"the best one until then, of step {progress['best_step']:,}, is no longer kept; it is judged anew")
        progress.update(best_quality=0.0, best_step=0)
    return told
