"""The slice of a run's state that tells of auto-tune: rungs, what is measured, what is offered, what was taken.

Apart from state.py, which is about training; pure like it, so that a journal shows the search again.
"""

import math
from dataclasses import dataclass, replace

from vsrpp_core.messages import events as ev


@dataclass(frozen=True, slots=True)
class RungState:
    """A rung of the ladder: what is foreseen, and each time it was tried, once for a kind of checkpointing."""

    predicted: ev.ConfigurationPredicted
    tries: tuple[ev.ConfigurationTried, ...] = ()

    @property
    def index(self) -> int:
        return self.predicted.index

    @property
    def telling(self) -> ev.ConfigurationTried | None:
        """The try that tells most: the one that passed, else the last."""
        return next((tried for tried in self.tries if tried.passed), self.tries[-1] if self.tries else None)

    @property
    def passed(self) -> bool:
        return any(tried.passed for tried in self.tries)

    @property
    def checkpointing(self) -> ev.Checkpointing:
        tried = self.telling
        return tried.checkpointing if tried else self.predicted.checkpointing

    @property
    def seconds(self) -> float:
        """Measured for one optimizer step; NaN where it was not."""
        return self.telling.seconds_per_step if self.telling else math.nan

    @property
    def memory(self) -> int:
        """Measured peak, bytes; 0 where it was not measured."""
        return self.telling.memory_peak if self.telling else 0


@dataclass(frozen=True, slots=True)
class Tuning:
    """What is known of the search of this session."""

    started: ev.TuningStarted | None = None
    rungs: tuple[RungState, ...] = ()
    measuring: ev.MeasurementStarted | None = None
    offer: ev.ChoiceOffered | None = None
    chosen: ev.ConfigurationChosen | None = None
    by_hand: ev.ConfigurationPredicted | None = None
    """The last prediction of sizes that the user thinks of."""
    is_over: bool = False
    """Chosen, or the session ended before."""

    @property
    def is_open(self) -> bool:
        """Whether the search goes on or waits; journals of versions that did not tell how it began are never open."""
        return self.started is not None and not self.is_over

    def rung(self, index: int) -> RungState | None:
        return next((rung for rung in self.rungs if rung.index == index), None)

    def seconds_left(self, now: float) -> float:
        """Until what is offered is taken by itself; 0 where nothing is. ``now`` in seconds since the Unix epoch."""
        if self.is_over or self.offer is None or not self.offer.seconds:
            return 0.0
        return max(self.offer.time + self.offer.seconds - now, 0.0)


def tuned(tuning: Tuning | None, event: ev.Event) -> Tuning | None:
    """The slice after ``event``; None while nothing was told of a search."""
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
    """A rung measured again replaces what was told of it with that checkpointing."""

    def with_try(rung: RungState) -> RungState:
        others = tuple(tried for tried in rung.tries if tried.checkpointing != event.checkpointing)
        return replace(rung, tries=(*others, event))

    rungs = tuple(with_try(rung) if rung.index == event.index else rung for rung in tuning.rungs)
    return replace(tuning, rungs=rungs, measuring=None)
