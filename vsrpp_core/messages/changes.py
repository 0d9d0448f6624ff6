"""Settings that change during a session: their values as text, and the session as if it had begun with them.

Separate from events.py, which has only what is said.
"""

import json
from dataclasses import replace
from typing import Any

from vsrpp_core.messages.events import FinishBegan, FinishCancelled, ParameterChanged, SessionStarted

STARTED_WITH = {
    "training.max_steps": "max_steps",
    "cadence.validate_every": "validate_every",
    "cadence.validate_minutes": "validate_minutes",
    "cadence.checkpoint_every": "checkpoint_every",
    "schedule.lr_max": "lr_max",
    "schedule.lr_min": "lr_min",
    "schedule.warmup_steps": "warmup_steps",
    "schedule.factor": "schedule_factor",
    "schedule.shape": "rate_shape",
    "schedule.decay": "rate_decay",
}
"""Settings that may change during a session, and the field of SessionStarted that holds each."""


AT_EPOCHS = ("data.weights",)
"""Settings that hold from the next epoch on; all others do from the next step."""


def as_text(value: Any) -> str:
    """A setting's value as ``RunConfig.parse`` reads it."""
    return value if isinstance(value, str) else json.dumps(value)


def with_change(started: SessionStarted, change: ParameterChanged | FinishBegan | FinishCancelled) -> SessionStarted:
    """The session as if it had started with what was changed, for whoever counts steps or draws rates."""
    match change:
        case FinishBegan():
            return replace(
                started, max_steps=change.max_steps, finish_from=change.step, planned_steps=change.planned_steps
            )
        case FinishCancelled():
            return replace(started, max_steps=change.max_steps, finish_from=0, planned_steps=0)
        case ParameterChanged():
            return _with_setting(started, change)


def _with_setting(started: SessionStarted, change: ParameterChanged) -> SessionStarted:
    name, new = STARTED_WITH.get(change.key), change.new
    if name == "rate_shape":
        return replace(started, rate_shape="constant" if new == "constant" else "cosine")
    if name is None or isinstance(new, str | bool):  # the latter in no journal of ours
        return started
    return replace(started, **{name: type(getattr(started, name))(new)})
