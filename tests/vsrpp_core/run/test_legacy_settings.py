"""The original's train_config.json: what becomes of each key, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from tests.vsrpp_core.network_files import write_original_settings
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.config import RunConfig, setting_ranges
from vsrpp_core.run.legacy_settings import SETTINGS, read_original_settings, read_settings_of_folder


def config_from(path: Path) -> RunConfig:
    return RunConfig().with_overrides(read_original_settings(path).overrides)


def refusal(path: Path) -> str:
    with pytest.raises(VsrppError) as caught:
        read_original_settings(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_every_equivalent_is_a_setting() -> None:
    assert set(SETTINGS.values()) <= set(setting_ranges())


def test_everything_with_an_equivalent_is_taken_over(tmp_path: Path) -> None:
    config = config_from(write_original_settings(tmp_path))
    training, schedule, cadence = config.training, config.schedule, config.cadence
    assert (training.batch_size, training.accumulation, training.max_steps) == (6, 3, 60_000)
    assert (training.weight_decay, config.clipping.initial, config.data.workers) == (0.001, 2.0, 2)
    assert (schedule.lr_max, schedule.lr_min, schedule.warmup_steps) == (0.00015, 1e-07, 700)
    assert (config.loss.l1, config.loss.ms, config.loss.grad, config.loss.adaptive) == (0.5, 0.25, 0.25, False)
    assert (cadence.validate_every, cadence.checkpoint_every, cadence.tensorboard_every) == (250, 5_000, 50)
    assert config.data.root == "/old/Dataset"


def test_nothing_else_changes(tmp_path: Path) -> None:
    settings = read_original_settings(write_original_settings(tmp_path))
    changed = {setting.key for setting in config_from(settings.paths[0]).settings() if setting.value != setting.default}
    assert changed == {mapped.setting for mapped in settings.mapped}


def test_what_has_no_equivalent_is_named(tmp_path: Path) -> None:
    settings = read_original_settings(write_original_settings(tmp_path, NEW_KEY=[1], MODEL_CONFIG={"channels": 3}))
    assert set(settings.unused) == {
        "LR_EXPONENT", "LOG_LAYERS_EVERY", "HIST_STEP_EVERY", "PIN_MEMORY", "DISPLAY_MODE", "ADAPTIVE_GRAD_CLIP",
        "DATA_ROOT", "AUTO_TUNED", "NEW_KEY", "MODEL_CONFIG.channels",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("every", "window"), [(10_000, (2_000, 8_000)), (5_000, (1_000, 4_000)), (7, (1, 5)), (2, (0, 1)), (1, (0, 0))]
)
def test_the_window_of_best_ones_fits_the_period(tmp_path: Path, every: int, window: tuple[int, int]) -> None:
    cadence = config_from(write_original_settings(tmp_path, SAVE_STEP_EVERY=every)).cadence
    assert (cadence.checkpoint_every, cadence.best_from, cadence.best_until) == (every, *window)


def test_what_auto_tune_found_counts_more_than_the_key_outside(tmp_path: Path) -> None:
    settings = read_original_settings(
        write_original_settings(tmp_path, MODEL_CONFIG={"n_feats": 8, "n_blocks": 4, "batch_size": 2})
    )
    assert settings.overrides["training.batch_size"] == 2 and settings.overridden == ("BATCH_SIZE",)
    assert settings.overrides["training.accumulation"] == 3


@pytest.mark.parametrize("model", [None, {}])
def test_without_auto_tune_the_key_outside_counts(tmp_path: Path, model: Any) -> None:
    settings = read_original_settings(write_original_settings(tmp_path, MODEL_CONFIG=model))
    assert settings.overrides["training.batch_size"] == 6 and settings.overridden == ()


def test_a_shape_that_is_not_the_checkpoint_s_is_told(tmp_path: Path) -> None:
    settings = read_original_settings(
        write_original_settings(tmp_path, N_FEATS=128, MODEL_CONFIG={"n_feats": 8, "n_blocks": 6})
    )
    assert settings.contradictions(8, 4) == [
        "N_FEATS is 128 but the checkpoint has 8",
        "MODEL_CONFIG.n_blocks is 6 but the checkpoint has 4",
    ]
    assert read_original_settings(write_original_settings(tmp_path)).contradictions(8, 4) == []
    assert not any(key.startswith("model.") for key in settings.overrides)


@pytest.mark.parametrize(("root", "expected"), [("Dataset", "Dataset"), ("../Data set", "../Data set")])
def test_a_relative_dataset_is_looked_for_beside_the_file(tmp_path: Path, root: str, expected: str) -> None:
    assert config_from(write_original_settings(tmp_path, DATASET_ROOT=root)).data.root == str(tmp_path / expected)


def test_no_dataset_stays_no_dataset(tmp_path: Path) -> None:
    assert config_from(write_original_settings(tmp_path, DATASET_ROOT="")).data.root == ""


@pytest.mark.parametrize(
    ("changed", "phrase"),
    [
        ({"BATCH_SIZE": "4"}, 'BATCH_SIZE = "4" (training.batch_size: '),
        (
            {"BATCH_SIZE": 0},
            "BATCH_SIZE = 0 (training.batch_size: must be at least 1 (≥ 1, ≤ 256))",
        ),
        ({"BATCH_SIZE": 4.5}, "BATCH_SIZE = 4.5 (training.batch_size: "),
        ({"BATCH_SIZE": True}, "BATCH_SIZE = true (training.batch_size: "),
        ({"NUM_WORKERS": None}, "NUM_WORKERS = null (data.workers: must be a whole number (≥ "),
        ({"MAX_LR": [1e-4]}, "MAX_LR = [0.0001] (schedule.lr_max: "),
        ({"MAX_LR": {"a": 1}}, "MAX_LR = "),
        ({"MAX_LR": float("nan")}, "MAX_LR = NaN"),
        ({"MIN_LR": -1.0}, "MIN_LR = -1.0 (schedule.lr_min: "),
        ({"ADAPTIVE_LOSS_WEIGHTS": 1}, "ADAPTIVE_LOSS_WEIGHTS = 1 (loss.adaptive: "),
        (
            {"GRAD_WEIGHT": 0.3},
            "L1_WEIGHT = 0.5, MS_WEIGHT = 0.25, GRAD_WEIGHT = 0.3, ADAPTIVE_LOSS_WEIGHTS = false (loss: l1 + ms + gra",
        ),
        (
            {"ADAPTIVE_LOSS_WEIGHTS": True},
            "ADAPTIVE_LOSS_WEIGHTS = true (loss: weights that adapt begin with l1 at least",
        ),
        ({"SAVE_STEP_EVERY": 0}, "SAVE_STEP_EVERY = 0 (cadence.checkpoint_every: "),
        ({"SAVE_STEP_EVERY": "often"}, 'SAVE_STEP_EVERY = "often"'),
        ({"DATASET_ROOT": 5}, "DATASET_ROOT = 5 (must be a path)"),
        ({"N_FEATS": "many"}, 'N_FEATS = "many" (must be a whole number)'),
        ({"MODEL_CONFIG": [1]}, "MODEL_CONFIG is no object"),
        ({"MODEL_CONFIG": {"batch_size": -2}}, "MODEL_CONFIG.batch_size = -2 (training.batch_size: "),
        ({"MODEL_CONFIG": {"batch_size": 2}, "BATCH_SIZE": "4"}, 'BATCH_SIZE = "4" (training.batch_size: '),
    ],
)
def test_a_value_that_cannot_be_is_named(tmp_path: Path, changed: dict[str, Any], phrase: str) -> None:
    assert phrase in refusal(write_original_settings(tmp_path, **changed))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    told = refusal(write_original_settings(tmp_path, MAX_STEPS=0, GRAD_CLIP="no", N_BLOCKS=None))
    assert all(key in told for key in ("MAX_STEPS", "GRAD_CLIP", "N_BLOCKS")) and "BATCH_SIZE" not in told


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        (b"", "is not valid JSON"),
        (b'{"MAX_STEPS": 5,}', "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", "no object of settings"),
        (b"12", "no object of settings"),
    ],
)
def test_a_file_of_another_kind_is_told(tmp_path: Path, content: bytes, phrase: str) -> None:
    path = tmp_path / "train_config.json"
    path.write_bytes(content)
    assert phrase in refusal(path)


def test_a_file_that_is_not_there_or_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere.json")
    assert "cannot be read" in refusal(tmp_path)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = write_original_settings(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert config_from(path).training.max_steps == 60_000


# the files of later versions


PROGRAM = """
import os
N_FEATS = 8
BATCH_SIZE: int = 2
MAX_LR = 2e-4
L1_WEIGHT, MS_WEIGHT = 0.55, 0.2
L1_WEIGHT = 0.55
MS_WEIGHT = 0.2
GRAD_WEIGHT = 0.2
PERCEPTUAL_WEIGHT = 0.05
USE_GRADIENT_CHECKPOINTING = True
INITIAL_GRAD_CLIP = 1.25
LR_EXPONENT = -5
DATASET_ROOT = f"{os.mkdir('harm')}/Dataset"
MAX_STEPS = 10 ** 5
os.mkdir("harm")
def get_config():
    return {"BATCH_SIZE": BATCH_SIZE}
"""


def test_a_program_of_settings_is_read_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.py").write_text(PROGRAM)
    (tmp_path / "runtime_config.json").write_text('{"max_lr": 0.0003, "batch_size": 2, "plateau_patience": 250}')
    settings = read_settings_of_folder(tmp_path)
    assert settings.overrides == {
        "schedule.lr_max": 0.0003,
        "training.batch_size": 2,
        "training.checkpointing": "block",
        "clipping.initial": 1.25,
    }
    assert settings.shape == (("N_FEATS", 8),) and settings.computed == ("DATASET_ROOT", "MAX_STEPS")
    assert set(settings.unused) == {"plateau_patience", "PERCEPTUAL_WEIGHT", "LR_EXPONENT"}
    (fault,) = settings.faults  # beside the perceptual loss, which there is none of here, they are no whole
    assert set(fault.settings) == {"L1_WEIGHT", "MS_WEIGHT", "GRAD_WEIGHT"} and not (tmp_path / "harm").exists()


@pytest.mark.parametrize("text", ["N_FEATS = ", "(" * 5000, "a = 1\0", "def"])
def test_what_is_no_program_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.py").write_text(text)
    assert "is not valid Python" in refusal(tmp_path / "config.py")
