"""The slice of a run's state about auto-tune: rungs, measurements, the offer and the choice.

Apart from run.py, which is about training; pure like it, so that a journal replays the search.
"""

import math
from dataclasses import dataclass, replace

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import Checkpointing


@dataclass(frozen=True, slots=True)
class RungState:
    """A rung of the ladder: its prediction, and its tries, one for each kind of checkpointing."""

    predicted: ev.ConfigurationPredicted
    tries: tuple[ev.ConfigurationTried, ...] = ()

    @property
    def index(self) -> int:
        return self.predicted.index

    @property
    def decisive(self) -> ev.ConfigurationTried | None:
        """The try that passed, else the last one."""
        return next((tried for tried in self.tries if tried.passed), self.tries[-1] if self.tries else None)

    @property
    def passed(self) -> bool:
        return any(tried.passed for tried in self.tries)

    @property
    def checkpointing(self) -> Checkpointing:
        tried = self.decisive
        return tried.checkpointing if tried else self.predicted.checkpointing

    @property
    def seconds(self) -> float:
        """Measured for one optimizer step; NaN if it was not."""
        return self.decisive.seconds_per_step if self.decisive else math.nan

    @property
    def memory(self) -> int:
        """Measured peak, bytes; 0 if it was not measured."""
        return self.decisive.memory_peak if self.decisive else 0


@dataclass(frozen=True, slots=True)
class Tuning:
    """What is known of the search of this session."""

    started: ev.TuningStarted | None = None
    rungs: tuple[RungState, ...] = ()
    measuring: ev.MeasurementStarted | None = None
    offer: ev.ChoiceOffered | None = None
    chosen: ev.ConfigurationChosen | None = None
    by_hand: ev.ConfigurationPredicted | None = None
    """The last prediction of sizes the user typed."""
    is_over: bool = False
    """Chosen, or the session ended before."""

    @property
    def is_open(self) -> bool:
        """Whether the search runs or waits; never for journals of versions without TuningStarted."""
        return self.started is not None and not self.is_over

    def rung(self, index: int) -> RungState | None:
        return next((rung for rung in self.rungs if rung.index == index), None)

    def seconds_left(self, passed: float) -> float:
        """Until the offer is taken automatically; 0 if it is not. ``passed``: seconds since it was made."""
        if self.is_over or self.offer is None or not self.offer.seconds:
            return 0.0
        return max(self.offer.seconds - passed, 0.0)


def reduce_tuning(tuning: Tuning | None, event: ev.Event) -> Tuning | None:
    """The slice after ``event``; None before the first event of a search."""
    match event:
        case ev.TuningStarted():
            return Tuning(started=event)
        case ev.ConfigurationPredicted(index=0):
            return replace(tuning or Tuning(), by_hand=event)
        case ev.ConfigurationPredicted():
            return _predicted(tuning or Tuning(), event)
    if tuning is None or tuning.is_over:
        return tuning
    match event:
        case ev.MeasurementStarted():
            return replace(tuning, measuring=event)
        case ev.ConfigurationTried():
            return _tried(tuning, event)
        case ev.ChoiceOffered():
            return replace(tuning, measuring=None, offer=event)
        case ev.ConfigurationChosen():
            return replace(tuning, measuring=None, chosen=event, is_over=True)
        case ev.SessionStarted() | ev.SessionEnded() | ev.SessionFailed():
            return replace(tuning, measuring=None, is_over=True)
        case _:
            return tuning


def _predicted(tuning: Tuning, event: ev.ConfigurationPredicted) -> Tuning:
    """A search in a journal without TuningStarted begins with its first rung."""
    if event.index == 1 and tuning.rungs:
        return Tuning(started=None, rungs=(RungState(event),))
    others = tuple(rung for rung in tuning.rungs if rung.index != event.index)
    return replace(tuning, rungs=(*others, RungState(event)))


def _tried(tuning: Tuning, event: ev.ConfigurationTried) -> Tuning:
    """A new try replaces the earlier one with the same checkpointing."""

    def with_try(rung: RungState) -> RungState:
        others = tuple(tried for tried in rung.tries if tried.checkpointing != event.checkpointing)
        return replace(rung, tries=(*others, event))

    rungs = tuple(with_try(rung) if rung.index == event.index else rung for rung in tuning.rungs)
    return replace(tuning, rungs=rungs, measuring=None)
