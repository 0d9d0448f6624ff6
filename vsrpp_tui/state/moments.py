"""What happened at which step, for the charts: notes, checkpoints, starts and changed settings.

Apart from the log, which forgets the oldest lines whatever they say.
"""

from dataclasses import dataclass
from typing import Literal

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.describe import describe

MomentKind = Literal["checkpoint", "setting", "start", "mark"]

MOMENT_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Moment:
    step: int
    kind: MomentKind
    text: str


def with_moment(moments: tuple[Moment, ...], event: ev.Event) -> tuple[Moment, ...]:
    """With what ``event`` tells, if anything; where there are too many, without the oldest, checkpoints first."""
    match event:
        case ev.MarkPlaced() | ev.ParameterChanged() | ev.CheckpointSaved():
            step = event.step
        case ev.SessionStarted() if event.step:
            step = event.step
        case ev.RolledBack():
            step = event.to_step
        case _:
            return moments
    kept = [*moments, Moment(step, _kind(event), describe(event).text)]
    if len(kept) > MOMENT_LIMIT:
        kept.pop(next((place for place, each in enumerate(kept) if each.kind == "checkpoint"), 0))
    return tuple(kept)


def _kind(event: ev.Event) -> MomentKind:
    match event:
        case ev.MarkPlaced():
            return "mark"
        case ev.ParameterChanged():
            return "setting"
        case ev.CheckpointSaved():
            return "checkpoint"
        case _:
            return "start"
