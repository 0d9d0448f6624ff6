"""Commands of one inbox, carried out on a trainer that only counts."""

from collections.abc import Iterator

import pytest

from tests.helpers import make_event
from vsrpp_core.adaptive.lr_schedule import LRSchedule
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import CheckpointKind, RunPhase
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.inbox import Inbox
from vsrpp_core.training.progress import Progress
from vsrpp_core.training.steering import Steering


class Counting:
    """Validates and saves in no time; while it does, ``meanwhile`` arrives."""

    def __init__(self, queue: cmd.CommandQueue, meanwhile: tuple[cmd.Command, ...] = ()) -> None:
        self.config, self.progress = RunConfig(), Progress()
        self.schedule = LRSchedule(self.config.schedule, self.config.training.max_steps)
        self.validations = self.saves = 0
        self._queue, self._meanwhile = queue, meanwhile

    @property
    def phase(self) -> RunPhase:
        return "training"

    def steps_in(self, hours: float) -> int:
        return 0

    def refusal(self, config: RunConfig) -> str:
        return ""

    def run_hot(self) -> bool:
        return False

    def report_if_pending(self) -> Iterator[ev.Event]:
        yield from ()

    def validate(self) -> Iterator[ev.Event]:
        self.validations += 1
        for command in self._meanwhile:
            self._queue.put(command)
        self._meanwhile = ()
        yield make_event(ev.ValidationFinished)

    def save_and_report(self, kind: CheckpointKind) -> Iterator[ev.Event]:
        self.saves += 1
        yield make_event(ev.CheckpointFailed, error="disk full") if self.saves == 1 else make_event(ev.CheckpointSaved)

    def reconfigure(self, config: RunConfig) -> None:
        self.config = config


def obeyed(trainer: Counting, queue: cmd.CommandQueue, *commands: cmd.Command) -> list[ev.CommandAnswered]:
    for command in commands:
        queue.put(command)
    return [event for event in Steering(trainer, Inbox(queue)).obey() if isinstance(event, ev.CommandAnswered)]


@pytest.mark.parametrize("arrived", ["before", "meanwhile"])
def test_a_key_that_is_held_asks_once_and_each_command_has_its_answer(arrived: str) -> None:
    queue, held = cmd.CommandQueue(), tuple(cmd.Validate() for _ in range(90))
    trainer = Counting(queue, held[1:] if arrived == "meanwhile" else ())
    answers = obeyed(trainer, queue, *(held if arrived == "before" else held[:1]))
    assert trainer.validations == 1
    assert [answer.number for answer in answers] == [command.number for command in held]
    assert all(answer.accepted for answer in answers)


def test_what_failed_for_one_failed_for_all_and_is_tried_again_when_asked_again() -> None:
    queue = cmd.CommandQueue()
    trainer = Counting(queue)
    answers = obeyed(trainer, queue, *(cmd.SaveCheckpoint() for _ in range(3)))
    assert [(answer.accepted, answer.message) for answer in answers] == [
        (False, "disk full")
    ] * 3 and trainer.saves == 1
    assert [answer.accepted for answer in obeyed(trainer, queue, cmd.SaveCheckpoint())] == [True]


def test_a_change_in_between_asks_again() -> None:
    queue = cmd.CommandQueue()
    trainer = Counting(queue)
    obeyed(trainer, queue, cmd.Validate(), cmd.SetParameter("cadence.validate_every", 7), cmd.Validate())
    assert trainer.validations == 2


def test_a_disk_that_refuses_does_not_make_finishing_a_failure() -> None:
    queue = cmd.CommandQueue()
    trainer = Counting(queue)
    (answer,) = obeyed(trainer, queue, cmd.FinishNow(steps=9))
    assert trainer.saves == 1 and answer.accepted and trainer.config.training.max_steps == 9
