import time
from dataclasses import replace
from pathlib import Path

from tests.conftest import MakeDataset
from tests.vsrpp_tui.conftest import step
from tests.vsrpp_tui.program import tiny_run
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.run.presets import NAMED
from vsrpp_tui.threads.session import MAX_STEPS, MAX_WAITING, SessionMailbox, SessionRequest, Worker


def events_until(worker: Worker, kind: type[ev.Event], seconds: float = 60) -> list[ev.Event]:
    end, events = time.monotonic() + seconds, []
    while time.monotonic() < end:
        events += worker.mailbox.take()
        if any(isinstance(event, kind) for event in events):
            return events
        time.sleep(0.01)
    raise AssertionError(f"no {kind.__name__} in {seconds} s; came: {events[-5:]}")


def test_unseen_progress_is_replaced() -> None:
    mailbox = SessionMailbox()
    for done in range(1, 6):
        mailbox.put(ev.ValidationProgressed(step=1, done=done, total=5))
    mailbox.put(ev.PhaseChanged(phase="training", step=1))
    assert [type(e).__name__ for e in mailbox.take()] == ["ValidationProgressed", "PhaseChanged"]
    assert mailbox.take() == []


def test_steps_are_kept_until_too_many_wait() -> None:
    mailbox = SessionMailbox()
    for number in range(1, MAX_WAITING + 51):
        mailbox.put(step(number))
    assert len(mailbox) == MAX_WAITING
    taken = [event.step for event in mailbox.take() if isinstance(event, ev.StepReported)]
    assert len(taken) <= MAX_STEPS and taken[-1] == MAX_WAITING + 50 and taken == sorted(taken)
    for number in range(MAX_STEPS):
        mailbox.put(step(number))
    assert len(mailbox.take()) == MAX_STEPS, "of few reports none is left out"


def test_of_a_flood_of_steps_only_steps_are_left_out() -> None:
    mailbox = SessionMailbox()
    for number in range(1, 1001):
        mailbox.put(step(number))
        mailbox.put(ev.WarningRaised(message=str(number)))
    events = mailbox.take()
    steps = [event.step for event in events if isinstance(event, ev.StepReported)]
    assert [e.message for e in events if isinstance(e, ev.WarningRaised)] == [str(n) for n in range(1, 1001)]
    assert len(steps) <= MAX_STEPS and steps[-1] == 1000


def test_a_worker_trains_obeys_and_saves(tmp_path: Path, make_dataset: MakeDataset) -> None:
    run = tiny_run(tmp_path / "run")
    worker = Worker(SessionRequest(run, make_dataset(), "fresh"))
    worker.start()
    events_until(worker, ev.StepReported)
    worker.send(cmd.SaveCheckpoint())
    events_until(worker, ev.CommandAnswered)
    worker.finish()
    assert not worker.is_alive
    assert isinstance(worker.mailbox.take()[-1], ev.SessionEnded)
    assert (run / "checkpoint_recovery.pth").is_file() and list(run.glob("checkpoint_step_*.pth"))


def test_what_cannot_begin_is_told_as_a_failure(tmp_path: Path) -> None:
    worker = Worker(SessionRequest(tmp_path / "run", tmp_path / "nowhere", "fresh"))
    worker.start()
    failure = events_until(worker, ev.SessionFailed)[-1]
    assert isinstance(failure, ev.SessionFailed) and "nowhere" in failure.error
    worker.finish()
    assert not worker.is_alive


def test_quitting_while_the_demo_is_made_leaves_no_half_dataset(tmp_path: Path) -> None:
    worker = Worker(SessionRequest(tmp_path / "run", None, "fresh", demo=True))
    worker.start()
    events = events_until(worker, ev.PreparationProgressed)
    while not any(isinstance(e, ev.PreparationProgressed) and e.total for e in events):
        events = events_until(worker, ev.PreparationProgressed)
    worker.finish()
    ended = worker.mailbox.take()[-1]
    assert isinstance(ended, ev.SessionEnded) and not ended.checkpoint
    from vsrpp_core.data.demo import demo_dataset_root

    assert not demo_dataset_root().exists() and not list(demo_dataset_root().parent.iterdir())


def test_a_fresh_run_has_its_preset_and_a_resumed_one_its_own_settings() -> None:
    request = SessionRequest(Path("run"), None, "fresh", preset="pascal", max_steps=7)
    assert Worker(request)._overrides() == NAMED["pascal"]
    assert Worker(replace(request, start="resume"))._overrides() == {"training.max_steps": 7}
