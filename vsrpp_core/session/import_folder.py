"""From a whole folder of the original VSR++, what it called ``Learn``, to a run: every checkpoint, and the settings.

Separate from import_run.py, which takes one file that must be right: here each thing comes along or is named with the
reason why not. The folder is only read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vsrpp_core.checkpoint.legacy_checkpoint import AS_NAMED, Blocks, read_original
from vsrpp_core.errors import UsageError, VsrppError, os_errors
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.legacy_settings import NAMES, read_original_settings, read_settings_of_folder
from vsrpp_core.run.names import is_meant
from vsrpp_core.session.import_run import ImportedRun, Source, config_for, notes_on, of_original, save

CHECKPOINT = re.compile(r"checkpoint_(?:step_(\d+)(_emergency)?|emergency)\.pth")

HISTORY = "the history stays where it is; the run's own log and charts begin now"
OLDER_SETTINGS = "settings as they were at a checkpoint; those of the newest are used"
OTHER = "nothing that a run has"
REASONS = (
    (re.compile(r"logs|.*\.log|training_status\.txt|statistik.*\.json", re.IGNORECASE), HISTORY),
    (re.compile(r"runtime_config_step_.*\.json|.*_config_ref\.json|config_.*\.py|config\.py\..*"), OLDER_SETTINGS),
)


@dataclass(frozen=True, slots=True)
class Left:
    """A file or folder that did not come along, by its name in the folder, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportedFolder:
    """``newest`` is what the run goes on from; ``checkpoints`` are the names of all in the run, the newest first."""

    run: Path
    newest: ImportedRun
    checkpoints: tuple[str, ...]
    left: tuple[Left, ...]


def import_folder(
    folder: Path, run: Path | None = None, settings_file: Path | None = None, blocks: Blocks = AS_NAMED
) -> ImportedFolder:
    """Make ``run``, by default ``folder`` with ``-vsrpp`` at its name, from a folder of the original.

    Checkpoints come along whose network has the form of the newest that can be read. Settings are those of
    ``settings_file``, else of the files of NAMES in the folder. Raises VsrppError where there is no checkpoint to read
    or the run holds a network already, UsageError where the run would be in the folder.
    """
    where = RunFolder(run or folder.resolve().with_name(f"{folder.resolve().name}-vsrpp"))
    if where.path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{folder} is left as it is, so the run cannot be in it; name another folder for it")
    with os_errors(folder, "cannot be read"):
        there = sorted(path for path in folder.iterdir() if is_meant(path.name))
    left = [Left(path.name, _why_not(path)) for path in there if not _is_checkpoint(path) and path.name not in NAMES]
    sources = _readable([path for path in there if _is_checkpoint(path)], left, blocks)
    newest = next(sources, None)
    if newest is None:
        raise VsrppError(_nothing_in(folder, left))
    settings = read_original_settings(settings_file) if settings_file else read_settings_of_folder(folder)
    left += [Left(key, f"its value must be computed (in {folder / NAMES[1]})") for key in settings.computed]
    left += [Left(str(fault), "is no value that the setting can have") for fault in settings.faults]
    with where.lock():
        config = config_for(where, newest, settings)
        saved = [save(newest, config, where)]
        config.save(where.config)
        saved += [save(source, config, where) for source in sources]
    notes = (*newest.notes, *notes_on(newest, config, settings, where))
    made = ImportedRun(saved[0], config, settings if settings.paths else None, notes)
    return ImportedFolder(where.path, made, tuple(one.name for one in saved), tuple(left))


def _is_checkpoint(path: Path) -> bool:
    return bool(CHECKPOINT.fullmatch(path.name))


def _why_not(path: Path) -> str:
    if path.is_symlink():
        return f"a link to {path.readlink()}; the best is judged afresh, as quality was measured on another scale"
    return next((reason for pattern, reason in REASONS if pattern.fullmatch(path.name)), OTHER)


def _readable(paths: list[Path], left: list[Left], blocks: Blocks) -> Iterator[Source]:
    """One of each step, the newest first, all of the first one's form; of the others ``left`` learns why not."""
    taken, form = dict[int, str](), None
    for path in sorted(paths, key=_age):
        try:
            found = read_original(path, blocks)
        except VsrppError as error:
            left.append(Left(path.name, str(error)))
            continue
        if found.step == 0:
            left.append(
                Left(path.name, "saved in a crash by a version that noted no step; vsrpp import takes it alone")
            )
        elif found.step in taken:
            left.append(Left(path.name, f"of step {found.step:,}, as is {taken[found.step]}"))
        elif form and found.form != form:
            left.append(Left(path.name, "of a network of another form than the newest"))
        else:
            taken[found.step], form = path.name, found.form
            yield of_original(path, found, blocks)


def _age(path: Path) -> tuple[int, bool]:
    """To sort by: the newest by its name first, one of a crash after that of the same step."""
    match = CHECKPOINT.fullmatch(path.name)
    return (-int(match[1] or 0) if match else 0, "emergency" in path.name)


def _nothing_in(folder: Path, left: list[Left]) -> str:
    unread = next((one.reason for one in left if CHECKPOINT.fullmatch(one.name)), "")
    if unread:
        return f"no checkpoint in {folder} can be imported; of the newest: {unread}"
    return f"{folder} holds no checkpoint of the original VSR++ (checkpoint_step_N.pth); name the folder that does"
