"""Live settings: what is wrong while typing, what is sent, and what is told of the answers."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from tests.conftest import MakeDataset
from tests.vsrpp_tui.pilot import SIZES, NewestWorker, setting_row, settings_form, shows, training, until
from tests.vsrpp_tui.program import TINY
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import SetParameter
from vsrpp_core.messages.kinds import CommandName
from vsrpp_core.run.config import RunConfig, is_live
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.forms.settings import Draft
from vsrpp_tui.screens.run.settings import SettingRow, SettingsScreen
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.start.start import Choice


def draft(*edits: tuple[str, str]) -> Draft:
    made = Draft(RunConfig())
    for key, text in edits:
        made.edit(key, text)
    return made


# the draft


@pytest.mark.parametrize(
    ("key", "text", "fault"),
    [
        ("schedule.lr_max", "7", "must be at most 1"),
        ("schedule.lr_max", "much", "must be a number"),
        ("schedule.lr_max", "", "a value is missing"),
        ("training.max_steps", "1.5", "must be a whole number"),
        ("training.max_steps", "0", "must be at least 1"),
        ("training.max_steps", "true", "must be a whole number"),
        ("loss.adaptive", "maybe", "must be true or false"),
        ("loss.adaptive", "1", "must be true or false"),
        ("schedule.factor", "0", "must be greater than 0"),
    ],
)
def test_an_invalid_value_is_explained_in_plain_words(key: str, text: str, fault: str) -> None:
    assert draft((key, text)).faults() == {key: fault}


def test_values_that_do_not_fit_together_are_a_fault_of_their_section() -> None:
    assert draft(("loss.l1", "0.5")).faults() == {"loss": "l1 + ms + grad must be 1, not 0.9"}
    assert draft(("loss.l1", "0.5"), ("loss.grad", "0.3")).faults() == {}
    assert "best_from must be at most best_until" in draft(("cadence.best_until", "1000")).faults()["cadence"]
    assert draft(("loss.l1", "2"), ("loss.grad", "0.3")).faults() == {"loss.l1": "must be at most 1"}


def test_the_same_value_written_otherwise_is_no_change() -> None:
    made = draft(
        ("schedule.lr_max", "1e-4"), ("loss.l1", "0.60"), ("loss.adaptive", "true"), ("training.max_steps", " 100000")
    )
    assert made.changed() == {} and made.commands() == []


def test_what_must_fit_together_is_sent_together_and_the_rest_one_by_one() -> None:
    made = draft(
        ("loss.l1", "0.5"),
        ("loss.grad", "0.3"),
        ("schedule.factor", "0.5"),
        ("schedule.lr_min", "1e-7"),
        ("clipping.window", "400"),
    )
    assert made.commands() == [
        (SetParameter("schedule.lr_min", 1e-7), ("schedule.lr_min",)),
        (SetParameter("schedule.factor", 0.5), ("schedule.factor",)),
        (SetParameter("loss", {"l1": 0.5, "grad": 0.3}), ("loss.l1", "loss.grad")),
        (SetParameter("clipping.window", 400), ("clipping.window",)),
    ]
    config = RunConfig().with_overrides({command.key: command.value for command, _ in made.commands()})
    assert (config.loss.l1, config.loss.grad, config.schedule.lr_min) == (0.5, 0.3, 1e-7)


def test_every_live_setting_can_be_sent_alone_as_it_is_shown() -> None:
    made = Draft(RunConfig())
    for setting in made.settings():
        if is_live(setting.key):
            typed = RunConfig().parse([(setting.key, made.text(setting.key))])
            assert RunConfig().with_overrides(typed) == RunConfig()


def test_what_the_session_changed_is_the_present_value() -> None:
    made = draft(("schedule.factor", "0.5"))
    made.update({"loss.l1": 0.7, "loss.ms": 0.1, "schedule.factor": 0.5})
    assert made.present.loss.l1 == 0.7 and made.text("loss.ms") == "0.1" and made.changed() == {}


# the form


async def write(pilot: Pilot[Farewell], key: str, text: str) -> None:
    field = setting_row(pilot, key).query_one(Input)
    field.focus()
    field.value = ""
    await pilot.press(*("full_stop" if letter == "." else letter for letter in text))
    await pilot.pause()


def told(pilot: Pilot[Farewell], key: str) -> str:
    return " ".join(str(static.render()) for static in setting_row(pilot, key).query(Static))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "new"


@pytest.mark.parametrize("size", SIZES)
async def test_only_live_settings_have_a_field_and_nothing_is_cut(
    run: Path, make_dataset: MakeDataset, recording_worker: NewestWorker, size: tuple[int, int]
) -> None:
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=size) as pilot:
        run.mkdir()
        await settings_form(pilot, recording_worker, run)
        rows = list(app.screen.query(SettingRow))
        assert {row.key for row in rows} == {s.key for s in RunConfig().settings() if is_live(s.key)}
        assert shows(pilot, "fixed while training: n_feats 128")
        for widget in app.screen.query("#screen-header, #settings-form, #settings-end, Footer"):
            assert app.screen.region.contains_region(widget.region)
        assert all(row.region.right <= size[0] for row in rows)


async def test_a_fault_stands_beside_its_field_and_nothing_is_sent(
    run: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        run.mkdir()
        worker = await settings_form(pilot, recording_worker, run)
        await write(pilot, "schedule.lr_max", "7")
        assert "✗ lr_max" in told(pilot, "schedule.lr_max") and "must be at most 1" in told(pilot, "schedule.lr_max")
        await pilot.press("ctrl+s")
        assert worker.commands == [] and app.screen.query_one("#apply", Button).disabled
        await write(pilot, "schedule.lr_max", "0.5")
        assert "●" in told(pilot, "schedule.lr_max") and "now 0.0001" in told(pilot, "schedule.lr_max")
        await write(pilot, "loss.ms", "0.3")
        assert "l1 + ms + grad must be 1, not 1.1" in told(pilot, "loss.ms")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert worker.commands == []


def answer(command: CommandName, accepted: bool, message: str, number: int) -> ev.CommandAnswered:
    return ev.CommandAnswered(command=command, accepted=accepted, message=message, step=100, number=number)


async def test_answers_are_shown_beside_what_was_sent(
    run: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(120, 40)) as pilot:
        run.mkdir()
        worker = await settings_form(pilot, recording_worker, run)
        await write(pilot, "training.max_steps", "9")
        await write(pilot, "loss.ms", "0.1")
        await write(pilot, "loss.grad", "0.3")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(worker.commands) == 2)
        assert worker.commands == [
            SetParameter("training.max_steps", 9),
            SetParameter("loss", {"ms": 0.1, "grad": 0.3}),
        ]
        assert shows(pilot, "the trainer answers after this step")
        await pilot.press("ctrl+s")  # not twice
        steps, loss = (command.number for command in worker.commands)
        worker.say(
            answer("SetParameter", True, "done", loss + 1),  # of another sender
            answer("Pause", True, "paused", loss + 2),
            ev.ParameterChanged(step=100, key="loss.ms", old=0.2, new=0.1),
            ev.ParameterChanged(step=100, key="loss.grad", old=0.2, new=0.3),
            answer("SetParameter", True, "done", loss),
            answer("SetParameter", False, "step 100 is past that", steps),
        )
        await until(pilot, lambda: app.state.answered == 4)
        assert len(worker.commands) == 2
        assert "refused: step 100 is past that" in told(pilot, "training.max_steps")
        assert "in effect after step 100" in told(pilot, "loss.ms") and "now" not in told(pilot, "loss.ms")
        assert "now 100000" in told(pilot, "training.max_steps")


async def test_a_change_made_elsewhere_is_the_present_value(
    run: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        run.mkdir()
        worker = await settings_form(pilot, recording_worker, run)
        worker.say(ev.ParameterChanged(step=100, key="schedule.factor", old=1.0, new=0.25))
        await until(pilot, lambda: setting_row(pilot, "schedule.factor").query_one(Input).value == "0.25")
        await pilot.press("escape", "enter")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        assert setting_row(pilot, "schedule.factor").query_one(Input).value == "0.25"


async def test_settings_that_cannot_be_read_are_shown(
    run: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await training(pilot, recording_worker)
        await pilot.press("enter")
        await until(pilot, lambda: any("config.toml does not exist" in n.message for n in app._notifications))
        assert isinstance(app.screen, TrainingScreen)


async def test_a_real_session_takes_the_change_and_keeps_it(run: Path, make_dataset: MakeDataset) -> None:
    run.mkdir()
    RunConfig().with_overrides(TINY).save(RunFolder(run).config)
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "[S]tart"))
        await pilot.press("s")
        await until(pilot, lambda: app.state.current_step > 2, seconds=60)
        await pilot.press("p")
        await until(pilot, lambda: app.state.phase == "paused")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await write(pilot, "schedule.factor", "0.5")
        app.screen.query_one("#apply", Button).press()
        await until(pilot, lambda: "in effect" in told(pilot, "schedule.factor"))
        await pilot.press("escape", "m")
        await pilot.press(*"half", "enter")
        await until(pilot, lambda: any(": mark: " in line.text for line in app.state.log))
        assert app.worker
        app.worker.finish()
    assert RunConfig.load(RunFolder(run).config).schedule.factor == 0.5
