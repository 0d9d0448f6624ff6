"""How a run is asked to finish, how that is taken back, and how a complete one is given more steps."""

from pathlib import Path

import pytest
from textual.widgets import Input

from tests.conftest import MakeDataset
from tests.vsrpp_tui.conftest import started, step
from tests.vsrpp_tui.pilot import NewestWorker, screen_of, shows, trained_run, training, until
from vsrpp_core.adaptive.rate_plan import Course, RatePlan
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.app.app import VsrppApp
from vsrpp_tui.screens.run.finish import FinishScreen
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.shared.ask import AskScreen
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.screens.start.train_on import TrainOn
from vsrpp_tui.widgets.charts.course import CourseChart

SIZE = (120, 40)


def ends_of_curves(app: VsrppApp) -> dict[float, float]:
    """The last step of each curve, and the rate there."""
    return dict(curve.points[-1] for curve in app.screen.query_one(CourseChart)._curves)


async def test_the_course_is_drawn_and_then_ordered(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(tmp_path / "run", make_dataset()))
    async with app.run_test(size=SIZE) as pilot:
        worker = await training(pilot, recording_worker)
        worker.say(started(lr_max=1e-4, lr_min=1e-6, warmup_steps=10), step(101, learning_rate=9e-5))
        worker.say(ev.PhaseChanged(phase="training", step=101))
        await until(pilot, lambda: app.state.phase == "training" and app.state.current_step == 101)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, FinishScreen))
        assert screen_of(app, FinishScreen).query_one(Input).value == "20"
        await pilot.press(*["backspace"] * 2, *"250")
        await until(pilot, lambda: shows(pilot, "ends at step 351"))
        assert shows(pilot, "instead of 1,000")
        finishing = RatePlan(RunConfig().schedule, 351, Course(0, finish_from=101, planned_steps=1000))
        assert ends_of_curves(app)[351] == pytest.approx(finishing.at(351))
        worker.say(step(120))  # training goes on behind the dialog
        await until(pilot, lambda: shows(pilot, "ends at step 370"))
        await pilot.press("enter")
        await until(pilot, lambda: bool(worker.commands))
        assert worker.commands == [cmd.FinishNow(steps=250)] and isinstance(app.screen, TrainingScreen)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("1000", "the run ends in 900 steps anyway; name fewer"),
        ("soon", "'soon' is neither steps nor hours; write 2000, or 3h"),
        ("0", "'0' is neither"),
        ("99h", "the run ends in 900 steps anyway"),
    ],
)
async def test_what_cannot_be_is_said_and_not_ordered(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, typed: str, said: str
) -> None:
    app = VsrppApp(Choice(tmp_path / "run", make_dataset()))
    async with app.run_test(size=SIZE) as pilot:
        worker = await training(pilot, recording_worker)
        await pilot.press("e", *["backspace"] * 2, *typed)
        await until(pilot, lambda: shows(pilot, said))
        await pilot.press("enter", "escape")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert worker.commands == []


async def test_hours_are_taken_for_the_steps_that_fit(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(tmp_path / "run", make_dataset()))
    async with app.run_test(size=SIZE) as pilot:
        worker = await training(pilot, recording_worker)
        steps = round(0.25 * 3600 / app.state.seconds_a_step)
        await pilot.press("e", *["backspace"] * 2, *"0.25h")
        await until(pilot, lambda: shows(pilot, f"ends at step {100 + steps:,}, in 1"))
        await pilot.press("enter")
        await until(pilot, lambda: worker.commands == [cmd.FinishNow(steps=steps)])


async def test_finishing_is_taken_back(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(tmp_path / "run", make_dataset()))
    async with app.run_test(size=SIZE) as pilot:
        worker = await training(pilot, recording_worker)
        worker.say(ev.FinishBegan(step=100, max_steps=300, planned_steps=1000))
        await until(pilot, lambda: app.state.max_steps == 300)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        assert shows(pilot, "until step 300") and shows(pilot, "step 1,000")
        await pilot.press("escape", "e", "enter")
        await until(pilot, lambda: worker.commands == [cmd.CancelFinish()])


async def test_a_complete_run_is_trained_on(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    run = trained_run(tmp_path / "Learn", step=48_000)
    RunConfig().with_overrides({"training.max_steps": 48_000}).save(RunFolder(run).config)
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: shows(pilot, "the run is complete; train it on, with more steps"))
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, TrainOn))
        await until(pilot, lambda: shows(pilot, "to step 72,000; the rate rises to 5.8e-05 by step 49,000"))
        await pilot.press(*["backspace"] * 5, *"3h")
        await until(pilot, lambda: shows(pilot, "name a number of steps"))
        await pilot.press(*["backspace"] * 2, *"12,000")
        await until(pilot, lambda: shows(pilot, "to step 60,000; the rate rises to"))
        again = RatePlan(RunConfig().schedule, 60_000, Course(reentered_at=48_000))
        assert ends_of_curves(app)[60_000] == pytest.approx(again.at(60_000))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        request = recording_worker().request
        assert (request.start, request.max_steps, request.checkpoint) == ("resume", 60_000, "")
