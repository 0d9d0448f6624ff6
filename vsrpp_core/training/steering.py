"""Commands, carried out between two steps. Each is answered by exactly one event."""

from collections.abc import Iterator
from typing import Protocol

from vsrpp_core.adaptive.lr_schedule import LRSchedule
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import CheckpointKind, RunPhase
from vsrpp_core.run.config import RunConfig, is_live
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.training.progress import Progress

WAITING = "a validation waits for its pictures; stop the run, or ask again when it goes on"


class Steerable(Protocol):
    """What a trainer exposes to commands."""

    @property
    def config(self) -> RunConfig: ...

    @property
    def progress(self) -> Progress: ...

    @property
    def schedule(self) -> LRSchedule: ...

    @property
    def phase(self) -> RunPhase: ...

    def steps_in(self, hours: float) -> int: ...

    def refusal(self, config: RunConfig) -> str: ...

    def run_hot(self) -> bool: ...

    def report_if_pending(self) -> Iterator[ev.Event]: ...

    def validate(self) -> Iterator[ev.Event]: ...

    def save_and_report(self, kind: CheckpointKind) -> Iterator[ev.Event]: ...

    def reconfigure(self, config: RunConfig) -> None: ...


class Steering:
    """Carries out the commands of one inbox on one trainer."""

    def __init__(self, trainer: Steerable, inbox: Inbox) -> None:
        self._trainer, self._inbox = trainer, inbox
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether a Stop was accepted."""
        return self._stopping

    def obey(self) -> Iterator[ev.Event]:
        """Carry out the commands that have arrived; while paused, wait for more."""
        paused = False
        while not self._stopping:
            command = self._inbox.next(wait=paused)
            if command is None:
                return
            match command:
                case cmd.Pause():
                    if not paused:
                        yield from self._trainer.report_if_pending()
                    yield self._answer(command, not paused, "already paused" if paused else "paused")
                    paused = True
                case cmd.Resume():
                    stood_still = self._trainer.run_hot() or paused
                    yield self._answer(command, stood_still, "resumed" if stood_still else "not paused")
                    paused = False
                case cmd.Stop():
                    yield self._answer(command, True, "stopping")
                    self._stopping = True
                case cmd.SaveCheckpoint():
                    yield from self._answered(command, self._trainer.save_and_report("manual"))
                case cmd.Validate():
                    yield from self._answered(command, self._trainer.validate())
                case cmd.SetParameter():
                    yield from self._set(command)
                case cmd.Mark():
                    yield from self._mark(command)
                case cmd.FinishNow():
                    yield from self._finish(command)
                case cmd.CancelFinish():
                    yield from self._cancel_finish(command)
                case _:
                    yield self._answer(command, False, "training has begun, and a network keeps its size")
            phase: RunPhase = "stopping" if self._stopping else "paused" if paused else self._trainer.phase
            yield ev.PhaseChanged(phase=phase, step=self._trainer.progress.step)

    def stop_is_wanted(self) -> bool:
        """Whether a Stop is waiting; takes no command."""
        return self._inbox.stop_is_wanted()

    def meanwhile(self) -> Iterator[ev.Event]:
        """While a validation waits for its pictures: do what needs neither a step nor other ranks, and refuse the rest,
        as nobody knows when it could be done."""
        while command := self._inbox.next_here():
            match command:
                case cmd.SaveCheckpoint():
                    yield from self._answered(command, self._trainer.save_and_report("manual"))
                case cmd.Mark():
                    yield from self._mark(command)
                case _:
                    yield self._answer(command, False, WAITING)
            yield ev.PhaseChanged(phase="validating", step=self._trainer.progress.step)

    def reject_pending(self) -> Iterator[ev.Event]:
        """Commands that came too late are answered like any other."""
        while command := self._inbox.next():
            yield self._answer(command, isinstance(command, cmd.Stop), "training has ended")

    def _set(self, command: cmd.SetParameter) -> Iterator[ev.Event]:
        """Change a setting, or say why not; one that changes nothing is accepted too."""
        before, step = self._trainer.config, self._trainer.progress.step
        try:
            config = before.with_overrides({command.key: command.value})
        except VsrppError as error:
            yield self._answer(command, False, str(error))
            return
        changes = [(old, new) for old, new in zip(before.settings(), config.settings(), strict=True) if old != new]
        fixed = [new.key for _, new in changes if not is_live(new.key)]
        if fixed:
            yield self._answer(command, False, f"{', '.join(fixed)} cannot change while training")
        elif config.training.max_steps <= step:
            yield self._answer(command, False, f"step {step:,} is past that; q ends the training")
        elif refusal := self._trainer.refusal(config):
            yield self._answer(command, False, refusal)
        else:
            self._trainer.reconfigure(config)
            for old, new in changes:
                yield ev.ParameterChanged(step=step, key=new.key, old=old.value, new=new.value)
            yield self._answer(command, True, "done")

    def _finish(self, command: cmd.FinishNow) -> Iterator[ev.Event]:
        """Begin to end the run; the checkpoint that follows keeps it, as ``config.toml`` keeps the new end."""
        trainer, step = self._trainer, self._trainer.progress.step
        steps = self._trainer.steps_in(command.hours) if command.hours > 0 else command.steps
        planned = trainer.config.training.max_steps
        if trainer.schedule.is_finishing:
            yield self._answer(command, False, f"already finishing, at step {planned:,}")
        elif steps < 1:
            why = (
                "no step is timed yet, or none fits into that; name a number of steps"
                if command.hours > 0
                else "at least one step"
            )
            yield self._answer(command, False, why)
        elif step + steps >= planned:
            yield self._answer(command, False, f"it ends at step {planned:,}; name fewer than {planned - step:,} steps")
        else:
            trainer.schedule.finish_from(step)
            yield self._end_at(step + steps)
            yield ev.FinishBegan(step=step, max_steps=step + steps, planned_steps=planned)
            yield from trainer.save_and_report("recovery")  # a disk that refuses is reported; the rate falls anyway
            yield self._answer(command, True, "done")

    def _cancel_finish(self, command: cmd.CancelFinish) -> Iterator[ev.Event]:
        trainer = self._trainer
        if not trainer.schedule.is_finishing:
            yield self._answer(command, False, "the run was not asked to finish")
            return
        planned = trainer.schedule.cancel_finish()
        yield self._end_at(planned)
        yield ev.FinishCancelled(step=trainer.progress.step, max_steps=planned)
        yield from trainer.save_and_report("recovery")
        yield self._answer(command, True, "done")

    def _end_at(self, max_steps: int) -> ev.Event:
        key, before = "training.max_steps", self._trainer.config
        self._trainer.reconfigure(before.with_overrides({key: max_steps}))
        return ev.ParameterChanged(
            step=self._trainer.progress.step, key=key, old=before.training.max_steps, new=max_steps
        )

    def _mark(self, command: cmd.Mark) -> Iterator[ev.Event]:
        shown = (letter if letter.isprintable() or letter.isspace() else "\ufffd" for letter in command.text)
        text = " ".join("".join(shown).split())  # of signs for a terminal, and bytes of no encoding, not one is kept
        if text:
            yield ev.MarkPlaced(step=self._trainer.progress.step, text=text)
        yield self._answer(command, bool(text), "done" if text else "a mark needs a text")

    def _answered(self, command: cmd.Command, work: Iterator[ev.Event]) -> Iterator[ev.Event]:
        """Do the work once, then answer with how it went, also whoever asked for the same meanwhile."""
        failure = ""
        for event in work:
            if isinstance(event, ev.CheckpointFailed):
                failure = event.error
            elif isinstance(event, ev.ValidationAborted):
                failure = event.reason
            yield event
        for asked in (command, *self._inbox.twins(command)):
            yield self._answer(asked, not failure, failure or "done")

    def _answer(self, command: cmd.Command, accepted: bool, message: str) -> ev.Event:
        step = self._trainer.progress.step
        return ev.CommandAnswered(
            command=command.name, accepted=accepted, message=message, step=step, number=command.number
        )
