"""Everything a running session obeys, on one page.

A front end puts commands into one queue; the trainer drains it between optimizer steps and between the measurements of
auto-tune, and answers each with ``CommandAnswered``. Within a validation only ``Stop`` is acted on at once; the others
wait for its end, unless its pictures do not come: then what can be done is done, and the rest refused.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from typing import ClassVar, Literal

from vsrpp_core.errors import UsageError
from vsrpp_core.messages.kinds import Checkpointing, SettingValue

_numbers = count((secrets.randbits(31) << 21) + 1)
"""Another range for each process, as several may steer one run; below 2**53, the integers of every reader of JSON."""

MOST_HOURS = 10_000.0
"""That a run may be asked to finish in: more than a year."""


@dataclass(frozen=True, slots=True)
class _Numbered:
    """Base of all commands; ``number`` is another for each command, and its answer carries it."""

    number: int = field(default_factory=lambda: next(_numbers), kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Pause(_Numbered):
    """Stand still between two steps until ``Resume``."""

    name: ClassVar[Literal["Pause"]] = "Pause"


@dataclass(frozen=True, slots=True)
class Resume(_Numbered):
    """Continue after ``Pause``."""

    name: ClassVar[Literal["Resume"]] = "Resume"


@dataclass(frozen=True, slots=True)
class SaveCheckpoint(_Numbered):
    """Write ``checkpoint_step_N.pth`` now; it is kept like a regular one."""

    name: ClassVar[Literal["SaveCheckpoint"]] = "SaveCheckpoint"


@dataclass(frozen=True, slots=True)
class Validate(_Numbered):
    """Validate now; also while paused."""

    name: ClassVar[Literal["Validate"]] = "Validate"


@dataclass(frozen=True, slots=True)
class Stop(_Numbered):
    """Save and end the session after the step in progress."""

    name: ClassVar[Literal["Stop"]] = "Stop"


@dataclass(frozen=True, slots=True)
class SetParameter(_Numbered):
    """Change a setting while training; ``key`` is dotted as in config.toml.

    Settings that only fit together are changed together: ``key`` is then their section and ``value`` a table, e.g.
    ``loss`` and ``{"l1": 0.5, "ms": 0.2, "grad": 0.3}``. What may change while training is in ``run.config.LIVE``.
    """

    name: ClassVar[Literal["SetParameter"]] = "SetParameter"
    key: str
    value: SettingValue | Mapping[str, SettingValue]


@dataclass(frozen=True, slots=True)
class Mark(_Numbered):
    """Put a short note into the journal, the log and TensorBoard at the step reached."""

    name: ClassVar[Literal["Mark"]] = "Mark"
    text: str


@dataclass(frozen=True, slots=True)
class FinishNow(_Numbered):
    """Let the learning rate fall to ``schedule.lr_min`` over the next steps, and end the run there.

    ``hours`` in place of ``steps`` (0) are taken for as many steps as fit into them at the pace of now.
    """

    name: ClassVar[Literal["FinishNow"]] = "FinishNow"
    steps: int = 0
    hours: float = 0.0


def finish_in(text: str) -> FinishNow:
    """``FinishNow`` as a user names it: a number of steps, ``2000`` or ``2,000``, or of hours, ``3h`` or ``1.5 h``.

    Raises UsageError.
    """
    in_hours = re.fullmatch(r"\s*(\d{1,6}(?:\.\d+)?)\s*h\s*", text, re.ASCII)
    if in_hours and 0 < (hours := float(in_hours[1])) <= MOST_HOURS:
        return FinishNow(hours=hours)
    if found := re.fullmatch(r"\s*([1-9]\d{0,2}(?:,\d{3})*|[1-9]\d{0,8})\s*", text, re.ASCII):
        return FinishNow(steps=int(found[1].replace(",", "")))
    raise UsageError(f"{text.strip()!r} is neither steps nor hours; write 2000, or 3h")


@dataclass(frozen=True, slots=True)
class CancelFinish(_Numbered):
    """Take ``FinishNow`` back: the rate and ``training.max_steps`` are again what they would have been."""

    name: ClassVar[Literal["CancelFinish"]] = "CancelFinish"


# while auto-tune looks for a network; refused once training has begun


@dataclass(frozen=True, slots=True)
class ChooseRung(_Numbered):
    """End the search and train rung ``index`` of the ladder, measured or not, passed or not.

    ``checkpointing`` is empty for the kind that passed, or else the first that is predicted to fit.
    """

    name: ClassVar[Literal["ChooseRung"]] = "ChooseRung"
    index: int
    checkpointing: Checkpointing | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class MeasureRung(_Numbered):
    """Measure this rung next, also again."""

    name: ClassVar[Literal["MeasureRung"]] = "MeasureRung"
    index: int


@dataclass(frozen=True, slots=True)
class SetByHand(_Numbered):
    """End the search and train a network of these sizes, which need not be on the ladder."""

    name: ClassVar[Literal["SetByHand"]] = "SetByHand"
    n_feats: int
    n_blocks: int
    batch_size: int
    accumulation: int
    checkpointing: Checkpointing


@dataclass(frozen=True, slots=True)
class PredictByHand(_Numbered):
    """Predict what these sizes would take: ``ConfigurationPredicted`` with index 0."""

    name: ClassVar[Literal["PredictByHand"]] = "PredictByHand"
    n_feats: int
    n_blocks: int
    batch_size: int
    accumulation: int
    checkpointing: Checkpointing


@dataclass(frozen=True, slots=True)
class HoldChoice(_Numbered):
    """The user is choosing; cancel the automatic choice."""

    name: ClassVar[Literal["HoldChoice"]] = "HoldChoice"


Command = (
    Pause
    | Resume
    | SaveCheckpoint
    | Validate
    | Stop
    | SetParameter
    | Mark
    | FinishNow
    | CancelFinish
    | ChooseRung
    | MeasureRung
    | SetByHand
    | PredictByHand
    | HoldChoice
)
CommandQueue = SimpleQueue[Command]
