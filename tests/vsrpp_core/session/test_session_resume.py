"""What a session goes on from after a kill or damage left the run's checkpoints in disorder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.conftest import MakeDataset
from tests.faults.kills import misnamed_best
from tests.helpers import TINY, flip_a_bit
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.checkpoints import CheckpointStore
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import BEST_NAME, BEST_OLD_NAME, RECOVERY_NAME, CheckpointInfo, info_path
from vsrpp_core.session.session import open_session


def train(run: Path, data: Path, start: str, stop: int) -> list[ev.Event]:
    """Train until step ``stop``; a checkpoint is saved by hand at step 4."""
    session, queue, events = open_session(run, data, start=start, overrides=TINY), CommandQueue(), []  # type: ignore[arg-type]
    for event in session.events(queue):
        events.append(event)
        if isinstance(event, ev.StepReported) and event.step in (4, stop):
            queue.put(cmd.Stop() if event.step == stop else cmd.SaveCheckpoint())
    return events


def resumed_from(events: list[ev.Event]) -> tuple[str, int]:
    (started,) = (event for event in events if isinstance(event, ev.SessionStarted))
    return started.resumed_from, started.step


def described(run: Path) -> dict[str, CheckpointInfo]:
    return {info.name: info for info in RunFolder(run).checkpoint_infos()}


@pytest.mark.parametrize("left", ["nothing", "half of it", "that of the save before"])
def test_a_kill_before_the_description_costs_no_step(make_dataset: MakeDataset, tmp_path: Path, left: str) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, "fresh", stop=3)
    recovery = run / "checkpoint_recovery.pth"
    before = info_path(recovery).read_text()
    train(run, data, "resume", stop=9)
    true = described(run)["checkpoint_recovery.pth"]
    if left == "nothing":
        info_path(recovery).unlink()
    else:
        info_path(recovery).write_text(before if left == "that of the save before" else before[:40])
        os.utime(info_path(recovery), (true.saved_at - 60, true.saved_at - 60))
    assert described(run)["checkpoint_recovery.pth"].step < 4
    assert resumed_from(train(run, data, "resume", stop=10)) == ("checkpoint_recovery.pth", 9)


def test_a_damaged_checkpoint_is_marked_in_its_sidecar(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, "fresh", stop=9)
    recovery = run / "checkpoint_recovery.pth"
    written = recovery.stat()
    flip_a_bit(recovery)
    os.utime(recovery, ns=(written.st_atime_ns, written.st_mtime_ns))  # as a failing disk does it: unseen
    assert described(run)["checkpoint_recovery.pth"].crc == "verified"
    events = train(run, data, "resume", stop=6)
    assert resumed_from(events) == ("checkpoint_step_4.pth", 4)
    assert any("checkpoint_recovery.pth is damaged" in e.message for e in events if isinstance(e, ev.WarningRaised))
    assert described(run)["checkpoint_recovery.pth"].crc == "verified", "the session has saved it anew"


def test_if_no_checkpoint_can_be_read_every_one_is_marked(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, "fresh", stop=5)
    for name in described(run):
        os.truncate(run / name, 400)
    with pytest.raises(VsrppError, match="none of the checkpoints"):
        open_session(run, data, start="resume")
    assert {info.crc for info in described(run).values()} == {"damaged"}
    assert RunFolder(run).summary().newest is None


def of_a_newer_version(path: Path) -> None:
    torch.save({"format": 99}, path)


def of_a_drive_that_is_away(path: Path) -> None:
    path.symlink_to("/nowhere/at/all.pth")


def without_a_part(path: Path) -> None:
    state = checkpoints.load(path.with_name("checkpoint_recovery.pth"))
    del state["progress"]
    torch.save(state, path)


@pytest.mark.parametrize("name", ["checkpoint_step_70.pth", "checkpoint_emergency.pth"])
@pytest.mark.parametrize("make", [of_a_newer_version, of_a_drive_that_is_away, without_a_part])
def test_a_newest_checkpoint_that_cannot_be_read_is_not_worthless(
    make_dataset: MakeDataset, tmp_path: Path, make: Callable[[Path], None], name: str
) -> None:
    """Continuing from an older one would overwrite it: the user has to say so, and then it is kept."""
    run, data = tmp_path / "run", make_dataset()
    train(run, data, "fresh", stop=5)
    make(run / name)
    content = b"" if (run / name).is_symlink() else (run / name).read_bytes()
    with pytest.raises(VsrppError, match=name):
        open_session(run, data, start="resume")
    assert RunFolder(run).owner() == 0
    if make is of_a_drive_that_is_away:
        assert (run / name).is_symlink()
        return
    assert described(run)[name].crc == "unknown", "what is not understood is not damaged"
    session = open_session(run, data, start="resume", overrides={"training.max_steps": 6}, checkpoint=RECOVERY_NAME)
    events = list(session.events(CommandQueue()))
    assert resumed_from(events) == ("checkpoint_recovery.pth", 5)
    (trashed,) = RunFolder(run).trashed()
    assert (trashed.path / name).read_bytes() == content


EVERY_BEST = {**TINY, "cadence.validate_every": 4, "cadence.best_from": 0, "training.max_steps": 6}


def killed_before_the_best_is_named(run: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(store: CheckpointStore, info: CheckpointInfo) -> None:
        raise KeyboardInterrupt  # which no session survives, and none saves after it

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(CheckpointStore, "mark_best", kill)
        list(open_session(run, data, start="fresh", overrides=EVERY_BEST).events(CommandQueue()))


@pytest.mark.parametrize("earlier", [False, True], ids=["the first best", "a later best"])
def test_a_kill_between_the_best_file_and_its_name_loses_no_best(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: bool
) -> None:
    run, data = tmp_path / "run", make_dataset()
    killed_before_the_best_is_named(run, data, monkeypatch)
    if earlier:
        (run / "checkpoint_step_2.pth").write_bytes(b"an earlier best one")
        (run / BEST_NAME).symlink_to("checkpoint_step_2.pth")
    assert resumed_from(train(run, data, "resume", stop=5)) == ("checkpoint_step_4.pth", 4)
    assert misnamed_best(run) == "" and (run / BEST_NAME).readlink() == Path("checkpoint_step_4.pth")
    assert (run / BEST_OLD_NAME).is_symlink() == earlier
    (run / BEST_NAME).unlink()
    assert misnamed_best(run) == "checkpoint_best.pth names nothing, and checkpoint_step_4.pth is the best"


def test_a_best_that_still_cannot_be_linked_is_reported_and_the_run_continues(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = tmp_path / "run", make_dataset()
    killed_before_the_best_is_named(run, data, monkeypatch)

    def full(store: CheckpointStore, link: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CheckpointStore, "_link", full)
    events = train(run, data, "resume", stop=5)
    told = [event.message for event in events if isinstance(event, ev.WarningRaised)]
    assert any("checkpoint_best.pth could not be renewed" in line and "make room" in line for line in told)
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].step == 5


def test_a_run_that_the_rule_on_losses_has_cut_is_told_so(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, "fresh", stop=6)
    checkpoint = run / "checkpoint_recovery.pth"
    state = torch.load(checkpoint, weights_only=True)
    of_losses = {"slowed": 1.0, "smoothed": 0.02, "best": 0.02, "without_progress": 7, "may_cut_at": 4}
    state["lr_schedule"] = {"factor": 2.0**-12, **of_losses}
    torch.save(state, checkpoint)
    info_path(checkpoint).unlink()
    config = run / "config.toml"
    config.write_text(config.read_text().replace("plateau_validations", "plateau_patience"))
    first, second = (train(run, data, "resume", stop=stop) for stop in (8, 10))
    told = [event.message for event in first if isinstance(event, ev.WarningRaised)]
    assert any("0.00024 of its schedule; 0.1 is used now, and schedule.factor = 10" in message for message in told)
    assert any("schedule.plateau_patience" in message and "plateau_validations" in message for message in told)
    assert not any(isinstance(event, ev.WarningRaised) for event in second), "told once"


def test_a_run_whose_sharpness_is_judged_otherwise_now_is_told_so(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    train(run, data, "fresh", stop=6)
    checkpoint = run / "checkpoint_recovery.pth"
    state = torch.load(checkpoint, weights_only=True)
    del state["config"]["loss"]["sharpness"]
    state["loss_weights"]["sharpness"] = state["loss_weights"].pop("judge")["sharpness"]
    state["figures"]["pending"] = [row[:6] for row in state["figures"]["pending"]]
    torch.save(state, checkpoint)
    info_path(checkpoint).unlink()
    first, second = (train(run, data, "resume", stop=stop) for stop in (8, 10))
    told = [event.message for event in first if isinstance(event, ev.WarningRaised)]
    assert any("loss.sharpness = absolute" in message for message in told)
    assert isinstance(first[-1], ev.SessionEnded)
    assert not any(isinstance(event, ev.WarningRaised) for event in second), "told once"
