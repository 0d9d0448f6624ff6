"""A whole folder of the original VSR++ becomes a run: what came along, what did not, and the folder as it was."""

from pathlib import Path

import pytest
import torch

from tests.vsrpp_core.network_files import write_later_original, write_original
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.cli.main import main
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.run.config import RunConfig
from vsrpp_core.session.import_folder import import_folder

CONFIG = "N_FEATS = 8\nBATCH_SIZE = 3\nMAX_STEPS = 60_000\nDATASET_ROOT = '/old/Dataset'\n"


@pytest.fixture
def learn(tmp_path: Path) -> Path:
    """As the later versions left it: checkpoints of two steps and of a crash, a damaged one, settings and history."""
    folder = tmp_path / "Learn"
    (folder / "logs").mkdir(parents=True)
    for step in (10_000, 20_000):
        write_later_original(folder / f"checkpoint_step_{step:07d}.pth", step=step)
    write_later_original(folder / "checkpoint_step_0020000_emergency.pth", step=20_000)
    write_later_original(folder / "checkpoint_emergency.pth", step=0)
    write_original(folder / "checkpoint_step_0000500.pth", step=500)
    (folder / "checkpoint_step_0030000.pth").write_bytes(b"cut off")
    (folder / "checkpoint_best.pth").symlink_to("checkpoint_step_0010000.pth")
    (folder / "config.py").write_text(CONFIG)
    (folder / "runtime_config.json").write_text('{"max_lr": 0.0002}')
    for name in ("training.log", "Statistik_500.json", "runtime_config_step_0010000.json", "notes.txt"):
        (folder / name).write_text("{}")
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}


def test_checkpoints_and_settings_come_along_and_the_rest_is_named(
    learn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(learn)
    assert main(["import", str(learn)]) == 0
    run, told = learn.parent / "Learn-vsrpp", capsys.readouterr().out
    assert sorted(path.name for path in run.glob("*.pth")) == [
        "checkpoint_step_10000.pth", "checkpoint_step_20000.pth",
    ]  # fmt: skip
    config = RunConfig.load(run / "config.toml")
    assert (config.model.slope, config.model.residual_scale, config.training.batch_size) == (0.1, 1.0, 3)
    assert (config.schedule.lr_max, config.data.root) == (0.0002, "/old/Dataset")
    for name in (*before, "logs"):
        assert name in told or name.startswith("checkpoint_step_00"), name
    assert "checkpoint_step_0030000.pth" in told and "of step 20,000, as is checkpoint_step_0020000.pth" in told
    assert "of a network of another form than the newest" in told and "the blocks" not in told
    assert contents(learn) == before


def test_each_checkpoint_has_its_own_weights(learn: Path) -> None:
    model, _ = write_later_original(learn / "checkpoint_step_0010000.pth", step=10_000)
    made = import_folder(learn, learn.parent / "run")
    assert made.checkpoints == ("checkpoint_step_20000.pth", "checkpoint_step_10000.pth")
    state = checkpoints.load(made.run / "checkpoint_step_10000.pth")
    assert state["progress"]["step"] == 10_000 and state["optimizer_step"]["optimizer"]["state"]
    assert all(torch.equal(state["model"][name], weight) for name, weight in model.state_dict().items())


def test_checkpoints_on_another_drive_come_along_and_an_option_is_not_blamed_on_them(learn: Path) -> None:
    elsewhere = learn.rename(learn.with_name("drive"))
    learn.mkdir()
    (learn / "checkpoint_step_0020000.pth").symlink_to(elsewhere / "checkpoint_step_0020000.pth")
    (learn / "checkpoint_step_0090000.pth").symlink_to("gone")
    made = import_folder(learn, learn.parent / "run")
    assert made.checkpoints == ("checkpoint_step_20000.pth",) and "does not exist" in made.left[0].reason
    assert main(["import", str(learn), str(learn.parent / "other"), "--slope", "nan"]) == 2


def test_what_cannot_be_imported_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "Learn").mkdir()
    with pytest.raises(VsrppError, match="holds no checkpoint of the original"):
        import_folder(tmp_path / "Learn")
    (tmp_path / "Learn" / "checkpoint_step_5.pth").write_bytes(b"no")
    with pytest.raises(VsrppError, match=r"can be imported; of the newest: .*checkpoint_step_5\.pth"):
        import_folder(tmp_path / "Learn")
    with pytest.raises(UsageError, match="the run cannot be in it"):
        import_folder(tmp_path / "Learn", tmp_path / "Learn" / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["Learn"]


def test_one_file_needs_the_name_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_original(tmp_path / "old.pth")
    assert main(["import", str(tmp_path / "old.pth")]) == 2
    assert "name the run to make" in capsys.readouterr().err
