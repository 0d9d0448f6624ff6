"""From a checkpoint of the original VSR++ to a run that trains on."""

from pathlib import Path

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import SHAPE, TINY
from tests.vsrpp_core.network_files import write_checkpoint as write_network
from tests.vsrpp_core.network_files import write_original, write_original_settings
from vsrpp_core.apply.export import export
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.stored_network import read_exported
from vsrpp_core.cli.main import main
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.session.import_run import import_run
from vsrpp_core.session.session import open_session

Capture = pytest.CaptureFixture[str]
SETTINGS = {key: value for key, value in TINY.items() if not key.startswith("model.")}


def test_the_run_holds_the_same_network_and_moments_at_the_same_step(tmp_path: Path) -> None:
    model = write_original(tmp_path / "old.pth")
    saved = import_run(tmp_path / "old.pth", tmp_path / "run").saved
    assert (saved.step, saved.name, saved.kind) == (25_500, "checkpoint_step_25500.pth", "manual")
    state = checkpoints.load(tmp_path / "run" / saved.name)
    assert all(torch.equal(state["model"][name], weight) for name, weight in model.state_dict().items())
    old = torch.load(tmp_path / "old.pth", weights_only=False)["optimizer_state_dict"]["state"]
    new = state["optimizer_step"]["optimizer"]["state"]
    assert all(torch.equal(old[i][name], new[i][name]) for i in old for name in ("step", "exp_avg", "exp_avg_sq"))
    config = RunConfig.load(tmp_path / "run" / "config.toml")
    assert (config.model.n_feats, config.model.n_blocks, config.model.n_frames) == (8, 4, 5)


def test_training_goes_on_from_there(make_dataset: MakeDataset, tmp_path: Path) -> None:
    write_original(tmp_path / "old.pth")
    import_run(tmp_path / "old.pth", tmp_path / "run")
    settings = {**SETTINGS, "training.max_steps": 25_512}
    session = open_session(tmp_path / "run", make_dataset(), start="resume", overrides=settings)
    events = list(session.events(CommandQueue()))
    assert [event.step for event in events if isinstance(event, ev.StepReported)] == list(range(25_501, 25_513))
    assert isinstance(events[-1], ev.SessionEnded) and events[-1].reason == "completed"


def test_a_run_that_holds_a_network_is_left_alone(tmp_path: Path) -> None:
    write_original(tmp_path / "old.pth")
    import_run(tmp_path / "old.pth", tmp_path / "run")
    before = (tmp_path / "run" / "checkpoint_step_25500.pth").read_bytes()
    with pytest.raises(VsrppError, match="holds a network at step 25,500 already"):
        import_run(tmp_path / "old.pth", tmp_path / "run")
    assert (tmp_path / "run" / "checkpoint_step_25500.pth").read_bytes() == before


def test_another_network_is_refused_and_nothing_made(tmp_path: Path) -> None:
    weights = {**write_original(tmp_path / "x.pth").state_dict(), "attention.weight": torch.zeros(1)}
    write_original(tmp_path / "old.pth", model_state_dict=weights)
    with pytest.raises(VsrppError, match="does not hold the network of the original"):
        import_run(tmp_path / "old.pth", tmp_path / "run")
    assert RunFolder(tmp_path / "run").contents() == [] and not (tmp_path / "run" / "config.toml").exists()


def test_the_verb_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_original(tmp_path / "old.pth")
    assert main(["import", str(tmp_path / "old.pth"), str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out
    assert "checkpoint_step_25500.pth holds step 25,500; continue with: vsrpp train" in told


# an exported network


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    write_network(tmp_path / "checkpoint.pth")
    export(tmp_path / "checkpoint.pth", tmp_path / "n.safetensors")
    return tmp_path / "n.safetensors"


def test_a_run_starts_from_an_exported_network_at_its_step(exported: Path, tmp_path: Path, capsys: Capture) -> None:
    write_original_settings(tmp_path, MAX_STEPS=70_000)  # the original's, which an export has nothing to do with
    assert main(["import", str(exported), str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out
    assert "holds the moving average of the weights and no optimizer" in told and "with a fresh optimizer" in told
    assert "checkpoint_step_1234.pth holds step 1,234; continue with" in told and "settings imported" not in told
    state = checkpoints.load(tmp_path / "run" / "checkpoint_step_1234.pth")
    config = RunConfig.load(tmp_path / "run" / "config.toml")
    assert {name: getattr(config.model, name) for name in SHAPE} == SHAPE and config.training.max_steps == 100_000
    again = tmp_path / "again.safetensors"
    export(tmp_path / "run" / "checkpoint_step_1234.pth", again)
    first, second = read_exported(exported), read_exported(again)
    assert all(torch.equal(second.weights[name], weight) for name, weight in first.weights.items())
    assert all(torch.equal(state["model"][name], weight) for name, weight in first.weights.items())
    assert state["optimizer_step"]["optimizer"]["state"] == {} and state["average"]["updates"] == 0


def test_training_goes_on_from_an_exported_network(make_dataset: MakeDataset, tmp_path: Path) -> None:
    write_network(tmp_path / "checkpoint.pth", n_frames=5)
    export(tmp_path / "checkpoint.pth", tmp_path / "n.safetensors")
    import_run(tmp_path / "n.safetensors", tmp_path / "run")
    settings = {**SETTINGS, "training.max_steps": 1236}
    session = open_session(tmp_path / "run", make_dataset(), start="resume", overrides=settings)
    events = list(session.events(CommandQueue()))
    assert [event.step for event in events if isinstance(event, ev.StepReported)] == [1235, 1236]


# the original's settings


def test_settings_beside_the_checkpoint_are_taken_over(tmp_path: Path) -> None:
    write_original(tmp_path / "old.pth")
    write_original_settings(tmp_path, N_FEATS=128)
    made = import_run(tmp_path / "old.pth", tmp_path / "run")
    config = RunConfig.load(tmp_path / "run" / "config.toml")
    assert config == made.config
    assert (config.training.max_steps, config.cadence.best_until, config.data.root) == (60_000, 4_000, "/old/Dataset")
    assert (config.model.n_feats, config.model.n_blocks) == (8, 4), "the checkpoint decides about the shape"
    state = checkpoints.load(tmp_path / "run" / made.saved.name)
    assert state["config"] == config.model_dump()
    assert any("N_FEATS is 128 but the checkpoint has 8" in note for note in made.notes)
    assert any("/old/Dataset does not exist here" in note for note in made.notes)


def test_named_settings_come_before_those_beside_and_the_run_s(tmp_path: Path) -> None:
    write_original(tmp_path / "old.pth")
    write_original_settings(tmp_path, MAX_STEPS=70_000)
    (tmp_path / "other").mkdir()
    named = write_original_settings(tmp_path / "other", MAX_STEPS=80_000)
    folder = RunFolder(tmp_path / "run")
    folder.create()
    RunConfig().with_overrides({"training.max_steps": 90_000, "training.seed": 5}).save(folder.config)
    config = import_run(tmp_path / "old.pth", folder.path, named).config
    assert (config.training.max_steps, config.training.seed) == (80_000, 5)


def test_settings_the_run_has_are_not_overwritten_unasked(tmp_path: Path) -> None:
    write_original(tmp_path / "old.pth")
    write_original_settings(tmp_path)
    folder = RunFolder(tmp_path / "run")
    folder.create()
    RunConfig().with_overrides({"training.max_steps": 90_000}).save(folder.config)
    made = import_run(tmp_path / "old.pth", folder.path)
    assert made.settings is None and RunConfig.load(folder.config).training.max_steps == 90_000
    assert any("train_config.json is ignored" in note and "--config" in note for note in made.notes)


def test_training_goes_on_with_the_original_s_settings(make_dataset: MakeDataset, tmp_path: Path) -> None:
    write_original(tmp_path / "old.pth")
    data = make_dataset()
    write_original_settings(tmp_path, DATASET_ROOT=str(data), MAX_STEPS=25_503, NUM_WORKERS=0, WARMUP_STEPS=4)
    import_run(tmp_path / "old.pth", tmp_path / "run")
    session = open_session(tmp_path / "run", None, start="resume", overrides={"training.precision": "fp32"})
    *_, last = session.events(CommandQueue())
    assert isinstance(last, ev.SessionEnded) and (last.reason, last.step) == ("completed", 25_503)


@pytest.mark.parametrize(("max_steps", "is_told"), [(25_500, True), (25_000, True), (25_501, False)])
def test_an_import_says_that_nothing_is_left_to_train(tmp_path: Path, max_steps: int, is_told: bool) -> None:
    write_original(tmp_path / "old.pth")
    write_original_settings(tmp_path, MAX_STEPS=max_steps)
    notes = import_run(tmp_path / "old.pth", tmp_path / "run").notes
    assert any("raise training.max_steps" in note for note in notes) is is_told


@pytest.mark.parametrize("named", [False, True])
def test_settings_that_cannot_be_leave_nothing_behind(tmp_path: Path, named: bool, capsys: Capture) -> None:
    write_original(tmp_path / "old.pth")
    (tmp_path / "other").mkdir()
    path = write_original_settings(tmp_path / "other" if named else tmp_path, BATCH_SIZE=0)
    arguments = ["--config", str(path)] if named else []
    assert main(["import", str(tmp_path / "old.pth"), str(tmp_path / "run"), *arguments]) == 1
    told = capsys.readouterr().err
    assert f"{path}: BATCH_SIZE = 0" in told and told.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_verb_tells_what_became_of_the_settings(tmp_path: Path, capsys: Capture, make_dataset: MakeDataset) -> None:
    write_original(tmp_path / "old.pth")
    path = write_original_settings(tmp_path, DATASET_ROOT=str(make_dataset()), MODEL_CONFIG={"batch_size": 2})
    assert main(["import", str(tmp_path / "old.pth"), str(tmp_path / "run")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"settings imported from {path}:"
    assert "  training.max_steps = 60000  (MAX_STEPS)" in told
    assert any("no equivalent here: LR_EXPONENT, " in line for line in told)
    assert "ignored: MODEL_CONFIG sets the same thing: BATCH_SIZE" in told
    assert told[-1].endswith(f"continue with: vsrpp train {tmp_path / 'run'} --resume"), "the dataset is known and here"
