"""The start screen where something cannot be done: it says what and why, and offers nothing that would fail."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.conftest import MakeDataset
from tests.vsrpp_tui.pilot import shows, trained_run, until
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import info_path, mark_damaged
from vsrpp_tui.app.app import Farewell, VsrppApp
from vsrpp_tui.screens.start.confirm import ConfirmDelete
from vsrpp_tui.screens.start.start import Choice, StartScreen


def offers(pilot: Pilot[Farewell]) -> list[str]:
    """The choices that are not dimmed."""
    screen = pilot.app.screen
    return [action for action in ("resume", "delete", "fresh", "demo") if screen.check_action(action, ())]


async def test_broken_settings_are_named_and_nothing_is_offered(tmp_path: Path, make_dataset: MakeDataset) -> None:
    run = trained_run(tmp_path / "Learn")
    (run / "config.toml").write_text("[training]\nbatch_size = two\n")
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shows(pilot, "config.toml is not valid TOML"))
        assert shows(pilot, "line 2") and offers(pilot) == []


async def test_a_file_is_no_run(tmp_path: Path, make_dataset: MakeDataset) -> None:
    (tmp_path / "film.mp4").write_bytes(b"")
    app = VsrppApp(Choice(tmp_path / "film.mp4", make_dataset()))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shows(pilot, "is a file; name a folder"))
        assert offers(pilot) == []


async def test_a_run_in_use_names_its_process(tmp_path: Path, make_dataset: MakeDataset) -> None:
    run = RunFolder(trained_run(tmp_path / "Learn"))
    with run.lock():
        app = VsrppApp(Choice(run.path, make_dataset()))
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: shows(pilot, "being trained by another process (PID"))
            assert offers(pilot) == []


@pytest.mark.parametrize(("max_steps", "is_complete"), [(48_000, True), (48_001, False)])
async def test_a_complete_run_is_offered_more_steps(
    tmp_path: Path, make_dataset: MakeDataset, max_steps: int, is_complete: bool
) -> None:
    run = trained_run(tmp_path / "Learn", step=48_000)
    RunConfig().with_overrides({"training.max_steps": max_steps}).save(run / "config.toml")
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, f"step 48,000 of {max_steps:,}"))
        assert "resume" in offers(pilot)
        assert shows(pilot, "the run is complete; train it on, with more steps") is is_complete


async def test_a_word_other_than_yes_is_shown(tmp_path: Path, make_dataset: MakeDataset) -> None:
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "[L]öschen"))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDelete))
        await pilot.press("n", "o", "enter")
        await pilot.pause()
        assert "“no” is neither ja nor yes" in str(app.screen.query_one("#hint", Static).render())
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))


async def test_the_newest_checkpoint_that_is_not_damaged_is_offered(tmp_path: Path, make_dataset: MakeDataset) -> None:
    run = trained_run(tmp_path / "Learn", step=48_000)
    newer = RunFolder(run).checkpoint(50_000)
    newer.write_bytes(b"torn")
    mark_damaged(newer)
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "resume at step 48,000"))
        assert shows(pilot, "step 48,000 of 100,000") and shows(pilot, "· 1 damaged")


async def test_a_run_with_damaged_checkpoints_alone_says_so(tmp_path: Path, make_dataset: MakeDataset) -> None:
    run = trained_run(tmp_path / "Learn")
    mark_damaged(RunFolder(run).checkpoint(48_000))
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "holds files but no readable checkpoint · 1 damaged"))
        assert offers(pilot) == ["delete"]


async def test_a_checkpoint_without_description_is_offered_by_its_name(
    tmp_path: Path, make_dataset: MakeDataset
) -> None:
    run = trained_run(tmp_path / "Learn")
    info_path(RunFolder(run).checkpoint(48_000)).unlink()
    app = VsrppApp(Choice(run, make_dataset()))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "resume at checkpoint_step_48000.pth"))
        assert shows(pilot, "what it holds is read when it is resumed") and offers(pilot) == ["resume", "delete"]
