"""Everything a running session obeys, on one page.

A front end puts commands into one queue; the trainer drains it between optimizer steps (and between
validation samples, where only ``Stop`` is acted on at once, and between the measurements of auto-tune) and answers
each with ``CommandAnswered``.
"""

from dataclasses import dataclass
from queue import SimpleQueue


@dataclass(frozen=True, slots=True)
class Pause:
    """Stand still between two steps until ``Resume``."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after ``Pause``."""


@dataclass(frozen=True, slots=True)
class SaveCheckpoint:
    """Write ``checkpoint_step_N.pth`` now; it is kept like a regular one."""


@dataclass(frozen=True, slots=True)
class Validate:
    """Validate now; also while paused."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Save and end the session after the step in progress."""


@dataclass(frozen=True, slots=True)
class SetParameter:
    """Change a setting while training; ``key`` is dotted as in config.toml, ``value`` is its text.

    Settings that only fit together are changed together: ``key`` is then their section and ``value`` a TOML table, e.g.
    ``loss`` and ``{l1 = 0.5, ms = 0.2, grad = 0.3}``. What may change while training is in ``run.config.LIVE``.
    """

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Put a short note into the journal, the log and TensorBoard at the step reached."""

    text: str


# while auto-tune looks for a network; refused once training has begun


@dataclass(frozen=True, slots=True)
class ChooseRung:
    """End the search and train rung ``index`` of the ladder, measured or not, passed or not.

    ``checkpointing`` is empty for the kind that passed, or else the first that is predicted to fit.
    """

    index: int
    checkpointing: str = ""


@dataclass(frozen=True, slots=True)
class MeasureRung:
    """Measure this rung next, also again."""

    index: int


@dataclass(frozen=True, slots=True)
class SetByHand:
    """End the search and train a network of these sizes, which need not be on the ladder."""

    n_feats: int
    n_blocks: int
    batch_size: int
    accumulation: int
    checkpointing: str


@dataclass(frozen=True, slots=True)
class PredictByHand:
    """Tell what these sizes would take: ``ConfigurationPredicted`` with index 0."""

    n_feats: int
    n_blocks: int
    batch_size: int
    accumulation: int
    checkpointing: str


@dataclass(frozen=True, slots=True)
class HoldChoice:
    """Somebody is choosing: nothing is taken by itself any more."""


Command = (
    Pause
    | Resume
    | SaveCheckpoint
    | Validate
    | Stop
    | SetParameter
    | Mark
    | ChooseRung
    | MeasureRung
    | SetByHand
    | PredictByHand
    | HoldChoice
)
CommandQueue = SimpleQueue[Command]
