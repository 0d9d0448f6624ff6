"""What one comes to from the start screen: the table of checkpoints, the trash, other runs."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.conftest import MakeDataset
from tests.helpers import make_info
from tests.vsrpp_tui.pilot import SIZES, NewestWorker, lines, shows, trained_run, until
from vsrpp_core.remote import recent_runs as recent
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import CheckpointInfo, RunFolder
from vsrpp_core.run.sidecar import write_checkpoint_info
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.start.confirm import ConfirmDelete
from vsrpp_tui.screens.start.open_run import OpenRun
from vsrpp_tui.screens.start.resume import ResumeScreen
from vsrpp_tui.screens.start.start import Choice, StartScreen
from vsrpp_tui.screens.start.trash import TrashScreen
from vsrpp_tui.widgets.pick_list import PickList


def add(run: Path, step: int, **known: object) -> CheckpointInfo:
    """One checkpoint more, as far as a screen can see."""
    info = make_info(step, max_steps=100_000, size=9, **known)
    (run / info.name).write_bytes(b"weights..")
    write_checkpoint_info(run, info)
    return info


def long_run(path: Path) -> Path:
    """A run whose newest checkpoint is damaged, with three more of all states."""
    trained_run(path, step=48_000)
    add(path, 30_000, crc="verified", quality=0.581, best_quality=0.585, best_step=26_500)
    add(path, 40_000, crc="verified", kind="best", quality=0.6)
    add(path, 50_000, crc="damaged", kind="manual")
    return path


def picked(pilot: Pilot[Farewell]) -> str:
    return pilot.app.screen.query_one(PickList).chosen


async def opened(pilot: Pilot[Farewell]) -> None:
    await until(pilot, lambda: shows(pilot, "öschen") or shows(pilot, "tart"))


# resuming


async def test_what_is_wrong_with_the_machine_is_said_before_a_run_is_begun(
    tmp_path: Path, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsrpp_core.doctor.machine.free_bytes", lambda folder: 2**20)
    async with VsrppApp(Choice(tmp_path / "Learn", make_dataset())).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "! disk of the run") and shows(pilot, "make room for 2.0 GB"))


async def test_enter_twice_resumes_the_newest_good_one(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(long_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ResumeScreen))
        assert picked(pilot) == "checkpoint_step_48000.pth" and shows(pilot, "enter resumes at step 48,001")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert (recording_worker().request.start, recording_worker().request.checkpoint) == ("resume", "")


async def test_an_older_one_is_resumed_by_name_and_its_price_is_shown(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(long_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("f", "down", "down")
        assert picked(pilot) == "checkpoint_step_30000.pth"
        assert shows(pilot, "Steps 30,001 to 50,000 are trained again. The 3 newer checkpoints go into the trash first")
        assert shows(pilot, "best by then 58.5 % at 26,500")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert recording_worker().request.checkpoint == "checkpoint_step_30000.pth"


async def test_a_damaged_one_is_marked_and_passed_over(tmp_path: Path, make_dataset: MakeDataset) -> None:
    app = VsrppApp(Choice(long_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("f", "up")
        assert picked(pilot) == "checkpoint_step_30000.pth", "from the top to the bottom, past the damaged one"
        (damaged,) = (line for line in lines(pilot) if "50,000" in line and "manual" in line)
        assert "✗ damaged" in damaged
        y = lines(pilot).index(damaged)
        await pilot.click(offset=(10, y), times=2)
        await pilot.pause()
        assert isinstance(app.screen, ResumeScreen) and picked(pilot) == "checkpoint_step_30000.pth"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))


async def test_one_click_only_moves_the_cursor_of_the_table(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    app = VsrppApp(Choice(long_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("f")
        await pilot.pause()
        y = next(y for y, line in enumerate(lines(pilot)) if "40,000" in line)
        await pilot.click(offset=(10, y))
        assert isinstance(app.screen, ResumeScreen) and picked(pilot) == "checkpoint_step_40000.pth"
        await pilot.click(offset=(10, y))
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert recording_worker().request.checkpoint == "checkpoint_step_40000.pth"


async def test_the_words_below_a_long_table_are_seen(tmp_path: Path, make_dataset: MakeDataset) -> None:
    run = trained_run(tmp_path / "Learn")
    for step in range(100, 4000, 100):
        add(run, step)
    for size in ((45, 16), *SIZES):
        app = VsrppApp(Choice(run, make_dataset()))
        async with app.run_test(size=size) as pilot:
            await opened(pilot)
            await pilot.press("f", "end")
            await pilot.pause()
            note, body = app.screen.query_one("#table-note", Static), app.screen.query_one("#table-body")
            assert picked(pilot) == "checkpoint_step_100.pth" and any("▸       100" in line for line in lines(pilot))
            assert body.region.contains_region(note.region), size
            assert any("age  state" in line for line in lines(pilot)) and "· unknown" in "".join(lines(pilot))
            assert note.region.height >= note.get_content_height(app.size, app.size, note.content_size.width)


@pytest.mark.parametrize("size", SIZES)
async def test_the_table_is_whole_at_every_size(
    tmp_path: Path, make_dataset: MakeDataset, size: tuple[int, int]
) -> None:
    run = long_run(tmp_path / "Learn")
    (run / "checkpoint_recovery.pth").write_bytes(b"undescribed")
    add(run, 1_000_000, kind="emergency", loss=0.123456, saved_at=0.0)
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("f")
        await pilot.pause()
        drawn = "\n".join(lines(pilot))
        assert "1,000,000  emergency   50.0 %  0.12346       9 B" in drawn and "✗ damaged" in drawn
        assert "   40,000  best        60.0 %  0.25000       9 B" in drawn and "✓ verified" in drawn
        assert "        –  recovery         –        –      11 B" in drawn and "· unknown" in drawn
        columns = {line.index(sign) for line in lines(pilot) for sign in ("✓ v", "✗ d", "· u") if sign in line}
        heading = next(line for line in lines(pilot) if "quality" in line)
        assert columns == {heading.index("state")}
        await pilot.press("end")  # the longest words below the table
        await pilot.pause()
        note = app.screen.query_one("#table-note", Static)
        assert app.screen.query_one("#table-body").region.contains_region(note.region)
        assert note.region.height >= note.get_content_height(app.size, app.size, note.content_size.width)


# deleting, and the way back


@pytest.mark.parametrize("size", [(45, 16), *SIZES])
async def test_what_goes_is_listed_the_largest_first(
    tmp_path: Path, make_dataset: MakeDataset, size: tuple[int, int]
) -> None:
    run = trained_run(tmp_path / "Learn")
    (run / "logs").mkdir()
    (run / "logs" / "events").write_bytes(b"x" * 2_000_000)
    (run / "mine.txt").write_text("not of the training")
    for number in range(30):
        (run / f"checkpoint_step_{number}.pth").write_bytes(b"x" * 100)
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDelete))
        listed = str(app.screen.query_one("#delete-list", Static).render()).splitlines()
        assert listed[0] == "  2.0 MB  logs/events" and len(listed) == 33 and "mine.txt" not in "".join(listed)
        assert shows(pilot, "step 48,000, 33 files, 2.0 MB in all")
        for widget in app.screen.query("#delete, #delete-files, #sure, #hint"):
            assert app.screen.region.contains_region(widget.region) and widget.region.height, f"{widget.id} is cut"
        assert app.screen.query_one("#delete").region.contains_region(app.screen.query_one("#hint").region)
        files = app.screen.query_one("#delete-files")
        await pilot.press("pagedown", "down")
        assert files.scroll_offset.y > 1 and isinstance(app.focused, Input)
        await pilot.press("pageup", "up")
        assert files.scroll_offset.y == 0


async def test_what_was_deleted_comes_back_when_asked_twice(tmp_path: Path, make_dataset: MakeDataset) -> None:
    run = trained_run(tmp_path / "Learn")
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert not app.screen.check_action("restore", ())
        await pilot.press("l", "y", "e", "s", "enter")
        await until(pilot, lambda: shows(pilot, "[W]iederherstellen"))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, TrashScreen))
        assert any("48,000        2     " in line for line in lines(pilot))
        await pilot.press("enter")
        assert shows(pilot, "back into Learn? enter once more: yes") and not RunFolder(run).summary().exists
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "resume at step 48,000"))
        assert shows(pilot, "brought back: 2 files of step 48,000") and not shows(pilot, "[W]iederherstellen")


async def test_why_a_deletion_cannot_be_restored_is_shown(tmp_path: Path, make_dataset: MakeDataset) -> None:
    run = trained_run(tmp_path / "Learn")
    RunFolder(run).move_to_trash()
    add(run, 48_000)
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("w", "enter", "enter")
        await pilot.pause()
        assert isinstance(app.screen, TrashScreen) and shows(pilot, "which would be overwritten")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))


async def test_a_run_taken_by_another_while_one_typed_is_not_deleted(tmp_path: Path, make_dataset: MakeDataset) -> None:
    run = RunFolder(trained_run(tmp_path / "Learn"))
    app = VsrppApp(Choice(run.path, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("l", "j", "a")
        with run.lock():
            await pilot.press("enter")
            await until(pilot, lambda: shows(pilot, "is being trained by another process"))
        assert run.summary().exists and not run.trash.exists()


async def test_a_run_can_be_deleted_without_its_dataset(tmp_path: Path) -> None:
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), tmp_path / "gone"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "[L]öschen"))
        await pilot.press("l", "j", "a", "enter")
        await until(pilot, lambda: shows(pilot, "nothing trained yet"))
        assert not shows(pilot, "[S]tart") and shows(pilot, "[W]iederherstellen")


# other runs


@pytest.mark.parametrize("size", SIZES)
async def test_recent_runs_are_shown_with_how_far_they_came(
    tmp_path: Path, make_dataset: MakeDataset, size: tuple[int, int]
) -> None:
    done = trained_run(tmp_path / "space", step=100_000)
    RunConfig().save(done / "config.toml")
    for run in (done, trained_run(tmp_path / "toon-7f", step=31_000), tmp_path):
        recent.remember(run)
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: shows(pilot, "Recent runs"))
        shown = [line.split() for line in lines(pilot) if " of " in line and "step" not in line]
        assert [words[:5] for words in shown] == [
            ["○", "toon-7f", "31,000", "of", "100,000"],
            ["○", "space", "100,000", "of", "100,000"],
        ]
        assert shown[1][5] == "done" and "done" not in shown[0]
        assert shows(pilot, "nothing trained yet")
        assert all(len(line) <= size[0] for line in lines(pilot))
    assert recent.recent_runs()[0] == tmp_path / "Learn"


async def test_another_run_is_opened_and_read(
    tmp_path: Path, make_dataset: MakeDataset, recording_worker: NewestWorker
) -> None:
    data = make_dataset()
    other = trained_run(tmp_path / "toon-7f", step=31_000)
    RunConfig().with_overrides({"data.root": str(make_dataset(tmp_path / "toons", n_train=7))}).save(
        other / "config.toml"
    )
    recent.remember(other)
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), data))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "Recent runs"))
        await pilot.press("end", "enter")
        await until(pilot, lambda: shows(pilot, "step 31,000 of 100,000"))
        assert shows(pilot, "7 training · 2 validation"), "its own dataset, not the one named for the first"
        await until(pilot, lambda: any("Learn" in line and "48,000 of 100,000" in line for line in lines(pilot)))
        y = next(y for y, line in enumerate(lines(pilot)) if "48,000 of 100,000" in line)
        await pilot.click(offset=(12, y))
        await until(pilot, lambda: shows(pilot, "step 48,000 of 100,000"))
        await pilot.press("f", "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert recording_worker().request.run == tmp_path / "Learn"
    assert recent.recent_runs() == [tmp_path / "Learn", other]


async def test_a_path_is_opened_when_it_can_be_a_run(tmp_path: Path, make_dataset: MakeDataset) -> None:
    (tmp_path / "film.mp4").write_bytes(b"")
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, OpenRun))
        path, hint = app.screen.query_one("#path", Input), app.screen.query_one("#hint", Static)
        assert path.value == f"{tmp_path}/"
        for typed, told in (
            (str(tmp_path / "film.mp4"), "is a file, not a run's folder; choose a folder"),
            ("", "Type the path of a folder"),
            ("~nobody-of-this-name/run", "cannot be opened"),
            (str(tmp_path / "new"), "does not exist yet; press enter again to create a new run"),
        ):
            path.value = typed
            await pilot.pause()
            await pilot.press("enter")
            await pilot.pause()
            assert told in str(hint.render()) and isinstance(app.screen, OpenRun)
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "[S]tart"))
        assert shows(pilot, "nothing trained yet") and shows(pilot, "10 training · 2 validation")
        assert not (tmp_path / "new").exists(), "until something is trained there"


async def test_a_list_that_cannot_be_kept_says_why(
    tmp_path: Path, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(recent, "list_path", lambda: tmp_path / "file" / "recent_runs.json")
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shows(pilot, "the list of recent runs cannot be written to"))


async def test_many_recent_runs_scroll(tmp_path: Path, make_dataset: MakeDataset) -> None:
    for number in range(recent.LIMIT):
        recent.remember(trained_run(tmp_path / f"run{number:02}", step=1000 + number))
    app = VsrppApp(Choice(tmp_path / "run00", make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "Recent runs"))
        await pilot.press("end")
        await pilot.pause()
        assert any("▸ ○ run01" in line for line in lines(pilot)), "the cursor can be seen where it is"


def test_the_description_of_a_run_is_what_the_trainer_writes(tmp_path: Path) -> None:
    """The runs made up here are read as real ones are."""
    run = long_run(tmp_path / "Learn")
    info = make_info(30_000)
    assert json.loads((run / "checkpoint_step_30000.json").read_text()).keys() == asdict(info).keys()
