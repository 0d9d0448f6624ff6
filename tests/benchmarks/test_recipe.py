"""A grid of training runs goes on where it was ended, and every arm of it can be trained."""

import json
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks import recipe
from tests.helpers import ROOT
from vsrpp_core.run.config import RunConfig
from vsrpp_core.tune.default_settings import cpu_settings

GRID = """
[arms.preset]
[arms."rate 2"]
"schedule.lr_max" = 2e-3
[arms.large]
"training.batch_size" = 16
"""
ROWS = [
    {"clip": clip, "ki_y": {"psnr": 30.0, "ssim": 0.9}, "bicubic_y": {"psnr": 28.5, "ssim": 0.8}}
    for clip in ("walk", "mean")
]


class Trainer:
    """Instead of the program: remembers what was asked of it, leaves checkpoints, and is ended at the ``last`` call."""

    def __init__(self, last: int = 1000) -> None:
        self.asked, self.last = list[tuple[str, ...]](), last

    def __call__(self, *arguments: str) -> str:
        self.asked.append(arguments)
        if arguments[0] == "train":
            steps = next(part.split("=")[1] for part in arguments if part.startswith("training.max_steps="))
            name = "checkpoint_recovery.pth" if len(self.asked) == self.last else f"checkpoint_step_{steps}.pth"
            Path(arguments[1]).mkdir(parents=True, exist_ok=True)
            (Path(arguments[1]) / name).touch()
            if len(self.asked) == self.last:
                sys.exit("interrupted")
        return json.dumps(ROWS)

    def runs(self) -> list[tuple[str, str]]:
        """Name and way of each training."""
        return [(Path(asked[1]).name, asked[2]) for asked in self.asked if asked[0] == "train"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "grid.toml").write_text(GRID)
    asked = ["recipe.py", "data", "walk", "--grid", str(tmp_path / "grid.toml"), "--keep", str(tmp_path / "kept")]
    monkeypatch.setattr(sys, "argv", [*asked, "--steps", "100"])
    monkeypatch.setattr(recipe, "measured", lambda grid, dataset: {"preset": 1.0, "rate 2": 1.0, "large": 2.0})
    return tmp_path / "kept"


def test_arms_take_the_same_time_and_runs_that_were_made_are_not_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for expected in ([("preset-0-100", "--fresh"), ("rate-2-0-100", "--fresh"), ("large-0-50", "--fresh")], []):
        trainer = Trainer()
        monkeypatch.setattr(recipe, "call", trainer)
        recipe.main()
        assert trainer.runs() == expected
    made = recipe.lines(folder / "results.jsonl")
    assert [(line["arm"], line["steps"], line["gain"]) for line in made] == [
        (arm, steps, {"walk": 1.5, "mean": 1.5}) for arm, steps in (("preset", 100), ("rate 2", 100), ("large", 50))
    ]
    assert capsys.readouterr().out.splitlines()[-1].split() == ["large", "+1.500", "+1.50", "50", "2.00"]


def test_the_run_under_way_is_resumed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "call", Trainer(last=3))
    with pytest.raises(SystemExit):
        recipe.main()
    trainer = Trainer()
    monkeypatch.setattr(recipe, "call", trainer)
    recipe.main()
    assert trainer.runs() == [("rate-2-0-100", "--resume"), ("large-0-50", "--fresh")]
    assert [line["resumed"] for line in recipe.lines(folder / "results.jsonl")] == [False, True, False]


def test_every_arm_of_the_grid_is_a_setting_of_the_preset() -> None:
    preset = RunConfig().with_overrides(cpu_settings(96))
    arms = tomllib.loads((ROOT / "benchmarks" / "recipe.toml").read_text())["arms"]
    for name, settings in arms.items():
        assert (preset.with_overrides(settings) == preset) == (name == "preset"), name
