"""Several runs on one screen: marked on the start screen, followed as they go, and as tables of any width."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widgets._footer import FooterKey

from tests.helpers import make_event
from tests.vsrpp_tui.pilot import on_screen, screen_of, until
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.remote.recent_runs import remember
from vsrpp_core.report.comparison import Course, Point
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.pictures.comparison_picture import side_by_side
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.screens.start.compare import CompareScreen
from vsrpp_tui.screens.start.start import Choice, StartScreen
from vsrpp_tui.state.compared import ComparedRun
from vsrpp_tui.user.themes import RUNS
from vsrpp_tui.widgets.charts.runs import RunsLook
from vsrpp_tui.widgets.panels.runs import differences, figures
from vsrpp_tui.widgets.pictures.runs import read_runs

VALIDATION = make_event(ev.ValidationFinished, lr_psnr=28.0, ki_ssim=0.9, seconds=0.0)


def validate(run: Path, *steps: int, gain: float) -> None:
    """Validations at ``steps``, each with a picture that is kept."""
    with JournalWriter(run / "events.jsonl") as writer:
        for step in steps:
            kept = Path("pictures", f"step_{step}", "film_a.png")
            (run / kept).parent.mkdir(parents=True)
            side_by_side((np.full((12, 12, 3), step % 256, np.uint8),) * 3, ("LR", "KI", "GT")).save(run / kept)
            Image.open(run / kept).save(run / "pictures" / "film_a.png")
            writer.handle(make_event(ev.StepReported, step=step, seconds_per_step=2.0, loss_total=0.02))
            writer.handle(
                ev.ComparisonWritten(
                    step=step, sample="film_a.png", path="pictures/film_a.png", kept=str(kept), lr_psnr=28, ki_psnr=29
                )
            )
            writer.handle(replace(VALIDATION, step=step, ki_psnr=28.0 + gain))


def run_of(path: Path, gain: float, origin: Path | None = None, **settings: float) -> Path:
    folder = RunFolder(path)
    folder.create()
    RunConfig().with_overrides({key.replace("__", "."): value for key, value in settings.items()}).save(folder.config)
    with JournalWriter(folder.journal) as writer:
        if origin:
            writer.handle(ev.RunBranched(parent=str(origin), checkpoint="checkpoint_step_50.pth", step=50))
        started = make_event(ev.SessionStarted, step=0, resumed_from="", run=str(path), max_steps=1_000, data="d")
        writer.handle(replace(started, val_samples=4, parameters=100_000))
    validate(path, 100, 200, gain=gain)
    return path


async def click(pilot: Pilot[Farewell], words: str) -> None:
    """On the first letter of ``words``, where they stand on the screen."""
    found = [(line.index(words), y) for y, line in enumerate(on_screen(pilot).splitlines()) if words in line]
    assert await pilot.click(offset=found[0])
    await pilot.pause()


async def test_marked_runs_are_compared_while_they_are_trained(tmp_path: Path) -> None:
    films = run_of(tmp_path / "films", 1.0)
    toons = run_of(tmp_path / "toons", 1.25, origin=films, schedule__lr_max=5e-4)
    remember(toons)
    app = VsrppApp(Choice(films, None))
    async with app.run_test(size=(100, 32)) as pilot:
        await until(pilot, lambda: "from films at step 50" in on_screen(pilot) and "○ toons" in on_screen(pilot))
        await pilot.press("end", "space")
        assert "● toons" in on_screen(pilot) and "o compares films with toons" in on_screen(pilot)
        await click(pilot, "● toons")
        assert isinstance(app.screen, StartScreen) and "○ toons" in on_screen(pilot)
        await click(pilot, "○ toons")
        await until(pilot, lambda: any(key.description == "Compare" for key in app.screen.query(FooterKey)))
        await pilot.press("o")
        screen = screen_of(app, CompareScreen)
        await until(pilot, lambda: screen.caught_up)
        screen.draw()
        await until(pilot, lambda: "+1.25 dB" in on_screen(pilot) and "films, step 50" in on_screen(pilot))
        validate(toons, 300, gain=1.5)
        await until(pilot, lambda: "+1.50 dB" in on_screen(pilot))
        await click(pilot, "y dB over LR")
        await pilot.press("t")
        assert "y PSNR, dB · t time" in on_screen(pilot)
        await pilot.press("S")
        await until(pilot, lambda: "steps 200 · 300 · whole" in on_screen(pilot))
        await pilot.press("[", "[", "+")
        await until(pilot, lambda: "step 100 · detail 2×" in on_screen(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))


def test_pictures_of_several_runs_are_cut_alike(tmp_path: Path) -> None:
    one, other = (run_of(tmp_path / name, 1.0) / "pictures" / "step_100" / "film_a.png" for name in ("one", "other"))
    parts = read_runs(one, [one, other], zoom=2)
    assert len(parts) == 4 and {part.size for part in parts} == {(6, 6)}
    side_by_side((np.zeros((9, 9, 3), np.uint8),) * 3, ("LR", "KI", "GT")).save(other)
    with pytest.raises(VsrppError, match="another size"):
        read_runs(one, [one, other], zoom=1)


def _course(name: str, gain: float, data: str = "d", **settings: object) -> Course:
    point = Point(100, 0.5, 28 + gain, gain, 0.9)
    return Course(Path(name), (point,), 100, 1_000, 0.5, 100_000, (data, 4), settings, (), 0.02)


def _runs(*courses: Course) -> list[ComparedRun]:
    pairs = zip(courses, RUNS, strict=False)
    return [ComparedRun(course.path.name, colour, course.path, course, "training") for course, colour in pairs]


@pytest.mark.parametrize("width", [41, 76, 116])
def test_tables_fit_and_tell_the_best(width: int) -> None:
    long = "/data/" + 8 * "a-long-name-"
    runs = _runs(_course("a", 1.0, a=1, root=long), _course("b", 1.5, a=2, root="/d"), _course("a-long-name-" * 3, 0.5))
    runs.append(ComparedRun("d", RUNS[3], Path("d"), fault="nothing trained yet"))
    table = figures(runs, width)
    lines = [*table.plain.splitlines(), *differences(runs, width).plain.splitlines()]
    assert max(map(len, lines)) <= width, lines
    bold = [table.plain[span.start : span.end] for span in table.spans if span.style == "bold"]
    assert len(bold) == 1 and "29.50 dB" in bold[0] and "nothing trained yet" in table.plain


def test_figures_of_other_pictures_are_not_judged() -> None:
    table = figures(_runs(_course("a", 1.0), _course("b", 1.5, data="other")), 76)
    assert "different pictures" in table.plain and not any(span.style == "bold" for span in table.spans)


def test_the_look_goes_round() -> None:
    look = RunsLook().next_figure().next_figure()
    assert look.describe() == "y SSIM · t steps" and look.next_figure() == RunsLook()
    assert replace(look, window=(1.0, 2.0)).other_axis().window is None
