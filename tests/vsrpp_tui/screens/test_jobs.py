"""Work besides training through the application: forms, real jobs on tiny films, stopping, quitting, failing."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Button, Input, OptionList, Static

from tests.conftest import MakeDataset
from tests.vsrpp_core.apply.conftest import Film, shot, write_film, write_network
from tests.vsrpp_tui.pilot import SIZES, form_is_ready, lines, on_screen, shows, trained_run, until
from vsrpp_core.checkpoint.stored_network import read_stored, write_exported
from vsrpp_core.run.config import RunConfig
from vsrpp_tui.app.app import EXIT_DONE, EXIT_FAILED, Farewell, VsrppApp
from vsrpp_tui.app.running_job import RunningJob
from vsrpp_tui.cli import after_crash
from vsrpp_tui.forms.upscale import UpscaleRequest, check
from vsrpp_tui.screens.jobs.check import CheckScreen
from vsrpp_tui.screens.jobs.prepare import PrepareScreen
from vsrpp_tui.screens.jobs.prepare_form import PrepareForm
from vsrpp_tui.screens.jobs.upscale import UpscaleScreen
from vsrpp_tui.screens.jobs.upscale_form import UpscaleForm
from vsrpp_tui.screens.shared.ask import AskScreen
from vsrpp_tui.screens.shared.browse import BrowseScreen
from vsrpp_tui.screens.shared.pick_network import PickNetwork
from vsrpp_tui.screens.start.start import Choice, StartScreen
from vsrpp_tui.threads.jobs import CheckRequest, Job
from vsrpp_tui.widgets.fields import FieldRow, TickBox

Type = Callable[..., None]


@pytest.fixture(autouse=True)
def _device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsrpp_tui.app.app.device_line", lambda: "Tesla P4 · 8.0 GB")


def network_run(path: Path) -> Path:
    """A run whose best checkpoint is a real, tiny network."""
    path.mkdir()
    write_network(path / "checkpoint_best.pth", adds=3.0)
    RunConfig().save(path / "config.toml")
    return path


def film(path: Path, count: int = 12) -> Path:
    return write_film(path, Film(shot(1, count), audio=("eng",)))


def fill(app: VsrppApp, **values: str) -> None:
    for row in app.screen.query(FieldRow):
        if row.field.key in values:
            row.input.value = values[row.field.key]


def fault(app: VsrppApp, key: str) -> str:
    row = next(row for row in app.screen.query(FieldRow) if row.field.key == key)
    label, told = row.query(Static)
    return str(told.render()) if str(label.render()).startswith("✗") else ""


async def opened(pilot: Pilot[Farewell], key: str, kind: type) -> None:
    await until(pilot, lambda: shows(pilot, "[U]pscale"))
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and bool(pilot.app.screen.query(FieldRow)))


def phase(app: VsrppApp) -> str:
    return app.job.state.phase if app.job else ""


# upscaling


async def test_a_film_is_upscaled_with_the_run_s_best_network(tmp_path: Path) -> None:
    source = film(tmp_path / "my film.mkv")
    app = VsrppApp(Choice(network_run(tmp_path / "Learn"), None))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "u", UpscaleForm)
        assert app.screen.query(Input).first().value == str(tmp_path / "Learn" / "checkpoint_best.pth")
        fill(app, sources=str(source))
        await until(pilot, lambda: shows(pilot, "my film.mkv: 32x24 to 96x72, libx264 yuv420p, about 12 frames"))
        assert form_is_ready(app) and shows(pilot, f"left empty: {tmp_path / 'my film-3x.mkv'}")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, UpscaleScreen) and phase(app) == "done", 60)
        await until(pilot, lambda: shows(pilot, "it is in") and shows(pilot, "my film-3x.mkv"))
        await until(pilot, lambda: app.screen.query_one("#job-pictures").border_title == "my film.mkv · frame 1")
        await pilot.press("i", "escape")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))
        await pilot.press("q")
    with av.open(str(tmp_path / "my film-3x.mkv")) as made:
        assert (made.streams.video[0].width, len(made.streams.audio)) == (96, 1)
    assert app.return_value == Farewell(EXIT_DONE, f"upscaled: {tmp_path / 'my film-3x.mkv'}")


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("network", "gone.pth", "does not exist; check the path"),
        ("network", ".", "is a folder; name a checkpoint in it"),
        ("sources", "gone.mkv", "no such video"),
        ("sources", "'film.mkv", "a quotation mark has no partner"),
        ("out", "film.mkv", "is the source itself; choose another result"),
        ("out", "film.webm", "is not a video that can be written"),
        ("preview", "soon", 'preview "soon" is not a time; write it like 90s'),
        ("preview", "0", "is 0; give it a length"),
        ("start", "1:2:3:4", "is not a time"),
        ("codec", "h264", "h264 is not one of libx264"),
        ("crf", "99", "is not between 0 and 51"),
        ("crf", "low", "low is not a number"),
        ("preset", "warp", "preset warp is not a preset of libx264; it has ultrafast"),
        ("precision", "fp8", "fp8 is not one of auto, fp32"),
        ("ensemble", "3", "ensemble 3 is not one of 1, 2, 4, 8"),
        ("tile", "-1", "-1 is not a number of pixels"),
        ("pixels", "yuv", "libx264 has no pixel format yuv"),
        ("fps", "25", "is for folders of images"),
        ("fps", "x", "fps x is not a number"),
        ("to", "1080p", "to 1080p is not a size; write it like 1920x1080"),
    ],
)
async def test_an_invalid_value_is_shown_beside_its_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, typed: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "film.mkv", 3)
    app = VsrppApp(Choice(network_run(tmp_path / "Learn"), None))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "u", UpscaleForm)
        fill(app, sources="film.mkv")
        await until(pilot, lambda: form_is_ready(app))
        fill(app, **{field: typed})
        await until(pilot, lambda: told in fault(app, field))
        assert app.screen.query_one("#begin", Button).disabled
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, UpscaleForm), "nothing begins with a fault"
        fill(app, **{field: "film.mkv" if field == "sources" else ""})
        if field != "network":
            await until(pilot, lambda: form_is_ready(app))


async def test_an_existing_result_is_replaced_only_on_request(tmp_path: Path) -> None:
    source, out = film(tmp_path / "film.mkv", 3), tmp_path / "film-3x.mkv"
    out.write_bytes(b"precious")
    app = VsrppApp(Choice(network_run(tmp_path / "Learn"), None))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "u", UpscaleForm)
        fill(app, sources=str(source))
        await until(pilot, lambda: "already exists" in fault(app, "out"))
        box = next(box for box in app.screen.query(TickBox) if box.name == "overwrite")
        box.scroll_visible(animate=False)
        await pilot.pause()
        await pilot.click(box)
        await until(pilot, lambda: form_is_ready(app))
        await pilot.click("#begin")
        await until(pilot, lambda: phase(app) == "done", 60)
    assert out.read_bytes() != b"precious"


async def test_another_network_is_picked_and_a_file_is_chosen_in_the_tree(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "Learn")
    film(tmp_path / "film.mkv", 3)
    app = VsrppApp(Choice(run, None))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "u", UpscaleForm)
        app.screen.query(Input).first().focus()
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, PickNetwork))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, UpscaleForm))
        assert app.screen.query(Input).first().value == str(run / "checkpoint_step_48000.pth")
        await until(pilot, lambda: shows(pilot, "step 48,000 · quality 60.0 %"))
        app.screen.query(Input)[1].focus()
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, BrowseScreen) and shows(pilot, str(tmp_path)))
        tree = app.screen.query_one("#browse-tree")
        await until(pilot, lambda: len(tree.root.children) == 2)  # type: ignore[attr-defined]
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, UpscaleForm))
        assert app.screen.query(Input)[1].value == str(tmp_path / "film.mkv")


async def test_one_film_that_fails_does_not_keep_the_others(tmp_path: Path) -> None:
    sources = tmp_path / "films"
    sources.mkdir()
    film(sources / "b good.mkv")
    (sources / "a broken.mkv").write_bytes(b"no film")
    film(sources / "c good.mkv")
    app = VsrppApp(Choice(network_run(tmp_path / "Learn"), None))
    request = UpscaleRequest(tmp_path / "Learn" / "checkpoint_best.pth", (sources,), tmp_path / "large")
    async with app.run_test(size=(200, 60)) as pilot:
        await until(pilot, lambda: shows(pilot, "[U]pscale"))
        app.screen.post_message(StartScreen.JobWanted(request))
        await until(pilot, lambda: phase(app) == "done", 60)
        await until(pilot, lambda: shows(pilot, "2 films are in") and shows(pilot, "✗ 1 left out: a broken.mkv"))
        await until(pilot, lambda: "a broken.mkv is left out:" in on_screen(pilot))
        assert shows(pilot, "3 of 3 films") and shows(pilot, "100 %")
        await pilot.press("ctrl+q")
    assert sorted(path.name for path in (tmp_path / "large").glob("*.mkv")) == ["b good.mkv", "c good.mkv"]


def test_the_form_tells_the_scale_of_the_network_and_the_size_of_the_result(tmp_path: Path) -> None:
    run, source = tmp_path / "Learn", film(tmp_path / "film.mkv", 3)
    run.mkdir()
    checkpoint = write_network(run / "checkpoint_best.pth", adds=3.0, scale=2)
    exported = tmp_path / "network.safetensors"
    write_exported(read_stored(checkpoint), exported)

    def told(network: Path, to: str = "") -> tuple[str, str, str]:
        checked = check({"network": str(network), "sources": str(source), "to": to})
        assert checked.request
        return checked.notes["network"].rpartition(" · ")[2], checked.request.out.name, checked.outlook[0]

    unknown = check({"network": str(checkpoint), "sources": str(source)})
    assert unknown.request and unknown.request.out.name == "film-upscaled.mkv" and "of scale 3" in unknown.outlook[-1]
    RunConfig().with_overrides({"model.scale": 2}).save(run / "config.toml")
    for network in (checkpoint, exported):
        scale, out, outlook = told(network)
        assert (scale, out) == ("scale 2", "film-2x.mkv") and "32x24 to 64x48" in outlook
    _, out, outlook = told(checkpoint, "100x50")
    assert out == "film-100x50.mkv" and "32x24 to 64x48 by the network, resampled to 100x50" in outlook
    RunConfig().with_overrides({"model.scale": 1}).save(run / "config.toml")
    assert told(checkpoint)[1] == "film-restored.mkv"


async def test_a_network_that_cannot_be_read_is_shown(tmp_path: Path) -> None:
    source, run = film(tmp_path / "film.mkv", 3), tmp_path / "Learn"
    run.mkdir()
    (run / "checkpoint_best.pth").write_bytes(b"not a network")
    app = VsrppApp(Choice(run, None))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "u", UpscaleForm)
        fill(app, sources=str(source))
        await until(pilot, lambda: form_is_ready(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: phase(app) == "failed", 60)
        await until(pilot, lambda: shows(pilot, "checkpoint_best.pth"))
        await pilot.press("q")
    assert app.return_value and app.return_value.status == 1 and "checkpoint_best.pth" in app.return_value.message


async def _begun(app: VsrppApp, pilot: Pilot[Farewell], source: Path) -> None:
    """At work, with a segment finished."""
    await opened(pilot, "u", UpscaleForm)
    fill(app, sources=str(source))
    await until(pilot, lambda: form_is_ready(app))
    await pilot.press("ctrl+s")
    finished = source.parent / f".{source.stem}-3x.mkv.vsrpp" / "segment_000000.json"
    await until(pilot, finished.exists, 60)


def long_film(path: Path) -> Path:
    """Forty seconds, of which a segment is ten."""
    return write_film(path, Film(shot(1, 80), times=[500 * n for n in range(80)]))


async def test_stopping_is_asked_once_and_the_same_form_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slowly(monkeypatch)
    source = long_film(tmp_path / "film.mkv")
    app = VsrppApp(Choice(network_run(tmp_path / "Learn"), None))
    async with app.run_test(size=(80, 24)) as pilot:
        await _begun(app, pilot, source)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, UpscaleScreen))
        assert phase(app) == "working"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.click("#do")
        await until(pilot, lambda: phase(app) == "stopped")
        assert shows(pilot, "continue with: vsrpp upscale") and not (tmp_path / "film-3x.mkv").exists()
        monkeypatch.undo()
        monkeypatch.setattr("vsrpp_tui.app.app.device_line", lambda: "Tesla P4 · 8.0 GB")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))
        await opened(pilot, "u", UpscaleForm)
        await until(pilot, lambda: shows(pilot, "resumes an interrupted job"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: phase(app) == "done", 60)
        await until(pilot, lambda: "resumes after" in on_screen(pilot))
    assert (tmp_path / "film-3x.mkv").exists()


async def test_quitting_ends_it_so_that_it_can_be_resumed_and_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slowly(monkeypatch)
    source = long_film(tmp_path / "film.mkv")
    app = VsrppApp(Choice(network_run(tmp_path / "Learn"), None))
    async with app.run_test(size=(80, 24)) as pilot:
        await _begun(app, pilot, source)
        await pilot.press("q")
        for _ in range(500):
            if app.return_value:
                break
            await asyncio.sleep(0.02)
    assert app.job and not app.job.job.is_alive
    command = f"vsrpp upscale {tmp_path / 'Learn' / 'checkpoint_best.pth'} {source} {tmp_path / 'film-3x.mkv'}"
    assert app.return_value == Farewell(EXIT_DONE, f"Stopped. Finished work is kept; continue with: {command}")
    assert (tmp_path / ".film-3x.mkv.vsrpp" / "segment_000000.json").exists()


def _slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a person time between two pictures."""
    from vsrpp_core.network.inference import PictureUpscaler

    plain = PictureUpscaler.start

    def slow(self: PictureUpscaler, *given: Any) -> object:
        import time

        time.sleep(0.03)
        return plain(self, *given)

    monkeypatch.setattr(PictureUpscaler, "start", slow)


# a new dataset


async def test_a_dataset_is_made_and_the_run_trained_on_it(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for name, seed in (("a.mkv", 1), ("b.mkv", 4)):
        write_film(films / name, Film(shot(seed, 50, 96, 128)))
    app = VsrppApp(Choice(tmp_path / "Learn", None))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "n", PrepareForm)
        fill(app, videos=str(films), out=str(tmp_path / "data"), patch="50")
        await until(pilot, lambda: "multiple of 3" in fault(app, "patch"))
        fill(app, patch="48", per_minute="600", seed="x")
        await until(pilot, lambda: bool(fault(app, "seed")))
        fill(app, seed="")
        await until(pilot, lambda: form_is_ready(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, PrepareScreen) and phase(app) == "done", 60)
        await until(pilot, lambda: shows(pilot, "enter trains Learn on it"))
        assert app.screen.query_one("#job-pictures").border_title == "Contact sheet"
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "Learn will be trained on") and shows(pilot, "[S]tart"))
        assert isinstance(app.screen, StartScreen) and app.screen.choice.data == tmp_path / "data"


@pytest.mark.parametrize(
    ("values", "field", "told"),
    [
        ({"videos": ""}, "videos", "name videos"),
        ({"videos": "gone"}, "videos", "gone"),
        ({"recipe": "recipe.toml"}, "recipe", "leave one of the two empty"),
        ({"videos": "", "recipe": "gone.toml"}, "recipe", "gone.toml"),
        ({"out": "films"}, "out", "is not empty"),
        ({"height": "12"}, "height", "height"),
        ({"frames": "4"}, "frames", "frames"),
    ],
)
async def test_why_nothing_can_be_prepared_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], field: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    write_film(tmp_path / "films" / "a.mkv", Film(shot(1, 5)))
    app = VsrppApp(Choice(tmp_path / "Learn", None))
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "n", PrepareForm)
        fill(app, **{"videos": "films", "out": "data", "patch": "48", **values})
        await until(pilot, lambda: told in fault(app, field))


# a check


async def test_a_check_lists_what_is_wrong_and_moves_it_aside(tmp_path: Path, make_dataset: MakeDataset) -> None:
    data = make_dataset()
    (data / "Val" / "LR" / "s001.png").unlink()
    Image.new("RGB", (7, 7)).save(data / "Patches" / "GT" / "s003.png")
    app = VsrppApp(Choice(tmp_path / "Learn", data))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "Chec[k]"))
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and phase(app) == "done", 60)
        await until(pilot, lambda: shows(pilot, "2 problems; m moves bad pairs aside"))
        listed = [str(option.prompt) for option in app.screen.query_one(OptionList).options]
        assert any("Val/GT/s001.png has no partner" in text for text in listed)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("enter")
        await until(pilot, lambda: phase(app) == "done" and shows(pilot, "no problems: every pair can be"), 60)
        assert shows(pilot, "2 moved into")
        await pilot.press("escape")
        await until(pilot, lambda: shows(pilot, "9 training · 1 validation"))


async def test_without_a_dataset_the_check_is_dimmed_with_its_reason(tmp_path: Path) -> None:
    app = VsrppApp(Choice(tmp_path / "Learn", None))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shows(pilot, "there is no dataset yet"))
        await pilot.press("k")
        await pilot.pause()
        assert isinstance(app.screen, StartScreen) and app.job is None


def test_a_check_that_is_ended_leaves_no_thread(make_dataset: MakeDataset) -> None:
    job = Job(CheckRequest(make_dataset()))
    job.start()
    job.finish()
    assert not job.is_alive and type(job.mailbox.take()[-1][0]).__name__ == "JobEnded"


def test_where_the_screen_breaks_it_is_said_how_a_job_goes_on(tmp_path: Path, make_dataset: MakeDataset) -> None:
    app = VsrppApp(Choice(tmp_path / "Learn", None))
    app.job = RunningJob(CheckRequest(root := make_dataset()), "")
    app.job.stop()
    app.job.start()
    app.job.job.finish()
    farewell = after_crash(app)
    assert farewell.status == EXIT_FAILED and f"run it again with: vsrpp check {root}" in farewell.message


def test_work_that_cannot_begin_is_shown_as_a_failure(tmp_path: Path) -> None:
    job = Job(CheckRequest(tmp_path / "nowhere"))
    job.start()
    job._thread.join()
    ((failure, _),) = job.mailbox.take()
    assert "nowhere is not a folder" in failure.error


# the start screen


@pytest.mark.parametrize("size", ((60, 16), *SIZES))
async def test_the_start_screen_stays_whole_with_its_actions(
    tmp_path: Path, make_dataset: MakeDataset, size: tuple[int, int]
) -> None:
    app = VsrppApp(Choice(trained_run(tmp_path / "Learn"), make_dataset()))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: shows(pilot, "[U]pscale"))
        await pilot.pause()
        footer = lines(pilot)[-1]
        assert "Upscale" in footer and ("Quit" in footer or size[0] < 80)
        assert len(footer.rstrip()) <= size[0]
