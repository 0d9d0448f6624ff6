"""Auto-tune steered by the user, or by nobody: what is measured next, and which rung is trained.

Separate from search.py because the search itself does not depend on a user, a clock or a queue.
"""

from collections.abc import Callable, Generator, Iterator
from time import monotonic
from typing import Literal

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import Checkpointing
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.settings import NO_OVERRIDES, Overrides
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.tune import measure
from vsrpp_core.tune.search import Search

LOOK_SECONDS = 0.2
"""Longest wait for a command while a choice is offered."""


def tune_and_choose(
    config: RunConfig,
    hardware: Hardware,
    geometry: StackGeometry,
    inbox: Inbox,
    *,
    attended: bool,
    small: Overrides = NO_OVERRIDES,
    clock: Callable[[], float] = monotonic,
) -> Generator[ev.Event, None, RunConfig | None]:
    """Search the ladder and carry out commands; the generator's value is what to train, or None after a Stop.

    ``attended``: a user can choose, so what passes is offered for ``tune.offer_seconds``, and where nothing passes the
    search waits for the user. Otherwise the first that passes is chosen at once, and where nothing does, VsrppError
    names what came closest. ``small``: settings of the network for CPUs; where they are given, nothing is measured
    unless the user asks for it, and that network is offered. ``clock`` in seconds.
    """
    search = Search(config, hardware, geometry, measure.measure_steps, small)
    chooser = Chooser(search, inbox, attended, clock)
    yield _started(search, attended)
    yield from search.predictions()
    yield from chooser.decide()
    return chooser.chosen


class Chooser:
    """Decides between the rungs of one search."""

    def __init__(self, search: Search, inbox: Inbox, attended: bool, clock: Callable[[], float]) -> None:
        self._search, self._inbox, self._attended, self._clock = search, inbox, attended, clock
        self._seconds = search.config.tune.offer_seconds if attended else 0.0
        self._held = False
        self._over = False
        self.chosen: RunConfig | None = None
        """What is trained, once that is decided."""

    def decide(self) -> Iterator[ev.Event]:
        """Measure, carry out commands and wait until a rung is chosen or the session is to end."""
        yield from self._carry_out_all()
        if not self._search.small:
            yield from self._measured(self._search.climb())
        if not self._over:
            yield from self._settle()

    def _measured(self, work: Iterator[ev.Event]) -> Iterator[ev.Event]:
        """Measure while nothing is decided; commands are carried out before each measurement."""
        for event in work:
            if isinstance(event, ev.MeasurementStarted):
                yield from self._carry_out_all()
                if self._over:
                    return
            yield event
        yield from self._carry_out_all()

    def _carry_out_all(self) -> Iterator[ev.Event]:
        while not self._over and (command := self._inbox.next()):
            yield from self._carry_out(command)

    # the offer

    @property
    def _best(self) -> tuple[int, Checkpointing | Literal[""]]:
        """The rung to offer: the first that passed, or the network for CPUs; index 0 without one."""
        if passed := self._search.passed:
            return passed.index, passed.checkpointing
        small = self._search.small
        return (small.index, small.mode) if small else (0, "")

    def _settle(self) -> Iterator[ev.Event]:
        """Choose what is offered, at once or when its time has passed; without an offer, wait for the user."""
        index, _ = self._best
        if not self._attended and not index:
            raise VsrppError(self._search.advice())
        if index and not ((self._attended and self._seconds) or self._held):
            yield from self._choose_rung(*self._best)
            return
        yield self._offer()
        until = self._clock() + self._seconds
        while not self._over:
            left = until - self._clock() if index and not self._held else LOOK_SECONDS
            if left <= 0:
                yield from self._choose_rung(*self._best)
            elif command := self._inbox.wait(min(left, LOOK_SECONDS)):
                yield from self._carry_out_waiting(command)

    def _offer(self) -> ev.ChoiceOffered:
        index, checkpointing = self._best
        seconds = self._seconds if index and not self._held else 0.0
        advice = "" if index else self._search.advice()
        return ev.ChoiceOffered(index=index, checkpointing=checkpointing, seconds=seconds, advice=advice)

    def _carry_out_waiting(self, command: cmd.Command) -> Iterator[ev.Event]:
        """Carry out a command while a choice is offered; where that changes the offer, offer again."""
        before = self._best, self._held
        yield from self._carry_out(command)
        if not self._over and (isinstance(command, cmd.MeasureRung) or before != (self._best, self._held)):
            yield self._offer()

    # commands

    def _carry_out(self, command: cmd.Command) -> Iterator[ev.Event]:
        match command:
            case cmd.Stop():
                self._over = True
                yield _answer(command, True, "stopping")
            case cmd.ChooseRung():
                wanted = command.index, command.checkpointing
                yield from self._chosen_by(command, lambda: self._search.choose(*wanted), command.index)
            case cmd.SetByHand():
                sizes = _sizes(command)
                yield from self._chosen_by(command, lambda: self._search.set_by_hand(*sizes))
            case cmd.PredictByHand():
                yield from self._predict(command)
            case cmd.MeasureRung():
                self._held = True
                yield from self._measure(command)
            case cmd.HoldChoice():
                self._held = True
                yield _answer(command, True, "nothing is chosen automatically")
            case _:
                yield _answer(command, False, "not possible while auto-tune is searching")

    def _chosen_by(
        self, command: cmd.Command, choose: Callable[[], tuple[RunConfig, list[str]]], index: int = 0
    ) -> Iterator[ev.Event]:
        """Choose what the user wants, or answer why it is not possible."""
        try:
            config, warnings = choose()
        except VsrppError as error:
            yield _answer(command, False, str(error))
            return
        yield _answer(command, True, "done")
        yield from self._choose(config, warnings, index)

    def _predict(self, command: cmd.PredictByHand) -> Iterator[ev.Event]:
        try:
            chosen, _ = self._search.set_by_hand(*_sizes(command))
        except VsrppError as error:
            yield _answer(command, False, str(error))
            return
        yield self._search.predict_by_hand(chosen)
        yield _answer(command, True, "done")

    def _measure(self, command: cmd.MeasureRung) -> Iterator[ev.Event]:
        try:
            rung = self._search.rung(command.index)
        except VsrppError as error:
            yield _answer(command, False, str(error))
            return
        if why := self._search.why_not_measure(rung):
            yield _answer(command, False, why)
            return
        for event in self._search.attempt(rung, again=True):
            if isinstance(event, ev.MeasurementStarted) and self._inbox.stop_is_wanted():
                break
            yield event
        yield _answer(command, True, "done")

    # the end

    def _choose_rung(self, index: int, checkpointing: Checkpointing | Literal[""]) -> Iterator[ev.Event]:
        config, warnings = self._search.choose(index, checkpointing)
        yield from self._choose(config, warnings, index)

    def _choose(self, config: RunConfig, warnings: list[str], index: int) -> Iterator[ev.Event]:
        self.chosen, self._over = config, True
        for warning in warnings:
            yield ev.WarningRaised(message=warning)
        model, training = config.model, config.training
        yield ev.ConfigurationChosen(
            index=index,
            n_feats=model.n_feats,
            n_blocks=model.n_blocks,
            batch_size=training.batch_size,
            accumulation=training.accumulation,
            checkpointing=training.checkpointing,
            found=config.tune.found,
        )


def _started(search: Search, attended: bool) -> ev.TuningStarted:
    device, tune, crop = search.hardware.description, search.config.tune, search.config.data.crop
    return ev.TuningStarted(
        device=device.name,
        device_memory=device.memory,
        precision=search.hardware.precision,
        max_seconds=tune.max_seconds,
        max_memory=tune.max_memory,
        min_effective_batch=tune.min_effective_batch,
        rungs=len(search.rungs),
        n_frames=search.geometry.n_frames,
        lr_height=crop or search.geometry.height,
        lr_width=crop or search.geometry.width,
        attended=attended,
    )


def _sizes(command: cmd.SetByHand | cmd.PredictByHand) -> tuple[int, int, int, int, Checkpointing]:
    return command.n_feats, command.n_blocks, command.batch_size, command.accumulation, command.checkpointing


def _answer(command: cmd.Command, accepted: bool, message: str) -> ev.CommandAnswered:
    return ev.CommandAnswered(command=command.name, accepted=accepted, message=message, step=0, number=command.number)
