"""Saving and loading checkpoints: atomic, verified, with best links and retention.

A checkpoint is a dictionary of plain types and tensors, so it loads with ``weights_only=True`` and no allow-list.
"""

import contextlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import CheckpointKind
from vsrpp_core.run.files import TEMPORARY_PREFIX, write_atomically
from vsrpp_core.run.folder import (
    BEST_NAME,
    BEST_OLD_NAME,
    EMERGENCY_NAME,
    RECOVERY_NAME,
    CheckpointInfo,
    RunFolder,
    info_path,
    read_checkpoint_info,
    write_checkpoint_info,
)

FORMAT = 2


class CheckpointError(Exception):
    """A checkpoint could not be written; whatever was there before is intact."""


class CheckpointStore:
    """The checkpoints of one run."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def path(self, kind: CheckpointKind, step: int) -> Path:
        names = {"recovery": RECOVERY_NAME, "emergency": EMERGENCY_NAME}
        return self._folder.path / names[kind] if kind in names else self._folder.checkpoint(step)

    def save(self, state: dict[str, Any], describe: Callable[[str, int], CheckpointInfo]) -> CheckpointInfo:
        """Write ``state`` under the name its description gives, then the description beside it.

        ``describe`` is called with the file's name and its size in bytes, once the size is known; its kind and step
        must not depend on them. Raises CheckpointError when the disk does not take it.
        """
        draft = describe("", 0)
        path = self.path(draft.kind, draft.step)
        try:
            write_atomically(path, lambda temporary: _torch_save({"format": FORMAT, **state}, temporary))
            info = describe(path.name, path.stat().st_size)
            write_checkpoint_info(self._folder.path, info)
        except OSError as error:
            raise CheckpointError(f"{path.name} could not be written: {error}") from error
        return info

    def mark_best(self, info: CheckpointInfo) -> None:
        """Point ``checkpoint_best.pth`` at this one and ``checkpoint_best_old.pth`` at the one before.

        A best file that neither link names any more is deleted, unless it is also a regular or manual one.
        """
        previous = self._best_target(BEST_NAME)
        try:
            if previous and previous != info.name:
                self._link(BEST_OLD_NAME, previous)
            self._link(BEST_NAME, info.name)
            self._drop_superseded()
        except OSError as error:
            raise CheckpointError(f"{BEST_NAME} could not be renewed: {error}") from error

    def kept_kind(self, step: int) -> CheckpointKind | None:
        """``regular`` or ``manual`` where the file of this step is one that stays, else None."""
        path = self._folder.checkpoint(step)
        info = read_checkpoint_info(info_path(path)) if path.is_file() else None
        return info.kind if info and info.kind in ("regular", "manual") else None

    def readable(self, up_to: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Names and contents of checkpoints of steps up to ``up_to``, the newest first; damaged ones are left out."""
        for info in self._folder.checkpoint_infos():
            if info.step <= up_to:
                with contextlib.suppress(VsrppError):
                    yield info.name, load(self._folder.path / info.name)

    def load(self, name: str) -> dict[str, Any]:
        """The contents of one checkpoint; VsrppError where it cannot be read."""
        return load(self._folder.path / name)

    def clean(self) -> None:
        """Remove temporary files that a killed process left."""
        for leftover in self._folder.path.glob(f"{TEMPORARY_PREFIX}*"):
            leftover.unlink()

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
            write_atomically(path, lambda copy: _copy(self._folder.path / target, copy))
            write_atomically(info_path(path), lambda copy: _copy(info_path(self._folder.path / target), copy))
            return
        os.replace(temporary, path)

    def _drop_superseded(self) -> None:
        keep = {self._best_target(BEST_NAME), self._best_target(BEST_OLD_NAME)}
        for info in self._folder.checkpoint_infos():
            if info.kind == "best" and info.name not in keep:
                (self._folder.path / info.name).unlink()
                info_path(self._folder.path / info.name).unlink()


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, its archive's CRC verified first (a bit flip loads silently otherwise).

    Raises VsrppError for a file that is missing, damaged or of another format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        state = {} if damaged else torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise VsrppError(f"{path} does not exist; name a checkpoint file (.pth) of a run") from None
    except Exception as error:  # a flipped bit in the archive's directory makes its readers raise almost anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise VsrppError(f"{path} cannot be read as a checkpoint ({reason}); use another one") from None
    if damaged:
        raise VsrppError(f"{path} is damaged (its part {damaged} fails the check); use another checkpoint")
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise VsrppError(f"{path} is not a checkpoint of this version of VSR++; name another file")
    return state


def network_weights(state: dict[str, Any]) -> dict[str, Any]:
    """Of a checkpoint the weights to use: the moving average where there is one, else the raw ones."""
    weights: dict[str, Any] = state["average"]["weights"] or state["model"]
    return weights


def _torch_save(state: dict[str, Any], path: Path) -> None:
    try:
        torch.save(state, path)
    except RuntimeError as error:  # how torch tells of a full disk
        raise OSError(str(error).splitlines()[0]) from error


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
