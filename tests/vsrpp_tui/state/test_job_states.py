"""The reducers of jobs, without a job; what forms read; and that no screen of a job has anything cut."""

import math
from pathlib import Path

import pytest
from PIL import Image
from textual.widgets import Static

from tests.vsrpp_tui.pilot import SIZES, until
from tests.vsrpp_tui.screens.job_screens import FILMS, NOW, SCREENS, Shown, upscale_events
from vsrpp_core.apply.upscale import job_events as up
from vsrpp_core.data.check import CheckProgress, CheckReport
from vsrpp_core.errors import UsageError
from vsrpp_tui.forms import prepare, upscale
from vsrpp_tui.forms.paths import complete, read_paths, write_paths
from vsrpp_tui.forms.upscale import UpscaleRequest
from vsrpp_tui.screens.jobs.job import JobScreen
from vsrpp_tui.state import check_job, prepare_job, upscale_job
from vsrpp_tui.state.job import JobEnded, JobFailed, JobStopping
from vsrpp_tui.state.upscale_job import FileState, UpscalePlanned, UpscaleState
from vsrpp_tui.threads.jobs import JobMailbox


def upscaled(*events: object, state: UpscaleState | None = None) -> UpscaleState:
    state = state or UpscaleState()
    for second, event in enumerate(events):
        state = upscale_job.reduce(state, event, NOW + second)  # type: ignore[arg-type]
    return state


def started(name: str = "a.mkv", done: int = 0) -> up.UpscaleStarted:
    return up.UpscaleStarted(name, FILMS / name, "4x4 to 12x12", "libx264", "yuv420p", "CPU", "fp32", done)


def test_the_total_goes_by_what_each_film_takes(tmp_path: Path) -> None:
    state = UpscaleState()
    for event, later in upscale_events(tmp_path):
        state = upscale_job.reduce(state, event, NOW + later)  # type: ignore[arg-type]
    done, left_out, at_work = state.files
    assert (done.stage, left_out.stage, at_work.stage) == ("done", "failed", "working")
    assert (state.n_over, state.n_failed, at_work.done) == (2, 1, 1281)
    assert state.share == pytest.approx((900 + 300 + 1281) / 5700)
    assert state.pace.rate == pytest.approx(2.4) and state.seconds_left == pytest.approx((4500 - 1281) / 2.4, rel=0.01)
    assert [line.tone for line in state.log].count("fault") == 1 and "garden.mkv exists already" in state.log[0].text


def test_between_two_films_the_share_counts_only_those_that_are_over() -> None:
    plan = UpscalePlanned((FileState("a.mkv", FILMS), FileState("b.mkv", FILMS)))
    progress = up.UpscaleProgress("a.mkv", "upscaling", 3, 3)
    state = upscaled(plan, started(), progress, up.UpscaleFinished("a.mkv", FILMS / "a.mkv", 3, 0, 1.0))
    assert state.share == 0.5
    assert upscaled(up.UpscaleFailed("b.mkv", "x"), state=state).share == 1.0


def test_results_that_are_there_are_told_once() -> None:
    looked = UpscalePlanned((FileState("a.mkv", FILMS),), (FILMS / "b.mkv",))
    assert len(upscaled(looked, looked).log) == 1


def test_a_look_at_the_next_film_takes_no_stop_back() -> None:
    looked = UpscalePlanned((FileState("a.mkv", FILMS),))
    assert upscaled(looked, JobStopping(), looked).phase == "stopping"


def test_a_film_of_an_earlier_call_is_done_without_a_pace() -> None:
    kept = up.UpscaleFinished("a.mkv", FILMS / "a.mkv", 3, 3, 0.0, is_kept=True)
    state = upscaled(UpscalePlanned((FileState("a.mkv", FILMS),)), kept)
    assert (state.files[0].stage, state.files[0].outcome) == ("done", "3 frames, finished by an earlier run")


def test_films_of_unknown_length_count_by_their_number() -> None:
    files = (FileState("a.mkv", FILMS, 10, 4), FileState("b.mkv", FILMS))
    state = upscaled(UpscalePlanned(files), started(), up.UpscaleProgress("a.mkv", "upscaling", 5, 10, 1))
    assert state.share == 0.25 and math.isnan(state.seconds_left)


def test_a_stop_after_the_last_film_stopped_nothing() -> None:
    files = (FileState("a.mkv", FILMS),)
    done = up.UpscaleFinished("a.mkv", FILMS, 3, 0, 1.0)
    assert upscaled(UpscalePlanned(files), started(), done, JobStopping(), JobEnded(stopped=True)).phase == "done"
    stopped = upscaled(UpscalePlanned(files), started(), JobStopping())
    assert stopped.phase == "stopping" and upscaled(JobEnded(stopped=True), state=stopped).phase == "stopped"


def test_a_failure_keeps_what_was_said() -> None:
    state = upscaled(UpscalePlanned((FileState("a.mkv", FILMS),)), started(), JobFailed("the disk is full"))
    assert state.phase == "failed" and state.is_over and state.files[0].stage == "failed"
    assert [line.text for line in state.log][-1] == "the disk is full"


def test_a_check_ends_with_its_report() -> None:
    state = check_job.CheckState()
    for event in (CheckProgress(1, 4), CheckProgress(3, 4), CheckReport(FILMS, 3, 1, None, ()), JobEnded(False)):
        state = check_job.reduce(state, event, state.now + 1)
    assert state.phase == "done" and state.report and state.share == 0.75


def test_a_preparation_that_is_stopped_has_no_report() -> None:
    state = prepare_job.reduce(prepare_job.PrepareState(), JobStopping(), 1)
    state = prepare_job.reduce(state, JobEnded(stopped=True), 2)
    assert (state.phase, state.report, state.share, state.skipped) == ("stopped", None, 0.0, {})


def test_unseen_progress_is_replaced_and_nothing_else() -> None:
    mailbox = JobMailbox()
    for done in range(1, 6):
        mailbox.put((up.UpscaleProgress("a", "upscaling", done, 5), 0.0))
    mailbox.put((started(), 0.0))
    mailbox.put((up.UpscaleFailed("a", "x"), 0.0))
    mailbox.put((up.UpscaleFailed("b", "y"), 0.0))
    assert [getattr(event, "done", type(event).__name__) for event, _ in mailbox.take()] == [
        5,
        "UpscaleStarted",
        "UpscaleFailed",
        "UpscaleFailed",
    ]
    assert mailbox.take() == []


# what is typed


def test_paths_are_read_as_people_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my film.mkv", "b.mkv"):
        (tmp_path / name).touch()
    mine, other = tmp_path / "my film.mkv", tmp_path / "b.mkv"
    assert read_paths("my film.mkv") == [mine], "what is there as a whole is one path"
    assert read_paths(write_paths([mine, other])) == [mine, other] == read_paths("'my film.mkv' b.mkv")
    assert read_paths("  ") == [] and read_paths("~/x y") == [Path.home() / "x", tmp_path / "y"]
    with pytest.raises(UsageError, match="has no partner"):
        read_paths("'my film.mkv b.mkv")


def test_a_long_line_of_names_is_no_name_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"film{number:03d}.mkv" for number in range(60)]
    assert read_paths(" ".join(names)) == [tmp_path / name for name in names]


def test_the_form_of_upscaling_says_what_the_command_says(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for name in ("frames/1.png", "network.pth"):
        Image.new("RGB", (16, 16)).save(tmp_path / name, format="PNG")
    values = {"network": f"{tmp_path}/network.pth", "sources": f"{tmp_path}/frames", "out": f"{tmp_path}/out.mkv"}
    checked = upscale.check({**values, "preset": "slow", "precision": "fp32", "tile": "64"})
    assert checked.request and checked.request.command.endswith("out.mkv --preset slow --precision fp32 --tile 64")
    _, options = checked.request.read()
    assert (options.encoding.preset, options.precision, options.tile) == ("slow", "fp32", 64)


@pytest.mark.parametrize("key", ["videos", "recipe", "out"])
def test_what_the_system_refuses_to_look_at_is_a_fault_of_its_field_in_preparing(tmp_path: Path, key: str) -> None:
    videos = "" if key == "recipe" else str(tmp_path)
    values = {"videos": videos, "out": str(tmp_path / "out"), key: str(tmp_path / ("x" * 300))}
    checked = prepare.check(values)
    assert checked.request is None and list(checked.faults) == [key]


@pytest.mark.parametrize("key", ["network", "sources", "out"])
def test_what_the_system_refuses_to_look_at_is_a_fault_of_its_field_in_upscaling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    for name in ("film.mkv", "network.pth"):
        (tmp_path / name).write_bytes(b"")
    values = {"network": f"{tmp_path}/network.pth", "sources": f"{tmp_path}/film.mkv", "out": f"{tmp_path}/out.mkv"}
    checked = upscale.check({**values, key: str(tmp_path / ("x" * 300))})
    assert checked.request is None and key in checked.faults


def test_the_last_path_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "holiday.mkv").touch()
    (tmp_path / "films" / ".hidden").touch()
    assert complete("fi") == "films/" and complete("films/") == "films/holiday.mkv"
    assert complete("a.mkv films/ho") == "a.mkv films/holiday.mkv"
    assert complete("gone/x") is None and complete("films/holiday.mkv") is None and complete("") is None


def test_the_command_of_a_job_is_one_that_a_shell_understands() -> None:
    from vsrpp_core.cli.main import make_parser

    request = UpscaleRequest(
        Path("/runs/a b/best.pth"), (FILMS / "x y.mkv",), FILMS / "out", (("preview", "5s"),), ("png", "fresh")
    )
    import shlex

    options = make_parser().parse_args(shlex.split(request.command)[1:])
    assert (options.checkpoint, options.sources, options.out) == (request.network, [FILMS / "x y.mkv"], FILMS / "out")
    assert options.preview == "5s" and options.png and not options.fresh, "going on is not beginning anew"


# every screen, at every size


@pytest.mark.parametrize("size", [(45, 16), *SIZES])
@pytest.mark.parametrize("name", SCREENS)
async def test_nothing_is_cut_or_covered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: tuple[int, int]
) -> None:
    monkeypatch.setattr("vsrpp_tui.app.app.device_line", lambda: "Tesla P4 · 8.0 GB")
    app = Shown(SCREENS[name](tmp_path))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: bool(app.screen.query("Footer FooterKey")))
        shown = app.screen.region
        parts = [widget for widget in app.screen.children if widget.display and widget.region.area]
        assert all(shown.contains_region(widget.region) for widget in parts)
        overlapping = [
            (one, other)
            for place, one in enumerate(parts)
            for other in parts[place + 1 :]
            if one.region.overlaps(other.region)
        ]
        assert not overlapping
        if isinstance(app.screen, JobScreen):
            header = str(app.screen.query_one("#screen-header", Static).render())
            assert app.screen.TITLE_WORDS in header and len(header) <= size[0] - 2


async def test_below_its_least_size_a_job_says_so(tmp_path: Path) -> None:
    for name in ("upscale", "upscale-form"):
        app = Shown(SCREENS[name](tmp_path))
        async with app.run_test(size=(50, 12)) as pilot:
            await pilot.pause()
            shown = [widget for widget in app.screen.children if widget.display]
            assert [widget.id for widget in shown] == ["too-small"]
