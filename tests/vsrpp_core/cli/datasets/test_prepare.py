"""``vsrpp prepare`` as a person uses it: an example to begin with, options over a recipe, an end by a signal."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.job_kills import make_films
from tests.preloaded import Preloaded, run
from vsrpp_core.cli.main import main
from vsrpp_core.prepare.recipe import Recipe

SMALL = ["--patch", "96", "--frames", "3", "--per-minute", "120", "--workers", "1"]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_films(tmp_path_factory.mktemp("videos") / "films", 2, 60)


def test_the_example_is_a_recipe_of_all_defaults(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["prepare", "--recipe-example"]) == 0
    path = tmp_path / "recipe.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert Recipe.load(path) == Recipe.of(["~/films"])
    assert path.read_text(encoding="utf-8").count("#") > 40


def test_options_override_the_recipe(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, out = tmp_path / "recipe.toml", tmp_path / "out"
    recipe.write_text(
        f'[dataset]\nseed = 3\npatch = 48\n[category.pans]\npaths = ["{films.as_posix()}"]\n[[video]]\npath = "x"\n'
    )
    arguments = ["prepare", "--recipe", str(recipe), "--out", str(out), *SMALL, "--set", "validation.max_per_video=2"]
    assert main(arguments) == 0
    made, told = Recipe.load(out / "recipe.toml"), capsys.readouterr().out
    assert (made.dataset.patch, made.dataset.seed, list(made.category)) == (96, 3, ["pans"])
    assert 'the [[video]] entry with path = "x" fits no video' in told
    assert "training and 2 validation pairs, 3 × 32×32 → 96×96" in told and "contact_sheet.png" in told
    assert main(["check", str(out)]) == 0 and "no problems" in capsys.readouterr().out


def test_nothing_is_left_to_do_for_a_finished_dataset(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["prepare", str(films), "--out", str(out), *SMALL]
    assert main(command) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    capsys.readouterr()
    assert main(command) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 1 and "is already finished, with the same recipe and videos: " in told
    assert main([*command, "--fresh"]) == 1 and "name another folder" in capsys.readouterr().err
    assert main([*command, "--seed", "1"]) == 1 and "another dataset.seed (0, not 1)" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_too_few_pairs_are_reported_at_the_end(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", str(films), "--out", str(tmp_path / "one"), *SMALL, "--patches", "500"]) == 0
    told = capsys.readouterr().out
    assert " of the 500 training pairs wanted; more videos or" in told and "others" not in told
    recipe = tmp_path / "recipe.toml"
    kinds = {kind: films / f"film{number}.mp4" for number, kind in enumerate(("film", "toon"))}
    named = "".join(f'[category.{kind}]\npaths = ["{path.as_posix()}"]\n' for kind, path in kinds.items())
    recipe.write_text(f"[dataset]\npatches = 500\n{named}")
    often = ["--per-minute", "1500", "--val-share", "0.2"]
    assert main(["prepare", "--recipe", str(recipe), "--out", str(tmp_path / "two"), *SMALL, *often]) == 0
    told = capsys.readouterr().out
    for kind in kinds:
        assert f"\n{kind}: " in told and f"note: {kind} gives " in told and "of its share of 250 pairs; others" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.mp4"], "--out is missing"),
        (["--out", "x"], "no videos are named"),
        (["a.mp4", "--out", "x", "--patch", "100"], "multiple of 3"),
        (["gone.mp4", "--out", "x"], "no such video: gone.mp4"),
        (["a.mp4", "--out", "x", "--set", "skip.blak=1"], "did you mean skip.black?"),
        (["a.mp4", "--out", "x", "--recipe", "RECIPE"], "names videos itself"),
    ],
)
def test_wrong_usage_is_reported(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("RECIPE").write_text('[category.a]\npaths = ["a"]\n')
    assert main(["prepare", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_and_the_same_command_resumes(films: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "vsrpp_core", "prepare", str(films), "--out", str(out), *SMALL]
    command += ["--per-minute", "1500", "--degradation", "real"]
    with Preloaded(command, stdout=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while not list(tmp_path.glob(".out.prepare/cut/Patches/GT/*.png")):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.01)
        process.send_signal(getattr(signal, name))
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "Stopped. Finished work is kept; continue with: " in told and not out.exists()
    done = run(command)
    assert done.returncode == 0, done.stderr
    assert "resuming " in done.stdout and out.is_dir() and not list(tmp_path.glob(".out*"))
