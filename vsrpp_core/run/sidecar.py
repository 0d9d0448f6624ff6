"""The JSON beside a checkpoint: what a list of checkpoints needs to show, without loading one.

Separate from checkpoints.py so that a start screen can read it without torch, and from folder.py because it is about
one file and not about a run. Where a file has no readable description, its name tells what it can.
"""

import json
import math
import re
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args, get_origin

from vsrpp_core.errors import os_errors
from vsrpp_core.messages.kinds import CheckpointKind
from vsrpp_core.run.files import read_json, write_text_atomically

BEST_NAME = "checkpoint_best.pth"
BEST_OLD_NAME = "checkpoint_best_old.pth"
RECOVERY_NAME = "checkpoint_recovery.pth"
EMERGENCY_NAME = "checkpoint_emergency.pth"
BEST_NAMES = (BEST_NAME, BEST_OLD_NAME)

Crc = Literal["verified", "damaged", "unknown"]
"""What is known of a file: its archive's CRC was right when it was last looked at, it was wrong, or nobody looked."""


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """The description of one checkpoint."""

    name: str
    """Of the checkpoint described. Beside a best one that is a copy it is the name of the file that was copied."""
    step: int
    epoch: int
    max_steps: int
    """Steps to train in all by the settings it was saved with, or 0 where only the file's name is known."""
    kind: CheckpointKind
    quality: float
    """Validation quality of these weights, 0..1, or NaN when they were not validated."""
    loss: float
    best_quality: float
    best_step: int
    size: int
    saved_at: float
    """Seconds since the Unix epoch."""
    crc: Crc = "unknown"
    branch: int = 0
    """How often the run had gone back to an earlier checkpoint when this one was saved."""

    @property
    def is_damaged(self) -> bool:
        return self.crc == "damaged"

    @property
    def is_described(self) -> bool:
        """Whether the figures come from a description; else only name, size and time are known."""
        return self.max_steps > 0

    @property
    def is_of_unknown_step(self) -> bool:
        """Whether neither a description nor the name tells the step: it may be the newest of all."""
        return not self.is_described and self.kind in ("recovery", "emergency")


def info_path(checkpoint: Path) -> Path:
    """The JSON beside a checkpoint."""
    return checkpoint.with_suffix(".json")


def write_checkpoint_info(folder: Path, info: CheckpointInfo) -> None:
    write_info_beside(folder / info.name, info)


def write_info_beside(checkpoint: Path, info: CheckpointInfo) -> None:
    """As ``write_checkpoint_info``, also where the description names another file: a best one that is a copy."""
    write_text_atomically(info_path(checkpoint), json.dumps(asdict(info), indent=1) + "\n")


def read_checkpoint_info(path: Path) -> CheckpointInfo | None:
    """The description in ``path``, or None where it is missing, damaged or of another version."""
    try:
        record = read_json(path.read_bytes())
        values = {f.name: record[f.name] for f in fields(CheckpointInfo) if f.default is MISSING or f.name in record}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    fits = all(_is_of(values[f.name], f.type) for f in fields(CheckpointInfo) if f.name in values)
    return CheckpointInfo(**values) if fits else None


def info_of(checkpoint: Path) -> CheckpointInfo | None:
    """What is known of ``checkpoint`` without opening it, or None for a file that is no checkpoint of its own.

    Damaged is also a file of another size than its description says: it was cut off, or the description is not its own.
    """
    info = read_checkpoint_info(info_path(checkpoint))
    if info and info.name != checkpoint.name:  # beside a best one that is a copy
        return None
    try:
        if info is None:
            return info_by_name(checkpoint)
        return info if info.size == checkpoint.stat().st_size else replace(info, crc="damaged")
    except FileNotFoundError:  # dropped by its trainer since the folder was listed
        return None


def info_by_name(checkpoint: Path) -> CheckpointInfo | None:
    """What the name of a file without a readable description tells, or None for a name no checkpoint is saved under.

    A file named by its step is taken for one saved by hand, so that no retention ever drops it.
    """
    kinds: dict[str, CheckpointKind] = {RECOVERY_NAME: "recovery", EMERGENCY_NAME: "emergency"}
    step = re.fullmatch(r"checkpoint_step_(\d+)\.pth", checkpoint.name)
    if step is None and checkpoint.name not in kinds:
        return None
    status = checkpoint.stat()
    return CheckpointInfo(
        name=checkpoint.name,
        step=int(step[1]) if step else 0,
        epoch=0,
        max_steps=0,
        kind=kinds.get(checkpoint.name, "manual"),
        quality=math.nan,
        loss=math.nan,
        best_quality=math.nan,
        best_step=0,
        size=status.st_size,
        saved_at=status.st_mtime,
    )


def mark_damaged(checkpoint: Path) -> None:
    """Let the description of ``checkpoint`` say that the file cannot be read. Raises VsrppError for a full disk.

    A best one that is a link marks what it points to. A copy of the best whose description is gone stays without one:
    a description that is not of the file it was copied from would mislead the next best one.
    """
    if checkpoint.name in BEST_NAMES and checkpoint.is_symlink():
        checkpoint = checkpoint.parent / checkpoint.readlink()
    info = read_checkpoint_info(info_path(checkpoint)) or info_by_name(checkpoint)
    if info is None or info.is_damaged:
        return
    with os_errors(info_path(checkpoint), "cannot be written"):
        write_info_beside(checkpoint, replace(info, crc="damaged"))


def _is_of(value: object, kind: object) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    return isinstance(value, int | float if kind in (int, float) else str)
