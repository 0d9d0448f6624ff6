"""Keys that come faster than fields take them in, as from a paste: each reaches the field that was meant."""

from pathlib import Path

from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input

from tests.conftest import MakeDataset
from tests.vsrpp_tui.pilot import NewestWorker, form_is_ready, setting_row, settings_form, until
from tests.vsrpp_tui.screens.job_screens import Shown
from vsrpp_core.messages.commands import SetParameter
from vsrpp_tui.app.app import VsrppApp
from vsrpp_tui.forms.prepare import PrepareRequest
from vsrpp_tui.screens.jobs.prepare_form import PrepareForm
from vsrpp_tui.screens.shared.help import HelpScreen
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.widgets.fields import FieldRow

NAMED = {"\n": "enter", "\x13": "ctrl+s", " ": "space"}


def burst(app: VsrppApp, typed: str) -> None:
    """All keys at once, as a terminal's reader gives them; the pilot would wait for each."""
    for character in typed:
        key = NAMED.get(character) or _character_to_key(character)
        app.post_message(events.Key(key, character if character.isprintable() else None))


def typed(app: VsrppApp) -> dict[str, str]:
    return {row.field.key: row.input.value for row in app.screen.query(FieldRow) if row.input.value}


async def test_lines_go_into_one_field_after_another(tmp_path: Path) -> None:
    app = Shown(PrepareForm({}, tmp_path))  # type: ignore[arg-type]
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool(app.screen.query(FieldRow)))
        burst(app, "/films/one film.mkv\n\n/data/films\n96\n480\n")
        wanted = {"videos": "/films/one film.mkv", "out": "/data/films", "patch": "96", "height": "480"}
        await until(pilot, lambda: typed(app) == wanted)


async def test_beginning_right_after_typing_takes_what_was_typed_last(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").touch()
    begun: list[PrepareRequest | None] = []
    app = Shown(PrepareForm({"videos": str(tmp_path / "a.mkv"), "out": str(tmp_path / "out")}, tmp_path))  # type: ignore[arg-type]
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool(app.screen.query(FieldRow)))
        form = app.screen
        form.dismiss = begun.append  # type: ignore[assignment, method-assign]
        await until(pilot, lambda: form_is_ready(app))
        next(row for row in form.query(FieldRow) if row.field.key == "out").input.focus()
        await pilot.pause()
        burst(app, "-two\n96\x13")
        await until(pilot, lambda: bool(begun))
    (request,) = begun
    assert request and request.out == tmp_path / "out-two" and ("dataset.patch", "96") in request.settings


async def test_beginning_twice_in_a_burst_begins_once(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").touch()
    begun: list[PrepareRequest | None] = []
    app = Shown(HelpScreen())
    async with app.run_test(size=(80, 24)) as pilot:
        below = app.screen
        form = PrepareForm({"videos": str(tmp_path / "a.mkv"), "out": str(tmp_path / "out")}, tmp_path)
        app.push_screen(form, begun.append)
        await until(pilot, lambda: bool(app.screen.query(FieldRow)) and form_is_ready(app))
        burst(app, "\x13\x13")
        await until(pilot, lambda: bool(begun))
        await pilot.pause(0.2)
        assert app.screen is below and len(begun) == 1


async def test_settings_are_sent_as_they_were_typed_last(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    run = tmp_path / "new"
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        run.mkdir()
        worker = await settings_form(pilot, recording_worker, run)
        field = setting_row(pilot, "schedule.lr_min").query_one(Input)
        field.value = ""
        field.focus()
        await pilot.pause()
        burst(app, "1e-7\x13")
        await until(pilot, lambda: bool(worker.commands))
        assert worker.commands == [SetParameter("schedule.lr_min", 1e-7)]
