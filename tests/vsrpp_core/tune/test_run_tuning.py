from pathlib import Path

import pytest
import torch

from tests.conftest import MakeDataset
from tests.helpers import make_info
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import DeviceDescription, Hardware
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder, write_checkpoint_info
from vsrpp_core.run.settings import Overrides
from vsrpp_core.tune import measure as measuring
from vsrpp_core.tune import run_tuning
from vsrpp_core.tune.default_settings import EARLIER_CPU
from vsrpp_core.tune.ladder import LADDER
from vsrpp_core.tune.run_tuning import choose_rung, list_ladder, tune_run
from vsrpp_core.tune.search import Measurement

GB = 2**30
CARD = Hardware(torch.device("cpu"), DeviceDescription("a card", 10 * GB, "cuda"), "fp32", "")
FINE, OUT_OF_MEMORY = Measurement(1.0, 2 * GB), Measurement(float("nan"), 10 * GB, out_of_memory=True)


@pytest.fixture
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def pretend_card(monkeypatch: pytest.MonkeyPatch, *results: Measurement) -> list[RunConfig]:
    """A card on which measuring gives ``results``; the configurations measured."""
    left, asked = list(results), list[RunConfig]()

    def measure(config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> Measurement:
        asked.append(config)
        return left.pop(0)

    monkeypatch.setattr(run_tuning, "choose_hardware", lambda precision: CARD)
    monkeypatch.setattr(measuring, "measure_steps", measure)
    return asked


def written(run: Path) -> RunConfig:
    return RunConfig.load(run / "config.toml")


# measured


def test_a_card_gets_what_passed(monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    pretend_card(monkeypatch, OUT_OF_MEMORY, FINE)
    events = list(tune_run(run, data, {"training.seed": 7}))
    tried = [ev.MeasurementStarted, ev.ConfigurationTried]
    assert [type(e) for e in events] == [
        ev.TuningStarted, *[ev.ConfigurationPredicted] * 8, *tried, *tried, ev.ConfigurationChosen
    ]  # fmt: skip
    config = written(run)
    assert (config.model.n_feats, config.model.n_frames, config.data.root) == (LADDER[0][0], 5, str(data))
    assert (config.training.checkpointing, config.training.seed) == ("block", 7)
    assert config.tune.found.startswith("2.00 s per step and 2.0 GB measured on a card (fp32)")


def test_limits_can_be_set_and_stay(monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    pretend_card(monkeypatch, Measurement(2.5, GB))
    list(tune_run(run, make_dataset(), {"tune.max_seconds": 6}))
    assert (written(run).tune.max_seconds, written(run).model.n_feats) == (6, LADDER[0][0])


def test_a_second_search_forgets_what_the_first_found(
    monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run, data = tmp_path / "run", make_dataset()
    asked = pretend_card(monkeypatch, OUT_OF_MEMORY, FINE, FINE)
    list(tune_run(run, data))
    list(tune_run(run, None))
    assert [config.training.checkpointing for config in asked] == ["none", "block", "none"]
    assert written(run).training.checkpointing == "none"


def test_a_failed_search_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    pretend_card(monkeypatch, *[Measurement(9.0, GB)] * 8)
    with pytest.raises(VsrppError, match=r"no configuration fits a card; .* set tune\.max_seconds = 9\.5"):
        list(tune_run(tmp_path / "run", make_dataset()))
    assert not (tmp_path / "run" / "config.toml").exists()


# on a CPU


def test_a_cpu_gets_a_small_network_with_a_warning(cpu_only: None, make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset()
    warning, _, *predicted, chosen = tune_run(run, data)
    assert isinstance(warning, ev.WarningRaised) and "for GPUs" in warning.message
    assert [type(event) for event in predicted] == [ev.ConfigurationPredicted] * 9
    assert isinstance(chosen, ev.ConfigurationChosen) and chosen.index == 9
    config = written(run)
    assert (config.data.root, config.model.n_feats, config.model.n_frames) == (str(data), 32, 5)
    assert config.tune.found.startswith("the small network for CPUs, predicted ") and config.tune.preset == "cpu"


def test_the_user_s_settings_stay_except_for_the_size(
    cpu_only: None, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run, data = tmp_path / "run", make_dataset()
    mine = {
        "training.seed": 7,
        "cadence.validate_every": 77,
        "training.max_steps": 123,
        "loss.l1": 0.7,
        "loss.ms": 0.1,
    }
    run.mkdir()
    RunConfig().with_overrides(mine).save(run / "config.toml")
    list(tune_run(run, data))
    config = written(run)
    assert (config.training.seed, config.cadence.validate_every, config.training.max_steps) == (7, 77, 123)
    assert (config.loss.l1, config.model.n_feats) == (0.7, 32)


def of_a_cpu(config: RunConfig) -> tuple[int, float, int, int, int]:
    """Of its preset what no rung sets."""
    schedule, training = config.schedule, config.training
    return config.data.crop, schedule.lr_max, training.max_steps, schedule.warmup_steps, config.cadence.best_from


SET_BY_A_CPU = (48, 4e-3, 15_000, 200, 0)
DEFAULT = of_a_cpu(RunConfig())


def test_a_rung_chosen_after_a_search_on_a_cpu_keeps_nothing_of_its_preset(
    cpu_only: None, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run, data = tmp_path / "run", make_dataset(side=60)
    list(tune_run(run, data, {"training.seed": 7}))
    assert of_a_cpu(written(run)) == SET_BY_A_CPU
    list(choose_rung(run, None, 8))
    assert of_a_cpu(written(run)) == DEFAULT and written(run).training.seed == 7


def test_a_card_measures_without_the_preset_of_a_cpu(
    cpu_only: None, monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run, data = tmp_path / "run", make_dataset(side=60)
    list(tune_run(run, data))
    asked = pretend_card(monkeypatch, FINE)
    list(tune_run(run, None))
    assert [of_a_cpu(config) for config in (*asked, written(run))] == [DEFAULT, DEFAULT]


@pytest.mark.parametrize("earlier", EARLIER_CPU)
def test_a_search_on_a_cpu_by_an_earlier_version_is_reset_too(
    cpu_only: None, make_dataset: MakeDataset, tmp_path: Path, earlier: Overrides
) -> None:
    """Its config.toml says so only in ``tune.found``, and the preset had other numbers."""
    run, data = tmp_path / "run", make_dataset(side=60)
    list(tune_run(run, data))
    settings = run / "config.toml"
    written(run).with_overrides(earlier).save(settings)
    before = [line for line in settings.read_text().splitlines() if not line.startswith("preset")]
    assert len(before) == len(settings.read_text().splitlines()) - 1
    settings.write_text("\n".join(before))
    list(choose_rung(run, None, 8))
    assert of_a_cpu(written(run)) == DEFAULT and written(run).tune.preset == ""


def test_the_preset_is_not_read_out_of_the_description(
    cpu_only: None, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    """A user may write what they like there."""
    run, data = tmp_path / "run", make_dataset(side=60)
    list(tune_run(run, data))
    written(run).with_overrides({"tune.found": "my own words"}).save(run / "config.toml")
    list(choose_rung(run, None, 8))
    assert of_a_cpu(written(run)) == DEFAULT


def test_a_second_search_on_a_cpu_finds_the_same(cpu_only: None, make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset(side=60)
    list(tune_run(run, data))
    first = written(run)
    list(tune_run(run, None))
    assert written(run) == first


def test_settings_changed_after_a_search_on_a_cpu_stay(
    cpu_only: None, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    """``best_from`` stays at 0 with it: the default would lie beyond the checkpoints that were asked for."""
    run, data = tmp_path / "run", make_dataset(side=60)
    list(tune_run(run, data))
    mine = {"schedule.lr_max": 3e-4, "cadence.checkpoint_every": 1000, "cadence.best_until": 900}
    written(run).with_overrides(mine).save(run / "config.toml")
    list(choose_rung(run, None, 8))
    assert of_a_cpu(written(run)) == (0, 3e-4, DEFAULT[2], DEFAULT[3], 0)


# chosen by hand


def test_settings_of_an_earlier_version_are_removed_with_a_warning(
    cpu_only: None, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    run.config.write_text("[schedule]\nplateau_patience = 300\n")
    warnings = [event.message for event in tune_run(run.path, make_dataset()) if isinstance(event, ev.WarningRaised)]
    assert [text for text in warnings if "schedule.plateau_patience" in text] == [warnings[-1]]
    assert "plateau_patience" not in run.config.read_text()


def test_a_rung_can_be_chosen_without_measuring(
    monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    run, data = tmp_path / "run", make_dataset()
    asked = pretend_card(monkeypatch)
    (predicted,) = choose_rung(run, data, 7, {"training.seed": 3})
    assert isinstance(predicted, ev.ConfigurationPredicted) and predicted.index == 7 and not asked
    config = written(run)
    assert (config.model.n_feats, config.model.n_blocks, config.training.batch_size) == (96, 24, 4)
    assert (config.training.checkpointing, config.training.seed, config.data.root) == ("none", 3, str(data))
    assert config.tune.found.startswith("chosen by hand, predicted ") and "a card (fp32)" in config.tune.found


def test_the_first_mode_that_fits_is_chosen_and_a_misfit_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    pretend_card(monkeypatch)
    data = make_dataset(side=60)
    list(choose_rung(tmp_path / "fits", data, 8, {"tune.max_memory": 0.03}))
    assert written(tmp_path / "fits").training.checkpointing == "block"
    _, warning = choose_rung(tmp_path / "misfit", data, 8, {"tune.max_memory": 0.001})
    assert isinstance(warning, ev.WarningRaised) and "0.0 GB are allowed" in warning.message
    assert written(tmp_path / "misfit").training.checkpointing == "trunk"


def test_a_cpu_is_warned_of_the_time_a_chosen_rung_takes(
    cpu_only: None, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    _, warning = choose_rung(tmp_path / "run", make_dataset(), 8, {"tune.max_seconds": 1e-6})
    assert isinstance(warning, ev.WarningRaised) and "s is predicted; 1e-06 s are allowed" in warning.message
    assert written(tmp_path / "run").model.n_feats == 64


@pytest.mark.parametrize("index", [0, 9])
def test_a_rung_outside_the_ladder_is_wrong_usage(index: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--choose {index}: the ladder has rungs 1 to 8"):
        list(choose_rung(tmp_path / "run", None, index))


# listed


def test_a_list_needs_neither_run_nor_dataset_and_writes_nothing(cpu_only: None, tmp_path: Path) -> None:
    listing = list_ladder(None, None, {"tune.max_seconds": 1000})
    assert listing.assumed and listing.geometry == StackGeometry(5, 180, 180)
    assert [(r.n_feats, r.batch_size, r.n_blocks) for r in listing.rungs] == list(LADDER)
    assert list_ladder(tmp_path / "run", None).assumed and not (tmp_path / "run").exists()
    other = list_ladder(None, None, {"model.scale": 2, "model.n_frames": 7})
    assert other.geometry == StackGeometry(7, 180, 180, scale=2)


def test_a_list_is_made_for_the_run_s_dataset(cpu_only: None, make_dataset: MakeDataset, tmp_path: Path) -> None:
    run, data = tmp_path / "run", make_dataset(side=20)
    list(tune_run(run, data))
    before = (run / "config.toml").read_bytes()
    listing = list_ladder(run, None)
    assert not listing.assumed and (listing.geometry.width, listing.geometry.n_frames) == (20, 5)
    assert (run / "config.toml").read_bytes() == before


# mistakes


def test_a_run_with_a_network_keeps_its_size(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.checkpoint(12).write_bytes(b"x")
    write_checkpoint_info(folder.path, make_info(12))
    for tuned in (tune_run(folder.path, make_dataset()), choose_rung(folder.path, None, 8)):
        with pytest.raises(VsrppError, match="holds a network at step 12"):
            list(tuned)


def test_without_a_dataset_there_is_nothing_to_tune_for(tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match="--data ROOT"):
        list(tune_run(tmp_path / "run", None))
    with pytest.raises(VsrppError, match="is not a folder"):
        list(tune_run(tmp_path / "run", tmp_path / "nowhere"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "phrase"),
    [
        ({"model.n_feats": 16}, "--set model.n_feats is what auto-tune finds"),
        ({"data.crop": 64}, "data.crop = 64 is larger than the smallest LR patches"),
        ({"tune.max_second": 6}, "did you mean tune.max_seconds"),
    ],
)
def test_invalid_settings_are_refused(
    make_dataset: MakeDataset, tmp_path: Path, setting: dict[str, int], phrase: str
) -> None:
    with pytest.raises(VsrppError, match=phrase):
        list(tune_run(tmp_path / "run", make_dataset(), setting))
    assert not (tmp_path / "run").exists()
