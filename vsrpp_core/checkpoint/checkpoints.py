"""Saving and loading checkpoints: atomic, verified, with best links and retention.

A checkpoint is a dictionary of plain types and tensors, so it loads with ``weights_only=True`` and no allow-list.
"""

import errno
import math
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import torch

from vsrpp_core.checkpoint.schema import check_state
from vsrpp_core.errors import VsrppError, describe_os_error, first_line, os_errors
from vsrpp_core.messages.kinds import CheckpointKind
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.files import TEMPORARY_PREFIX, write_atomically
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import (
    BEST_NAME,
    BEST_NAMES,
    BEST_OLD_NAME,
    EMERGENCY_NAME,
    RECOVERY_NAME,
    CheckpointInfo,
    info_by_name,
    info_path,
    mark_damaged,
    read_checkpoint_info,
    write_checkpoint_info,
    write_info_beside,
)

FORMAT = 2
SUFFIX = ".pth"


class CheckpointError(Exception):
    """A checkpoint could not be written; whatever was there before is intact. Says what, why, and what to do first."""


class DamagedCheckpointError(VsrppError):
    """The file itself cannot be read: cut off, or other bytes than were saved. One of another format is not damaged."""


class CheckpointStore:
    """The checkpoints of one run. ``keep_superseded_best`` may change at any time and counts from the next best one."""

    def __init__(self, folder: RunFolder, keep_superseded_best: bool = False) -> None:
        self._folder = folder
        self.keep_superseded_best = keep_superseded_best
        self._unread = set[str]()
        """Names of files that could not be read though nothing is known to be wrong with them."""

    @property
    def folder(self) -> Path:
        return self._folder.path

    def path(self, kind: CheckpointKind, step: int) -> Path:
        names = {"recovery": RECOVERY_NAME, "emergency": EMERGENCY_NAME}
        return self._folder.path / names[kind] if kind in names else self._folder.checkpoint(step)

    def save(self, state: dict[str, Any], describe: Callable[[str, int], CheckpointInfo]) -> CheckpointInfo:
        """Write ``state`` under the name its description gives, then the description beside it.

        ``describe`` is called with the file's name and its size in bytes, once the size is known; its kind and step
        must not depend on them. What was written is read back before it takes the name. Raises CheckpointError when the
        disk does not take it or gives back something else.
        """
        draft = describe("", 0)
        path = self.path(draft.kind, draft.step)
        try:
            self._keep_unread(path)
            self._keep_best_of_another_branch(path, draft.branch)
            write_atomically(path, lambda temporary: _write({"format": FORMAT, **state}, temporary), info_path(path))
            info = replace(describe(path.name, path.stat().st_size), crc="verified")
            write_checkpoint_info(self._folder.path, info)
        except OSError as error:
            raise CheckpointError(describe_os_error(error, path.name, "could not be written")) from error
        except VsrppError as error:  # of the trash
            raise CheckpointError(f"{path.name} could not be written: {error}") from error
        return info

    def mark_best(self, info: CheckpointInfo) -> None:
        """Point ``checkpoint_best.pth`` at this one and ``checkpoint_best_old.pth`` at the one before.

        A best file that neither link names any more is deleted, unless it is also a regular or manual one, or
        ``keep_superseded_best`` is set.
        """
        with os_errors(BEST_NAME, "could not be renewed", kind=CheckpointError):
            self._make_old(info)
            self._link(BEST_NAME, info.name)
            if not self.keep_superseded_best:
                self._drop_superseded()

    def newer_than(self, name: str, step: int, branch: int = 0) -> list[CheckpointInfo]:
        """What a resume would prefer to the checkpoint ``name``, which is of ``step`` and ``branch``; newest first.

        Those of which no step is known are among them, the last.
        """
        infos = self._folder.checkpoint_infos()
        saved_at = next((info.saved_at for info in infos if info.name == name), math.inf)
        at = (branch, step, saved_at)
        return [
            info
            for info in infos
            if (info.branch, info.step, info.saved_at) > at or (info.is_of_unknown_step and info.name != name)
        ]

    def put_aside(self, infos: Iterable[CheckpointInfo]) -> Path | None:
        """Move checkpoints into the trash, with their descriptions and what names them the best; the folder there."""
        names = {info.name for info in infos}
        best = {link for link in BEST_NAMES if self._best_target(link) in names}
        paths = [self._folder.path / name for name in sorted(names | best)]
        beside = [info_path(path) for path in paths]
        return self._folder.move_to_trash([path for path in (*paths, *beside) if os.path.lexists(path)])

    def renew_best(self, step: int) -> bool:
        """Where no checkpoint is named the best any more, name that of ``step``; False where it is not kept."""
        best, old = (self._folder.path / name for name in BEST_NAMES)
        wanted = self._folder.checkpoint(step)
        if best.exists():
            return True
        if not wanted.is_file():
            return False
        with os_errors(best, "could not be renewed"):
            self._link(BEST_NAME, wanted.name)
            if self._best_target(BEST_OLD_NAME) == wanted.name:
                old.unlink()
                info_path(old).unlink(missing_ok=True)
        return True

    def mend_best(self, step: int, branch: int) -> None:
        """Where the checkpoint of the best ``step`` is kept but not named so, name it: a kill came in between.

        Nothing where the file of that step is missing, damaged or of another branch. Raises CheckpointError.
        """
        path = self._folder.checkpoint(step)
        info = read_checkpoint_info(info_path(path)) if path.is_file() else None
        if info and info.branch == branch and not info.is_damaged and not self._is_best(info):
            self.mark_best(info)

    def _is_best(self, info: CheckpointInfo) -> bool:
        best = self._folder.path / BEST_NAME
        if best.is_symlink():
            return str(best.readlink()) == info.name
        copied = read_checkpoint_info(info_path(best)) if best.is_file() else None
        return copied is not None and (copied.branch, copied.step) == (info.branch, info.step)

    def kept_kind(self, step: int, branch: int = 0) -> CheckpointKind | None:
        """``regular`` or ``manual`` where the file of this step is one that stays, else None."""
        path = self._folder.checkpoint(step)
        info = read_checkpoint_info(info_path(path)) if path.is_file() else None
        return info.kind if info and info.branch == branch and info.kind in ("regular", "manual") else None

    def readable(self, up_to: int) -> Iterator[tuple[str, dict[str, Any] | VsrppError]]:
        """Names and contents of checkpoints of steps up to ``up_to``, the newest first; or why one cannot be read.

        Damaged files are marked as such.
        """
        for info in self._folder.checkpoint_infos():
            if info.step > up_to:
                continue
            path = self._folder.path / info.name
            try:
                yield info.name, load(path)
            except VsrppError as error:
                if isinstance(error, DamagedCheckpointError):
                    mark_damaged(path)
                else:
                    self._unread.add(info.name)
                yield info.name, error

    def load(self, name: str) -> dict[str, Any]:
        """The contents of one checkpoint; VsrppError where it cannot be read."""
        return load(self._folder.path / name)

    def clean(self) -> None:
        """Remove temporary files that a killed process left."""
        for leftover in self._folder.path.glob(f"{TEMPORARY_PREFIX}*"):
            leftover.unlink()

    def describe_missing(self) -> None:
        """Describe again, from its content, every checkpoint whose description is missing or may be another's.

        For whoever holds the run's lock: a process killed between a checkpoint and its description leaves such a pair,
        as does copying a run by a tool that sets its own times. Those marked as damaged are read again too, as a file
        can be brought back from elsewhere. A file that is whole but no checkpoint of this version stays undescribed.
        Raises VsrppError where a description cannot be written.
        """
        for path in self._folder.checkpoint_files():
            if path.name not in BEST_NAMES and info_by_name(path) is None:
                continue
            known = read_checkpoint_info(info_path(path))
            if known is None or known.is_damaged or _may_be_another_s(known, path):
                self._describe_anew(path, known)

    def _describe_anew(self, path: Path, known: CheckpointInfo | None) -> None:
        try:
            info = self._info_from(path, load(path), known)
        except DamagedCheckpointError:
            mark_damaged(path)
            return
        except VsrppError:  # reported when a session would resume from it
            return
        with os_errors(info_path(path), "cannot be written"):
            write_info_beside(path, info)

    def _info_from(self, path: Path, state: dict[str, Any], known: CheckpointInfo | None) -> CheckpointInfo:
        """The description of the checkpoint in ``path``, whose content is ``state``.

        Its kind and time are in no checkpoint: they are taken from ``known`` where that is of the same step.
        """
        progress, status = state["progress"], path.stat()
        step = progress["step"]
        is_copy = path.name in BEST_NAMES
        by_name = info_by_name(path)
        kind: CheckpointKind = "best" if is_copy else by_name.kind if by_name else "manual"
        same = known is not None and known.step == step
        return CheckpointInfo(
            name=self._folder.checkpoint(step).name if is_copy else path.name,
            step=step,
            epoch=state["stream"]["epoch"],
            max_steps=RunConfig.from_checkpoint(state["config"]).training.max_steps,
            kind=known.kind if known and same else kind,
            quality=progress["last_quality"] if progress["last_quality_step"] == step else math.nan,
            loss=progress["last_loss"],
            best_quality=progress["best_quality"],
            best_step=progress["best_step"],
            size=status.st_size,
            saved_at=known.saved_at if known and same else status.st_mtime,
            crc="verified",
            branch=progress.get("branch", 0),
        )

    def _make_old(self, info: CheckpointInfo) -> None:
        """The best so far becomes the one before, unless it is ``info`` itself."""
        best, old = self._folder.path / BEST_NAME, self._folder.path / BEST_OLD_NAME
        if self._is_best(info):
            return
        if best.is_symlink():
            self._link(BEST_OLD_NAME, str(best.readlink()))
        elif best.is_file() and read_checkpoint_info(info_path(best)):
            os.replace(best, old)
            os.replace(info_path(best), info_path(old))

    def _keep_unread(self, path: Path) -> None:
        """The run has gone back behind a file that it could not read, and takes its step again: that is kept."""
        if path.name in self._unread and os.path.lexists(path):
            self._folder.move_to_trash([each for each in (path, info_path(path)) if os.path.lexists(each)])
        self._unread.discard(path.name)

    def _keep_best_of_another_branch(self, path: Path, branch: int) -> None:
        """The run has gone back and takes the step of a best one again, perhaps not as well: keep that as a copy."""
        info = read_checkpoint_info(info_path(path)) if path.is_file() else None
        if info is None or info.branch == branch:
            return
        for link in BEST_NAMES:
            if (self._folder.path / link).is_symlink() and self._best_target(link) == path.name:
                self._copy(link, path.name)

    def _best_target(self, link: str) -> str:
        path = self._folder.path / link
        if path.is_symlink():
            return str(path.readlink())
        info = read_checkpoint_info(info_path(path)) if path.exists() else None
        return info.name if info else ""

    def _link(self, link: str, target: str) -> None:
        """A relative symlink, replaced atomically; where links are not allowed, a copy with its description."""
        path = self._folder.path / link
        temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{link}")
        temporary.unlink(missing_ok=True)
        try:
            temporary.symlink_to(target)
        except OSError:
            self._copy(link, target)
            return
        os.replace(temporary, path)
        info_path(path).unlink(missing_ok=True)  # of a copy that was here before

    def _copy(self, link: str, target: str) -> None:
        path = self._folder.path / link
        write_atomically(path, lambda copy: _copy(self._folder.path / target, copy), info_path(path))
        write_atomically(info_path(path), lambda copy: _copy(info_path(self._folder.path / target), copy))

    def _drop_superseded(self) -> None:
        keep = {self._best_target(BEST_NAME), self._best_target(BEST_OLD_NAME)}
        for info in self._folder.checkpoint_infos():
            if info.kind == "best" and info.name not in keep:
                (self._folder.path / info.name).unlink()
                info_path(self._folder.path / info.name).unlink()


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, its archive's CRC verified first (a bit flip loads silently otherwise).

    Raises DamagedCheckpointError where its bytes are not those that were saved. Any other VsrppError says nothing
    against the file: it is missing, cannot be read now, is of another version, or is not a whole checkpoint.
    """
    try:
        with path.open("rb") as file:
            damage = _damage(file)
            file.seek(0)
            state = {} if damage else _unpickled(file, path)
    except FileNotFoundError:
        raise VsrppError(f"{path} does not exist; name a checkpoint file (.pth) of a run") from None
    except IsADirectoryError:
        raise VsrppError(f"{path} is a folder; name a checkpoint file (.pth) in it") from None
    except OSError as error:
        raise VsrppError(
            f"{path} cannot be read ({error.strerror or error}); try again once it can, or use another one"
        ) from None
    if damage and path.suffix.lower() != SUFFIX:  # a file of a run that is no archive was one
        raise VsrppError(
            f"{path} is not a checkpoint of VSR++; name a .pth file of a run or a .safetensors file that "
            "`vsrpp export` wrote"
        )
    if damage:
        raise DamagedCheckpointError(f"{path} {damage}; use another checkpoint")
    found = state.get("format") if isinstance(state, dict) else None
    if type(found) is int and found > FORMAT:
        raise VsrppError(
            f"{path} is not a checkpoint of this version of VSR++ but of a newer one (format {found}, where this one "
            f"reads {FORMAT}); use that version, or name another file"
        )
    if found != FORMAT:
        raise VsrppError(f"{path} is not a checkpoint of this version of VSR++; name another file")
    check_state(state, path)
    return state


def _unpickled(file: BinaryIO, path: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # the bytes are those that were saved, by whatever program it was
        if refused := _refused(error):
            raise refused from None
        reason = f"{path} cannot be read as a checkpoint ({first_line(error)}); use another one"
        unreadable = "PytorchStreamReader" in str(error)  # its part of the archive that has no CRC
        raise (DamagedCheckpointError(reason) if unreadable else VsrppError(reason)) from None


def network_weights(state: dict[str, Any]) -> dict[str, Any]:
    """Of a checkpoint the weights to use: the moving average where there is one, else the raw ones."""
    weights: dict[str, Any] = state["average"]["weights"] or state["model"]
    return weights


def _may_be_another_s(info: CheckpointInfo, path: Path) -> bool:
    """Whether ``info``, found beside ``path``, may describe what was there before.

    A description is written after its checkpoint, so an older one is suspect. Its time alone proves nothing: copying
    can turn the order round, and then reading the file confirms what is known.
    """
    checkpoint, description = path.stat(), info_path(path).stat()
    return info.size != checkpoint.st_size or checkpoint.st_mtime_ns > description.st_mtime_ns


def _damage(file: Path | BinaryIO) -> str:
    """What is wrong with an archive, to follow its name in a sentence, or empty. OSError where it cannot be read now.

    A directory of the archive with wrong bytes makes the reader look in places that cannot be: that is EINVAL.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            part = archive.testzip()
    except Exception as error:  # a flipped bit in the archive's directory makes its readers raise almost anything
        if refused := _refused(error):
            raise refused from None
        return f"cannot be read as a checkpoint ({first_line(error)})"
    return f"is damaged (its part {part} fails the check)" if part else ""


def _refused(error: BaseException) -> OSError | None:
    """Of the errors that led to this one, the one by which the system did not read a file at all.

    It says nothing of what is in the file. Libraries hide it behind errors of their own.
    """
    at: BaseException | None = error
    while at:
        if isinstance(at, OSError) and at.errno not in (None, errno.EINVAL):
            return at
        at = at.__cause__ or at.__context__
    return None


def _write(state: dict[str, Any], path: Path) -> None:
    """``state`` as an archive that was found whole when read back, as the operating system gives it."""
    try:
        with path.open("wb") as file:  # by a path torch writes itself, and forgets why a disk took no more
            torch.save(state, file)
    except RuntimeError as error:  # of an archive cut short; what had cut it off came before
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise OSError(first_line(error)) from error
    if damage := _damage(path):
        raise OSError(f"what the disk gave back {damage}")


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
