import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.helpers import GOLDEN
from vsrpp_core.errors import Fault, OverrideError, SettingsError, UsageError, VsrppError
from vsrpp_core.run.config import RunConfig, setting_ranges
from vsrpp_core.run.settings import read_toml

NAMES = GOLDEN / "settings.txt"

HAND_WRITTEN = """\
# my run

[training]
max_steps = 500   # a short one
batch_size = 2

# the network comes after
[model]
n_blocks = 4
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def refusal(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(VsrppError) as caught:
        RunConfig.load(path)
    return str(caught.value)


def test_settings_keep_their_names() -> None:
    """Runs on disk are read by these names: one renamed or removed makes them unreadable."""
    assert list(setting_ranges()) == NAMES.read_text(encoding="utf-8").split()


def test_saved_settings_come_back(path: Path) -> None:
    config = RunConfig().with_overrides({"data.root": "/päth \"quoted\" 'so'", "schedule.lr_max": 3e-4})
    config.save(path)
    assert RunConfig.load(path) == config


def test_saving_keeps_comments_and_order_of_a_user_s_file(path: Path) -> None:
    path.write_text(HAND_WRITTEN, encoding="utf-8")
    RunConfig.load(path).with_overrides({"training.max_steps": 900}).save(path)
    text = path.read_text(encoding="utf-8")
    places = [text.index(part) for part in ("# my run", "max_steps = 900   # a short one", "# the network", "[model]")]
    assert places == sorted(places)
    assert RunConfig.load(path).training.max_steps == 900 and RunConfig.load(path).model.n_blocks == 4


def test_saving_twice_changes_nothing(path: Path) -> None:
    path.write_text(HAND_WRITTEN, encoding="utf-8")
    RunConfig.load(path).save(path)
    once = path.read_text(encoding="utf-8")
    RunConfig.load(path).save(path)
    assert path.read_text(encoding="utf-8") == once


@pytest.mark.parametrize(
    "text", ["training = { batch_size = 2 }\n", "training.batch_size = 2\n", "[training]\r\nbatch_size = 2\r\n"],
    ids=["inline", "dotted", "Windows"],
)  # fmt: skip
def test_other_ways_of_writing_toml_are_saved_right(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    changed = RunConfig.load(path).with_overrides({"training.seed": 7, "training.batch_size": 3})
    changed.save(path)
    assert RunConfig.load(path) == changed


OTHER_WAYS = """\
loss = {l1 = 0.5, ms = 0.2, grad = 0.3} # mine
model.n_feats = 4 # small
data.root = "/x" # here
model.n_blocks = 2
schedule.lr_max = 1e-3 # quick

[training]
batch_size = 3 # three
"""


def test_a_table_in_braces_and_dotted_keys_stay_with_their_comments(path: Path) -> None:
    path.write_text(OTHER_WAYS, encoding="utf-8")
    overrides = {"model.n_feats": 8, "loss.warmup_steps": 7, "data.crop": 24, "schedule.lr_max": 2e-3}
    changed = RunConfig.load(path).with_overrides(overrides)
    changed.save(path)
    assert RunConfig.load(path) == changed
    once = path.read_text(encoding="utf-8")
    lines = once.splitlines()
    assert lines[0].startswith("loss = {l1 = 0.5, ms = 0.2, grad = 0.3, ") and lines[0].endswith("} # mine")
    for line in ("model.n_feats = 8 # small", 'data.root = "/x" # here', "schedule.lr_max = 0.002 # quick"):
        assert line in lines
    assert "[model]" not in lines and "[loss]" not in lines
    RunConfig.load(path).save(path)
    assert path.read_text(encoding="utf-8") == once


def test_a_new_file_explains_every_setting(path: Path) -> None:
    RunConfig().save(path)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if " = " in line]
    assert len(lines) == len(setting_ranges()) and all("# " in line for line in lines)


def test_all_faults_are_listed_at_once(path: Path) -> None:
    told = refusal(path, "[training]\nbatch_sise = 2\nmax_steps = 0\n[model]\nn_frames = 4\n[nonsense]\n")
    assert told.startswith(str(path))
    for part in (
        "did you mean training.batch_size?",
        "training.max_steps: ",
        "model.n_frames: must be odd",
        "nonsense is not",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("[training]\nbatch_size = 2.0\n", "training.batch_size: must be a whole number"),
        ("[data]\naugment = 1\n", "data.augment: must be true or false"),
        ("[training]\nprecision = 'fp8'\n", "training.precision: must be 'auto'"),
        ("[loss]\nl1 = 0.9\n", "l1 + ms + grad must be 1, not 1.3"),
        ("model = 3\n", "model: "),
    ],
)
def test_a_value_that_does_not_fit_is_named(path: Path, text: str, phrase: str) -> None:
    assert phrase in refusal(path, text)


def test_a_file_that_is_no_toml_is_told_with_the_place(path: Path) -> None:
    told = refusal(path, "[training]\nbatch_size = = 2\n")
    assert f"{path} is not valid TOML" in told and "line 2" in told


def test_a_file_that_is_missing_is_told_in_plain_words(path: Path) -> None:
    with pytest.raises(VsrppError) as caught:
        read_toml(path)
    assert str(caught.value) == f"{path} does not exist; check the path"


def test_a_file_that_is_no_text_is_told(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(VsrppError, match="cannot be read"):
        RunConfig.load(path)


def test_a_whole_number_is_a_fine_way_to_write_a_float(path: Path) -> None:
    path.write_text("[schedule]\nlr_max = 1\n", encoding="utf-8")
    rate = RunConfig.load(path).schedule.lr_max
    assert rate == 1.0 and isinstance(rate, float)


def test_overrides_are_typed_as_in_toml() -> None:
    pairs = [("training.batch_size", "8"), ("schedule.lr_max", "1"), ("data.augment", "false"), ("data.root", "a b")]
    typed = RunConfig().parse([*pairs, ("loss", "{l1 = 0.5, grad = 0.3}"), ("tune.found", "5")])
    config = RunConfig().with_overrides(typed)
    assert (config.loss.l1, config.loss.grad, config.tune.found) == (0.5, 0.3, "5")
    assert (config.training.batch_size, config.schedule.lr_max) == (8, 1.0)
    assert (config.data.augment, config.data.root) == (False, "a b")


def test_wrong_overrides_are_all_named() -> None:
    with pytest.raises(VsrppError) as caught:
        RunConfig().with_overrides({"training.batch_sise": 2, "model": 3, "data.augment": "yes"})
    told = str(caught.value)
    for part in (
        "did you mean training.batch_size?",
        "model: must be a table like {a = 1, b = 2}",
        "data.augment: must be true or false",
    ):
        assert part in told


def test_settings_cannot_be_changed_in_place() -> None:
    config = RunConfig()
    with pytest.raises(ValidationError):
        config.training.batch_size = 2  # type: ignore[misc]
    with pytest.raises(ValidationError):
        config.training = config.training  # type: ignore[misc]


def test_a_save_that_fails_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(HAND_WRITTEN, encoding="utf-8")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(VsrppError, match="No space left"):
        RunConfig.load(path).with_overrides({"training.max_steps": 900}).save(path)
    assert path.read_text(encoding="utf-8") == HAND_WRITTEN
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("setting", "phrase"),
    [
        ({"cadence.checkpoint_every": 1000}, "best_from must be less than checkpoint_every (1000)"),
        ({"cadence.best_from": 9000}, "best_from must be at most best_until (8000)"),
        ({"clipping.minimum": 600}, "minimum must be at most window (500)"),
        (
            {"loss": {"l1": 0.3, "ms": 0.5, "grad": 0.2}},
            "begin with l1 at least 0.3, ms at most 0.2",
        ),
        ({"loss": {"l1": 0.9, "ms": 0.0, "grad": 0.1}}, "others stay fixed with adaptive = false"),
        ({"loss": {"l1": 0.4, "ms": 0.0, "grad": 0.6}}, "grad from 0.15 to 0.5"),
        ({"loss": {"l1": 0.25, "ms": 0.25, "grad": 0.5}}, "weights that adapt begin with"),
    ],
)
def test_settings_that_could_never_act_are_refused(setting: dict[str, Any], phrase: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunConfig().with_overrides(setting)
    assert phrase in str(caught.value)


@pytest.mark.parametrize(
    "loss",
    [
        {"l1": 1.0, "ms": 0.0, "grad": 0.0, "adaptive": False},
        {"l1": 0.85, "ms": 0.0, "grad": 0.15},
        {"l1": 0.3, "ms": 0.2, "grad": 0.5},
    ],
)
def test_loss_weights_may_stand_at_their_bounds_and_beyond_them_where_fixed(loss: dict[str, Any]) -> None:
    RunConfig().with_overrides({"loss": loss})


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(VsrppError, match=r"config\.toml cannot be written"):
        RunConfig().save(tmp_path / "config.toml")


def test_every_fault_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        "# mine\nmodell = 1\n\n[training]\nbatch_sise = 8\nseed = -1\n\n[ loss ]\nl1 = 0.9\n", encoding="utf-8"
    )
    with pytest.raises(VsrppError) as caught:
        RunConfig.load(tmp_path / "config.toml")
    told = str(caught.value)
    assert "line 2: modell is not a setting (did you mean model?)" in told
    assert "line 5: training.batch_sise is not a setting (did you mean training.batch_size? ≥ 1, ≤ " in told
    assert "line 6: training.seed: must be at least 0" in told
    assert "line 8: loss: l1 + ms + grad must be 1" in told


def test_a_fault_written_inline_is_told_without_a_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("training = { seed = -1 }\n", encoding="utf-8")
    with pytest.raises(VsrppError, match=r"config\.toml: training\.seed: must be"):
        RunConfig.load(tmp_path / "config.toml")


def test_settings_tell_their_value_default_and_range() -> None:
    settings = {s.key: s for s in RunConfig().with_overrides({"data.crop": 48}).settings()}
    crop = settings["data.crop"]
    assert (crop.value, crop.default, crop.range) == (48, 0, "≥ 0, ≤ 1,024")
    assert settings["training.precision"].range == "auto, fp32, tf32, bf16, fp16" and settings["data.root"].range == ""
    assert all(setting.description for setting in settings.values())


def test_faults_are_data(path: Path) -> None:
    path.write_text("[training]\nbatch_sise = 2\nmax_steps = 0\n[loss]\nl1 = 0.9\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        RunConfig.load(path)
    unknown, low, rule = sorted(caught.value.faults, key=lambda fault: fault.line)
    assert (unknown.key, unknown.line, unknown.is_unknown) == ("training.batch_sise", 2, True)
    assert low == Fault(
        "training.max_steps", "must be at least 1", "≥ 1, ≤ 100,000,000", 3, settings=("training.max_steps",)
    )
    assert (rule.key, rule.line, rule.settings) == ("loss", 4, ("loss.l1", "loss.ms", "loss.grad"))
    assert str(caught.value) == f"{path}: {'; '.join(map(str, caught.value.faults))}"


def test_faults_of_overrides_are_those_of_a_command_line() -> None:
    with pytest.raises(OverrideError) as caught:
        RunConfig().with_overrides({"model.n_frames": 4, "nonsense.a": 1})
    assert isinstance(caught.value, UsageError)
    assert {fault.key: fault.message for fault in caught.value.faults} == {
        "model.n_frames": "must be odd",
        "nonsense.a": "is not a setting",
    }


def test_settings_of_an_earlier_version_are_passed_over_and_leave_the_file(path: Path) -> None:
    path.write_text("[schedule]\nlr_max = 2e-4 # mine\nplateau_patience = 300 # steps\nplateau_threshold = 0.003\n")
    config, retired = RunConfig.load_known(path)
    assert retired == ["schedule.plateau_patience", "schedule.plateau_threshold"]
    assert config == RunConfig.load(path)
    assert config is not None
    assert config.schedule.lr_max == 2e-4
    config.save(path)
    text = path.read_text()
    assert "plateau_patience" not in text and "plateau_threshold" not in text and "2e-4 # mine" in text
    assert RunConfig.load_known(path) == (config, [])
    path.write_text("schedule = {plateau_patience = 300, lr_max = 2e-4}\n")
    RunConfig.load(path).save(path)
    assert "plateau_patience" not in path.read_text()
    assert RunConfig.load_known(path.with_name("none.toml")) == (None, [])


@pytest.mark.parametrize("text", ["fp32", '"fp32"', "'fp32'"])
def test_text_may_be_typed_in_quotes_as_in_the_file(text: str) -> None:
    assert RunConfig().parse([("training.precision", text)]) == {"training.precision": "fp32"}


def test_a_quote_that_is_part_of_a_name_stays() -> None:
    assert RunConfig().parse([("data.root", "'t is here")]) == {"data.root": "'t is here"}


def test_a_byte_order_mark_is_passed_over_and_utf_16_told(path: Path) -> None:
    text = "[training]\nseed = 7\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    config = RunConfig.load(path)
    config.save(path)
    assert config.training.seed == RunConfig.load(path).training.seed == 7
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(VsrppError, match="UTF-16, not UTF-8"):
        RunConfig.load(path)


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    root = RunConfig().with_overrides({"data.root": "~/films"}).data.root
    assert root == "/home/somebody/films"
