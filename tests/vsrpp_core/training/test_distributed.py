"""Two ranks train as one does, obey together, and only the first writes."""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from tests.helpers import TINY, write_dataset
from tests.preloaded import Preloaded
from tests.vsrpp_core.training.ranks_job import STEERED, train
from vsrpp_core.batches.dataset import PairDataset, TrainingStream
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.cli.main import main
from vsrpp_core.data.stacked import DatasetFolder, StackGeometry
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import follow, replay
from vsrpp_core.remote.link import ask
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.training import distributed
from vsrpp_core.training.distributed import ranks_of_this_job, trouble_of_another_rank

pytestmark = pytest.mark.timeout(900)
"""Five trainings of two processes each, on a machine that may be busy."""

RANKS_SECONDS = 600
"""Ranks that take longer hang: they are killed, and the test tells it."""

SETTINGS = {
    **TINY,
    "data.cache": "disk",
    "training.max_steps": 24,
    "schedule.lr_max": 1e-4,
    "cadence.validate_every": 12,
}
"""Ten samples in micro-batches of three: two and one, and of the last of an epoch one and none."""

FIGURES = (
    "loss_l1", "loss_ms", "loss_grad", "loss_total", "sharpness", "gradient_norm",
    "clip_norm", "learning_rate", "weight_l1", "weight_ms", "weight_grad",
)  # fmt: skip


@contextmanager
def two_ranks(folder: Path, *words: str) -> Iterator[tuple[Preloaded, Preloaded]]:
    """Both processes of ``python -m words``, in the environment that torchrun gives them; killed in the end."""
    given = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}

    def rank(number: str) -> Preloaded:
        environment = {**given, "RANK": number, "LOCAL_RANK": number}
        return Preloaded([sys.executable, "-m", *words], env=environment, cwd=folder, stdout=out, stderr=out)

    with (folder / "errors.txt").open("w") as out:
        ranks = rank("0"), rank("1")
        try:
            yield ranks
        finally:
            for each in ranks:
                each.kill()
                each.wait()


def run_ranks(folder: Path, *words: str) -> tuple[int, str]:
    """The first rank's exit status, after which the other is killed, and all that they wrote."""
    with two_ranks(folder, *words) as (first, _):
        status = first.wait(RANKS_SECONDS)
    return status, (folder / "errors.txt").read_text()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two ranks have done their job."""
    folder = tmp_path_factory.mktemp("ranks")
    write_dataset(folder / "data")
    status, told = run_ranks(folder, "tests.vsrpp_core.training.ranks_job", str(folder), json.dumps(SETTINGS))
    assert status == 0, told[-3000:]
    assert (folder / "second-rank-was-here").exists()
    return folder


def steps(run: Path) -> dict[int, ev.StepReported]:
    return {event.step: event for event in replay(run / "events.jsonl") if isinstance(event, ev.StepReported)}


def assert_same_training(one: dict[int, ev.StepReported], two: dict[int, ev.StepReported]) -> None:
    assert one.keys() == two.keys()
    for step, expected in one.items():
        for name in FIGURES:
            assert getattr(two[step], name) == pytest.approx(getattr(expected, name), abs=1e-6, rel=1e-5), (step, name)


def assert_same_weights(one: Path, two: Path) -> None:
    first, second = checkpoints.load(one)["model"], checkpoints.load(two)["model"]
    assert max(float((first[name] - second[name]).abs().max()) for name in first) <= 1e-6


def test_two_ranks_are_one_with_the_whole_batch(job: Path) -> None:
    train(job / "whole-1", job / "data", SETTINGS)
    assert_same_training(steps(job / "whole-1"), steps(job / "whole-2"))
    assert_same_weights(job / "whole-1" / "checkpoint_step_24.pth", job / "whole-2" / "checkpoint_step_24.pth")


def test_commands_reach_every_rank_at_the_same_step(job: Path) -> None:
    train(job / "steered-1", job / "data", SETTINGS, commands=STEERED)
    one, two = (list(replay(job / run / "events.jsonl")) for run in ("steered-1", "steered-2"))
    assert_same_training(steps(job / "steered-1"), steps(job / "steered-2"))
    for kind in (ev.CommandAnswered, ev.ParameterChanged, ev.SessionEnded, ev.ValidationFinished):
        expected, found = ([e for e in events if isinstance(e, kind)] for events in (one, two))
        assert len(expected) == len(found) > 0 and [e.step for e in expected] == [e.step for e in found], kind


def test_a_run_of_two_ranks_goes_on_with_one(job: Path) -> None:
    if not (job / "steered-1").exists():
        train(job / "steered-1", job / "data", SETTINGS, commands=STEERED)
    for run in ("steered-1", "steered-2"):
        train(job / run, job / "data", {}, start="resume")
    assert_same_training(steps(job / "steered-1"), steps(job / "steered-2"))


def test_a_rollback_is_of_all_ranks(job: Path) -> None:
    events = list(replay(job / "rolled-2" / "events.jsonl"))
    assert [(e.step, e.to_step) for e in events if isinstance(e, ev.RolledBack)] == [(20, 10)]
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].step == 24


def test_one_rank_tells_and_one_run_is_written(job: Path) -> None:
    events = list(replay(job / "whole-2" / "events.jsonl"))
    assert len([event for event in events if isinstance(event, ev.SessionStarted)]) == 1
    assert [event.step for event in events if isinstance(event, ev.ValidationFinished)] == [12, 24]
    assert len(list((job / "whole-2" / "logs").iterdir())) == 1


def test_a_mistake_is_reported_once(job: Path) -> None:
    status, told = run_ranks(job, "vsrpp_core", "train", str(job / "whole-2"))
    assert status != 0
    assert told.count("already holds a run at step 24") == 1


ENDED, LATE = "another rank has ended", "another rank has not answered for 10 minutes"


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:1"), ENDED),
        (RuntimeError("[gloo/transport/tcp/pair.cc:553] Read error: Connection reset by peer"), ENDED),
        (RuntimeError("[gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 600000ms for recv"), LATE),
        (dist.DistBackendError("NCCL error in: a.cpp:1, remote process exited or there was a network error"), ENDED),
        (dist.DistBackendError("NCCL communicator was aborted on rank 1."), ENDED),
        (dist.DistBackendError("[Rank 0] NCCL: Watchdog caught collective operation timeout"), LATE),
        (dist.DistBackendError("NCCL error in: a.cpp:1, unhandled cuda error, NCCL version 2"), ""),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ""),
        (ConnectionResetError("Connection reset by peer"), ""),
    ],
)
def test_a_rank_that_is_gone_is_known_by_its_words(error: Exception, trouble: str) -> None:
    assert trouble_of_another_rank(error) == trouble


def test_a_rank_that_hangs_ends_the_job_with_everything_saved(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data")
    module = "tests.vsrpp_core.training.ranks_hang"
    status, told = run_ranks(tmp_path, module, str(tmp_path), json.dumps(SETTINGS))
    assert status != 0, told
    assert "another rank has not answered" in (tmp_path / "run" / "training.log").read_text()
    assert checkpoints.load(tmp_path / "run" / "checkpoint_emergency.pth")["progress"]["step"] == 4


def test_ranks_are_steered_from_outside_and_outlive_one_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is killed, torchrun ends the other, and its restart goes on, here with one rank alone."""
    write_dataset(tmp_path / "data")
    folder = RunFolder(tmp_path / "run")
    endless = [f"--set={key}={value}" for key, value in {**TINY, "training.max_steps": 10**6}.items()]
    words = ["train", str(folder.path), "--data", str(tmp_path / "data"), "--fresh", *endless]
    with two_ranks(tmp_path, "vsrpp_core", *words) as (first, second):
        wait_for_step(folder)
        step = ask(folder, cmd.Pause(), 60).step
        orders = (
            cmd.SetParameter("training.max_steps", step + 4),
            cmd.SaveCheckpoint(),
            cmd.Validate(),
            cmd.Mark("here"),
        )
        answers = [ask(folder, order, 60) for order in orders]
        assert all(answer.accepted and answer.step == step for answer in answers)
        second.kill()
        second.wait()
        first.terminate()
        assert first.wait(RANKS_SECONDS) != 0
    failed = list(replay(folder.journal))[-1]
    assert isinstance(failed, ev.SessionFailed) and failed.may_pass and failed.error.startswith(ENDED)
    assert (failed.step, failed.checkpoint) == (step, "checkpoint_emergency.pth")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert main(words) == 0
    started = [event for event in replay(folder.journal) if isinstance(event, ev.SessionStarted)]
    assert [event.step for event in started] == [0, step]
    assert list(steps(folder.path)) == list(range(1, step + 5))


def wait_for_step(folder: RunFolder) -> None:
    end = time.monotonic() + RANKS_SECONDS

    def wait() -> bool:
        time.sleep(0.05)
        return time.monotonic() < end

    assert any(isinstance(event, ev.StepReported) for event in follow(folder.journal, wait))


@pytest.mark.parametrize("n_ranks", [2, 3, 4])
def test_the_ranks_share_every_step(make_dataset_pairs: PairDataset, n_ranks: int) -> None:
    """All samples of a step, each once, with shares that sum to 1; a rank without any repeats one for nothing."""
    alone = TrainingStream(make_dataset_pairs, 0, 3, 2, 0)
    streams = [TrainingStream(make_dataset_pairs, 0, 3, 2, 0, rank, n_ranks) for rank in range(n_ranks)]
    for _ in range(4):  # an epoch of ten, six at a time, and the beginning of the next
        whole = torch.cat([batch.frames for batch in alone.next_step()])
        parts = [stream.next_step() for stream in streams]
        assert sum(batch.share for part in parts for batch in part) == pytest.approx(1)
        taken = [frames for part in parts for batch in part if batch.share for frames in batch.frames]
        assert sorted(map(_digest, taken)) == sorted(map(_digest, whole))
        for stream in (alone, *streams):
            stream.confirm()
            assert stream.state_dict() == alone.state_dict()


def _digest(frames: torch.Tensor) -> bytes:
    return frames.numpy().tobytes()


@pytest.fixture
def make_dataset_pairs(tmp_path: Path) -> PairDataset:
    pairs = DatasetFolder(write_dataset(tmp_path / "data")).pairs("train")
    return PairDataset(pairs, StackGeometry(5, 16, 16), seed=0, crop=0, augment=True, cache_bytes=0)


def test_a_rank_that_never_comes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    monkeypatch.setattr(distributed, "ARRIVAL", timedelta(seconds=0.5))
    with pytest.raises(VsrppError, match="rank 0: not all 2 ranks have come"), ranks_of_this_job():
        pass
