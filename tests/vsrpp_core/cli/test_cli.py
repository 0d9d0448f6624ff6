import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.conftest import MakeDataset
from tests.helpers import TINY, make_info
from tests.preloaded import Preloaded
from tests.vsrpp_core.network_files import write_checkpoint as write_network
from vsrpp_core import __version__
from vsrpp_core.checkpoint.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.cli.main import main, make_parser
from vsrpp_core.cli.runs.train import run_session
from vsrpp_core.cli.shared.console import Terminal, settled
from vsrpp_core.device.hardware import DeviceDescription, Hardware
from vsrpp_core.messages.commands import Stop
from vsrpp_core.run.config import RunConfig, setting_ranges
from vsrpp_core.run.folder import RunFolder, write_checkpoint_info
from vsrpp_core.session.session import open_session
from vsrpp_core.tune.search import Measurement

VERBS = [
    "prepare",
    "check",
    "cache",
    "train",
    "doctor",
    "bench",
    "branch",
    "compare",
    "report",
    "ps",
    "status",
    "logs",
    "stop",
    "pause",
    "resume",
    "checkpoint",
    "validate",
    "set",
    "finish",
    "unit",
    "mark",
    "tune",
    "config",
    "evaluate",
    "export",
    "upscale",
    "import",
    "demo",
    "completion",
]


def settings(**changed: Any) -> list[str]:
    wanted = {**TINY, **{key.replace("__", "."): value for key, value in changed.items()}}
    return [part for key, value in wanted.items() for part in ("--set", f"{key}={value}")]


def train(run: Path, data: Path, *arguments: str, **changed: Any) -> int:
    return main(["train", str(run), "--data", str(data), *arguments, *settings(**changed)])


def leaves(arguments: list[str]) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


# usage


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert leaves(["--help"]) == 0
    listed = [
        line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("    ") and line[4] != " "
    ]
    assert listed == VERBS


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert leaves(["--version"]) == 0
    assert capsys.readouterr().out == f"vsrpp {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert leaves([verb, "--help"]) == 0
    assert f"usage: vsrpp {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["dream"], ["train"], ["train", "run", "--resume", "--fresh"], ["train", "run", "--sett", "a=1", "b"]],
)
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert leaves(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: vsrpp")


@pytest.mark.parametrize(
    ("setting", "status", "phrase"),
    [
        ("training.batch_size", 2, "--set training.batch_size has no value; write it as KEY=VALUE"),
        ("training.batch_sise=8", 2, "did you mean training.batch_size?"),
        ("training.batch_size=many", 2, "training.batch_size: must be a whole number (≥ 1, ≤ 256)"),
        ("training.batch_size=0", 2, "training.batch_size: must be at least 1 (≥ 1, ≤ "),
        ("model.n_feats=banana", 2, "model.n_feats: must be a whole number (≥ 4, ≤ 512)"),
        ("model.n_feats=9999", 2, "model.n_feats: must be at most 512 (≥ 4, ≤ 512)"),
        ("model.n_feats=1.5", 2, "model.n_feats: must be a whole number (≥ 4, ≤ 512)"),
    ],
)
def test_wrong_settings_are_reported_in_one_line(
    make_dataset: MakeDataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    setting: str,
    status: int,
    phrase: str,
) -> None:
    assert main(["train", str(tmp_path / "run"), "--data", str(make_dataset()), "--set", setting]) == status
    told = capsys.readouterr().err
    assert told.startswith("vsrpp: ") and phrase in told and told.count("\n") == 1
    assert RunFolder(tmp_path / "run").contents() == []


def test_a_run_that_exists_is_neither_resumed_nor_replaced_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.checkpoint(1200).write_bytes(b"x")
    write_checkpoint_info(folder.path, make_info(1200, size=1))
    assert main(["train", str(folder.path)]) == 2
    told = capsys.readouterr().err
    assert "step 1,200" in told and "--resume" in told and "--fresh" in told
    assert folder.checkpoint(1200).exists()


def test_a_run_whose_checkpoints_are_damaged_is_not_replaced_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.checkpoint(1200).write_bytes(b"torn")
    write_checkpoint_info(folder.path, make_info(1200))
    assert main(["train", str(folder.path)]) == 2
    assert "holds a run whose checkpoints are all damaged" in capsys.readouterr().err
    assert folder.checkpoint(1200).exists()


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (["train", "run"], "give one with --data ROOT"),
        (["train", "run", "--data", "x"], "x is not a folder"),
        (["train", "run", "--resume", "--data", "x"], "run does not exist"),
        (["config", "run"], "run does not exist; name a run's folder, or leave it out to list the defaults"),
        (["config", "."], ". has no config.toml, so it is not a run; name a run's folder"),
    ],
)
def test_what_is_missing_is_reported_with_status_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    phrase: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    assert phrase in capsys.readouterr().err
    assert "--resume" not in arguments or not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/mnt/a"),
            "/mnt/a cannot be read or written (No space left on device); make room there, then run the same command",
        ),
        (PermissionError(errno.EACCES, "Permission denied", b"/mnt/b"), "/mnt/b cannot be read or written (Permission"),
        (OSError(errno.EIO, "Input/output error"), "a file or device cannot be read or written (Input/output error);"),
        (OSError("cannot identify image file"), "a file or device cannot be read or written (cannot identify image"),
    ],
)
def test_an_error_of_the_system_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, told: str
) -> None:
    def fails(*_: object) -> int:
        raise error

    monkeypatch.setattr("vsrpp_core.cli.datasets.check.show_check", fails)
    assert main(["check", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"vsrpp: {told}") and said.err.count("\n") == 1 and said.out == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_output_is_not_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vsrpp_core", "config"]
    with (
        Path("/dev/full").open("w") as full,
        Preloaded(command, stdout=full, stderr=subprocess.PIPE, text=True) as process,
    ):
        _, errors = process.communicate()
    assert process.returncode == 1 and errors.count("\n") == 1 and "No space left on device" in errors


@pytest.mark.parametrize(("status", "then"), [(0, 1), (130, 130)])
def test_what_cannot_be_written_at_the_end_leaves_the_status(
    monkeypatch: pytest.MonkeyPatch, status: int, then: int
) -> None:
    """The interpreter would flush once more and end with 120, as where a terminal is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as output:  # noqa: PTH123
        output.write("words")
        monkeypatch.setattr(sys, "stdout", output)
        assert settled(status) == then


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_training_goes_on_where_its_output_has_no_room(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a detached one lies on the run's disk."""
    data = make_dataset(n_train=3)
    with monkeypatch.context() as patched, Path("/dev/full").open("w") as full:
        patched.setattr(sys, "stdout", full)
        assert train(tmp_path / "run", data, training__max_steps=2) == 0
    assert "completed at step 2" in (tmp_path / "run/training.log").read_text()


# training


def test_training_without_a_screen(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = tmp_path / "run", make_dataset(n_train=3)
    assert train(run, data, training__max_steps=4) == 0
    told = capsys.readouterr().out
    for part in ("fresh, step 0 of 4", "validation KI", "saved checkpoint_step_4.pth", "completed at step 4"):
        assert part in told
    assert train(run, data, "--resume", training__max_steps=6) == 0
    assert "resumed from checkpoint_step_4.pth, step 4 of 6" in capsys.readouterr().out
    assert train(run, data, "--fresh", training__max_steps=2) == 0
    assert [info.step for info in RunFolder(run).checkpoint_infos()] == [2]


def test_a_failed_session_is_status_1(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset(n_train=3)
    damaged = data / "Patches" / "GT" / "s001.png"
    damaged.write_bytes(damaged.read_bytes()[:100])  # its header is whole
    assert train(tmp_path / "run", data) == 1
    told = capsys.readouterr().out
    assert "s001.png" in told and f"`vsrpp check {data}` lists every such file" in told


def test_an_interrupted_training_is_saved_and_can_be_resumed(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset(n_train=3)
    wanted = settings(training__max_steps=1_000_000, cadence__validate_every=1_000_000)
    command = [sys.executable, "-u", "-m", "vsrpp_core", "train", str(run), "--data", str(data), *wanted]
    with Preloaded(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("step 1 of" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped at step" in output
    (info,) = RunFolder(run).checkpoint_infos()
    assert info.kind == "recovery" and info.step >= 1
    assert train(run, data, "--resume", training__max_steps=info.step + 1) == 0
    assert RunFolder(run).checkpoint(info.step + 1).is_file()


@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGHUP, signal.SIGTERM)], ids=["Ctrl-C", "the others"])
def test_signals_to_a_training_and_its_readers_stop_it_in_order(
    make_dataset: MakeDataset, tmp_path: Path, numbers: tuple[signal.Signals, ...]
) -> None:
    """As Ctrl-C, a closed terminal and a stopped service send them."""
    run, data = tmp_path / "run", make_dataset(n_train=9)
    wanted = settings(training__max_steps=1_000_000, cadence__validate_every=1_000_000, data__workers=2)
    command = [sys.executable, "-u", "-m", "vsrpp_core", "train", str(run), "--data", str(data), *wanted]
    with Preloaded(
        command, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        assert any("step 1 of" in line for line in process.stdout)
        for number in numbers:
            os.killpg(process.pid, number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped at step" in output
    assert "Traceback" not in output and "resource_tracker" not in output
    assert [info.kind for info in RunFolder(run).checkpoint_infos()] == ["recovery"]


def test_every_setting_is_listed_with_its_meaning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["config"]) == 0
    told = capsys.readouterr().out
    assert all(key in told for key in setting_ranges())
    RunConfig().with_overrides({"training.batch_size": 8}).save(tmp_path / "config.toml")
    assert main(["config", str(tmp_path)]) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("training.batch_size"))
    lines = (tmp_path / "config.toml").read_text().splitlines()
    place = 1 + next(number for number, line in enumerate(lines) if line.startswith("batch_size"))
    assert row.split()[1:5] == ["8", "line", str(place), "4"] and "(≥ 1, ≤ 256)" in row


def test_a_setting_that_is_written_in_another_way_is_not_a_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "config.toml").write_text("loss = {l1 = 0.5, ms = 0.2, grad = 0.3}\nmodel.n_feats = 4\n")
    assert main(["config", str(tmp_path)]) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert rows["loss.l1"][:2] == ["0.5", "config.toml"] and rows["model.n_feats"][:3] == ["4", "line", "2"]
    assert rows["model.n_blocks"][1] == "default"


# use


def test_a_closed_output_ends_the_training_in_order(make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset(n_train=3)
    wanted = settings(training__max_steps=1_000_000, cadence__validate_every=1_000_000)
    command = [sys.executable, "-u", "-m", "vsrpp_core", "train", str(run), "--data", str(data), *wanted]
    with Preloaded(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in complaint
    assert "stopped at step" in (run / "training.log").read_text()
    assert "state       stopped" in (run / "training_status.txt").read_text()


@pytest.mark.parametrize(("is_kept", "status"), [(False, 1), (True, 3)])
def test_a_keeper_is_told_of_a_stop_that_could_not_be_saved(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool, status: int
) -> None:
    def full(*_: object) -> None:
        raise CheckpointError("no room")

    session = open_session(tmp_path / "run", make_dataset(n_train=3), start="fresh", overrides=TINY)
    monkeypatch.setattr(CheckpointStore, "save", full)
    assert run_session(session, first=(Stop(),), is_kept=is_kept) == status


def test_a_complete_run_says_how_to_train_further(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = tmp_path / "run", make_dataset(n_train=3)
    assert train(run, data, training__max_steps=2) == 0
    assert f"score it with: vsrpp evaluate {run}" in capsys.readouterr().out
    assert main(["train", str(run), "--resume"]) == 1
    assert "is complete: step 2 of 2; to train on, set training.max_steps" in capsys.readouterr().err
    assert main(["train", str(run), "--resume", "--set", "training.max_steps=3"]) == 0


def test_evaluation_prints_a_table_or_json(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = tmp_path / "run", make_dataset(n_train=3)
    assert train(run, data, training__max_steps=1) == 0
    capsys.readouterr()
    clip = data / "Val" / "GT"
    command = ["evaluate", str(run / "checkpoint_step_1.pth"), str(clip), str(clip), "--border", "3"]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["clip"], row["frames"]) for row in rows] == [("GT", 2), ("GT", 2), ("mean", 4)]
    assert f"{rows[0]['bicubic_y']['psnr']:.3f}" in told and "border 3" in told


@pytest.fixture
def network(tmp_path: Path) -> Path:
    write_network(tmp_path / "a.pth")
    return tmp_path / "a.pth"


def test_networks_named_before_the_clips_are_scored_side_by_side(
    network: Path, make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, table = make_dataset() / "Val" / "GT", tmp_path / "scores.csv"
    assert main(["export", str(network), str(tmp_path / "b.safetensors")]) == 0
    capsys.readouterr()
    networks = [str(network), str(tmp_path / "b.safetensors"), str(network)]
    command = ["evaluate", *networks, str(clip), "--frames", "1", "--protocol", "BD", "--csv", str(table)]
    assert main([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row.pop("checkpoint") for row in rows] == networks[:2], "a network named twice is scored once"
    assert rows[0] == rows[1] and (rows[0]["frames"], rows[0]["protocol"]) == (1, "BD")
    lines = table.read_text().splitlines()
    assert len(lines) == 3 and f"{rows[0]['ki_y']['psnr']:.6f}" in lines[1]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "protocol BD" in told and "b.safetensors" in told


def test_the_figures_of_finished_clips_are_in_the_file_whatever_happens_then(
    network: Path,
    make_dataset: MakeDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clip, bad, table = make_dataset() / "Val" / "GT", tmp_path / "bad", tmp_path / "scores.csv"
    bad.mkdir()
    (bad / "1.png").write_bytes(b"no image")
    command = ["evaluate", str(network), str(clip), str(bad), "--csv", str(table)]
    assert main(command) == 1
    told = capsys.readouterr()
    assert "bad is left out" in told.err and "GT" in told.out and len(table.read_text().splitlines()) == 2
    table.unlink()

    def left(*_: object, **__: object) -> None:
        raise BrokenPipeError

    with monkeypatch.context() as patched:
        patched.setattr(Terminal, "print", left)
        assert main([*command[:3], *command[4:]]) == 1
    assert len(table.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        (["b.safetensors", "c.pth"], "no clip is named"),
        (["clip", "--frames", "0"], "--frames 0 leaves nothing to score"),
        (["clip", "--csv", "a.pth"], "--csv a.pth: expected a .csv file in an existing folder"),
        (["clip", "--csv", "nowhere/a.csv"], "--csv nowhere/a.csv: expected a .csv file"),
    ],
)
def test_wrong_usage_of_evaluate_is_reported_before_anything_is_scored(
    network: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    phrase: str,
) -> None:
    monkeypatch.chdir(network.parent)
    assert main(["evaluate", network.name, *arguments]) == 2
    told = capsys.readouterr().err
    assert phrase in told and told.count("\n") == 1


@pytest.mark.parametrize("verb", ["evaluate", "upscale", "export"])
@pytest.mark.parametrize("name", ["x.onnx", "film.mp4"])
def test_another_file_than_a_checkpoint_is_refused_with_what_can_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"\x08\x0a\x12pytorch")
    Path("clip").mkdir()
    Image.new("RGB", (30, 30)).save("clip/1.png")
    assert main([verb, name, *({"export": ["b.onnx"], "upscale": ["clip", "out"]}.get(verb, ["clip"]))]) == 1
    told = capsys.readouterr().err
    assert f"{name} is not a checkpoint of VSR++; name a .pth file of a run or a .safetensors file that" in told
    assert told.count("\n") == 1 and "zip" not in told


def test_a_folder_of_frames_may_be_named_like_a_network(
    network: Path, make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / "clip.pth"
    (make_dataset() / "Val" / "GT").rename(clip)
    assert main(["evaluate", str(network), str(clip), "--json"]) == 0
    assert [row["clip"] for row in json.loads(capsys.readouterr().out)] == ["clip.pth"]


def test_the_ladder_is_listed_with_its_predictions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    assert main(["tune", "--list", "--set", "data.crop=48", "--set", "training.precision=fp32"]) == 0
    told = capsys.readouterr().out
    assert "no dataset is named, so these are assumed: 5 × 48×48 → 144×144" in told and "meant for GPUs" in told
    rows = [line.split() for line in told.splitlines() if line[:4].strip().isdigit()]
    assert [(row[1], row[2], row[3]) for row in rows][::7] == [("192", "32", "3×2"), ("64", "20", "4×1")]
    assert rows[-1][4:7] == ["1.8", "M", "0.17"] and rows[-1][8] == "0.3/0.2/0.1"
    assert list(tmp_path.iterdir()) == []


def test_a_rung_is_chosen_by_hand(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run, data = tmp_path / "run", make_dataset()
    assert main(["tune", str(run), "--data", str(data), "--choose", "8", "--set", "tune.max_seconds=1e-6"]) == 0
    told = capsys.readouterr().out
    assert (
        "warning: a step of " in told
        and " s is predicted; 1e-06 s are allowed" in told
        and "chosen by hand, predicted" in told
    )
    assert f"wrote {run / 'config.toml'}: 64 feature maps, 20 blocks, batch 4 x 1, checkpointing none" in told
    config = RunConfig.load(run / "config.toml")
    assert (config.model.n_feats, config.tune.max_seconds) == (64, 1e-6)


@pytest.mark.parametrize(
    ("arguments", "status", "phrase"),
    [
        (["run", "--choose", "9"], 2, "--choose 9: the ladder has rungs 1 to 8"),
        (["--data", "x"], 2, "name the run whose config.toml receives the result"),
        (["run", "--data", "x", "--set", "training.batch_size=8"], 2, "is what auto-tune finds"),
        (["run"], 1, "run names no dataset yet"),
        (["--list", "--data", "x"], 1, "x is not a folder"),
    ],
)
def test_wrong_usage_of_tune_is_reported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    phrase: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["tune", *arguments]) == status
    assert phrase in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_listing_and_choosing_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert leaves(["tune", "run", "--list", "--choose", "1"]) == 2


def test_a_search_shows_predictions_measurements_and_what_was_written(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Hardware(torch.device("cpu"), DeviceDescription("a card", 2**33, "cuda"), "fp32", "")
    monkeypatch.setattr("vsrpp_core.tune.run_tuning.choose_hardware", lambda precision: card)
    monkeypatch.setattr("vsrpp_core.tune.measure.measure_steps", lambda *_: Measurement(1.0, 2**30))
    assert main(["tune", str(tmp_path / "run"), "--data", str(make_dataset())]) == 0
    told = capsys.readouterr().out
    table, tried, wrote = (told.index(part) for part in ("may fit", "auto-tune 1: 192 feature maps", "wrote "))
    assert table < tried < wrote and "2.00 s per step and 1.0 GB measured on a card (fp32)" in told


def test_tuning_writes_the_run_s_settings(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["tune", str(tmp_path / "run"), "--data", str(make_dataset())]) == 0
    assert "warning: the auto-tune ladder is for GPUs" in capsys.readouterr().out
    assert "n_feats = 32" in (tmp_path / "run" / "config.toml").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["train", "", "--data", "d"],
        ["train", "run", "--data", ""],
        ["tune", "", "--list"],
        ["import", "a.pth", ""],
        ["prepare", "", "--out", "x"],
        ["upscale", "a.pth", "in", ""],
        ["config", ""],
        ["check", ""],
        ["demo", "--run", ""],
    ],
)
def test_an_empty_word_for_a_place_is_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and "is an empty word" in capsys.readouterr().err


def test_a_tilde_in_a_word_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    options = make_parser("train").parse_args(["train", "~/run", "--data=~/films"])
    assert (options.run, options.data) == (Path("/home/somebody/run"), Path("/home/somebody/films"))


@pytest.mark.parametrize("columns", ["40", "80"])
def test_settings_through_a_pipe_are_a_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["config"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(setting_ranges())
    assert any(line.startswith("checkpoints.keep_superseded_best  false  default  ") for line in lines)


@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_several_ranks_the_first_tells_what_is_wrong_with_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rank: str
) -> None:
    for name, value in {"RANK": rank, "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    assert main(["train", "run", "--set", "training.seed"]) == 2
    assert ("has no value" in capsys.readouterr().err) == (rank == "0")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two', not a number"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "2"}, "RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT not set"),
    ],
)
def test_ranks_that_torchrun_did_not_start_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], changed: dict[str, str], told: str
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    assert main(["train", "run", "--data", "d"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "run", "--restarts", "-1"], "-1 is no number up to 1,000"),
        (["doctor", "{file}"], "is a file; name a run"),
        (["bench", "{file}"], "is a file; name a run"),
    ],
)
def test_wrong_usage_is_one_clear_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(SystemExit, match="2"):
        main([part.format(file=tmp_path / "a") for part in arguments])
    assert words in capsys.readouterr().err
