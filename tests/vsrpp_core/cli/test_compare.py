"""Runs beside each other: what is told of each, and the page that needs no network."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers import make_event
from vsrpp_core.cli.main import main
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.report import comparison_page
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder

VALIDATION = make_event(ev.ValidationFinished, lr_psnr=28.0, ki_ssim=0.9, seconds=0.0)


def make_run(path: Path, gains: dict[int, float], data: str = "d", rate: float = 1e-3) -> Path:
    """A run of two seconds a step, with these gains over bicubic by step and a picture of each."""
    folder = RunFolder(path)
    folder.create()
    RunConfig().with_overrides({"schedule.lr_max": rate}).save(folder.config)
    with JournalWriter(folder.journal) as writer:
        started = make_event(ev.SessionStarted, step=0, resumed_from="", max_steps=1_000, data=data, val_samples=4)
        writer.handle(started)
        for step in range(10, max(gains, default=10) + 1, 10):
            writer.handle(make_event(ev.StepReported, step=step, seconds_per_step=2.0))
            if step in gains:
                writer.handle(replace(VALIDATION, step=step, ki_psnr=28.0 + gains[step]))
                kept = folder.pictures / f"step_{step}"
                kept.mkdir(parents=True)
                Image.new("RGB", (12, 4), (step % 256, 0, 0)).save(kept / "film_a.png")
    return path


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    slow = make_run(tmp_path / "slow" / "run", {100: 1.0, 200: 1.25, 300: 1.5})
    fast = make_run(tmp_path / "fast" / "run", {100: 2.0, 200: 1.9}, rate=2e-3)
    return [str(slow), str(fast)]


def test_figures_and_settings_that_differ(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *runs]) == 0
    said = capsys.readouterr()
    slow, fast = (re.split(r" {2,}", line) for line in said.out.splitlines()[1:3])
    assert slow[0] == "slow/run" and slow[4:] == ["+1.500 dB", "0.9000", "+1.500 dB", "300", "+1.250 dB"]
    assert fast[0] == "fast/run" and fast[4:] == ["+1.900 dB", "0.9000", "+2.000 dB", "100", "+1.900 dB"]
    assert re.search(r"schedule.lr_max +0.001 +0.002", said.out) and said.err == ""


def test_every_validation_is_written_as_csv(runs: list[str], tmp_path: Path) -> None:
    assert main(["compare", *runs, "--csv", str(tmp_path / "a.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [(Path(row["run"]).parent.name, row["step"]) for row in rows] == [
        ("slow", "100"), ("slow", "200"), ("slow", "300"), ("fast", "100"), ("fast", "200"),
    ]  # fmt: skip
    assert float(rows[2]["hours"]) == pytest.approx(582 / 3600, abs=1e-5)
    assert float(rows[2]["gain"]) == pytest.approx(1.5)


def test_the_page_has_curves_and_pictures_of_each_step(runs: list[str], tmp_path: Path) -> None:
    assert main(["compare", *runs, "--html", str(tmp_path / "a.html")]) == 0
    page = (tmp_path / "a.html").read_text()
    assert not re.search(r"<link|<(script|img)[^>]* src=[\"']?http", page), "the page would ask the network"
    found = re.search(r"const steps = (\[.*?\]), pictures = (\{.*?\});\n", page)
    assert found
    pictures = json.loads(found[2])
    assert json.loads(found[1]) == [100, 200, 300]
    assert {key: list(steps) for key, steps in pictures.items()} == {
        "film_a/0": ["100", "200", "300"], "film_a/1": ["100", "200"],
    }  # fmt: skip


def test_a_picture_that_cannot_be_read_is_left_out_and_told(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = Path(runs[0], "pictures", "step_200", "film_a.png")
    damaged.write_bytes(damaged.read_bytes()[:40])
    assert main(["compare", *runs, "--html", str(tmp_path / "a.html")]) == 0
    assert f"{damaged} cannot be read" in capsys.readouterr().err
    found = re.search(r"pictures = (\{.*?\});\n", (tmp_path / "a.html").read_text())
    assert found and list(json.loads(found[1])["film_a/0"]) == ["100", "300"]


def test_other_pictures_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (make_run(tmp_path / name, {100: 1.0}, data=name) for name in ("one", "other"))
    assert main(["compare", str(one), str(other)]) == 0
    assert "different pictures" in capsys.readouterr().err


def test_a_run_without_validations_is_shown_too(runs: list[str], tmp_path: Path) -> None:
    young = make_run(tmp_path / "young", {})
    assert main(["compare", *runs, str(young), "--html", str(tmp_path / "a.html")]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{run}",), "at least two"),
        (("{run}", "{run}"), "each once"),
        (("{run}", "nowhere"), "no journal"),
        (("{run}", "{run}", "--html", "a.txt"), "a .html file"),
    ],
)
def test_what_cannot_be_compared(
    runs: list[str], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert main(["compare", *(part.format(run=runs[0]) for part in arguments)]) != 0
    assert words in capsys.readouterr().err


def test_without_plotly_it_is_said_how_to_get_it(
    runs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(comparison_page, "find_spec", lambda name: None)
    assert main(["compare", *runs, "--html", str(tmp_path / "a.html")]) == 1
    assert "vsrpp[html]" in capsys.readouterr().err
