"""The screens of work besides training in a representative state each, without any work: for tests and for pictures.

Each function makes one screen; ``folder`` takes the few files it shows. ``Shown`` is the application that shows it.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from textual.screen import Screen

from vsrpp_core.apply.upscale import job_events as up
from vsrpp_core.apply.upscale.preview import Previews
from vsrpp_core.apply.upscale.source import Picture
from vsrpp_core.data.check import CheckProgress, CheckReport, Problem
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.prepare.job.prepare_events import CategoryReport, PrepareProgress, PrepareReport
from vsrpp_tui.app.app import VsrppApp
from vsrpp_tui.screens.jobs.check import CheckScreen
from vsrpp_tui.screens.jobs.job import JobScreen
from vsrpp_tui.screens.jobs.prepare import PrepareScreen
from vsrpp_tui.screens.jobs.prepare_form import PrepareForm
from vsrpp_tui.screens.jobs.upscale import UpscaleScreen
from vsrpp_tui.screens.jobs.upscale_form import UpscaleForm
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.state import check_job, prepare_job, upscale_job
from vsrpp_tui.state.job import JobEnded, JobStopping
from vsrpp_tui.state.upscale_job import FileState, UpscalePlanned

NOW = 1_790_000_000.0
GEOMETRY = StackGeometry(5, 180, 180)
FILMS = Path("/films")
COMMAND = "vsrpp upscale /runs/films/checkpoint_best.pth /films/holiday.mkv /films/holiday-3x.mkv"


class Shown(VsrppApp):
    """The application at one screen, of which nothing leads to any work."""

    def __init__(self, screen: Screen[None]) -> None:
        super().__init__(Choice(Path("films"), None))
        self._shown = screen

    def first_screen(self) -> Screen[None]:
        return self._shown


@cache
def photograph() -> np.ndarray:
    picture: np.ndarray = data.coffee()[:390, :600]
    return picture


def upscale_events(folder: Path) -> list[tuple[object, float]]:
    """Three films: one is done, one is left out, one is at work, with a preview in ``folder``."""
    names = ("boat.mkv", "old interlaced tape.mkv", "holiday.mkv")
    files = tuple(
        FileState(name, FILMS / "large" / name, frames, 1280 * 720)
        for name, frames in zip(names, (900, 300, 4500), strict=True)
    )
    device = ("1280x720 to 3840x2160", "libx264", "yuv420p", "Tesla P4", "fp16", 0)
    refused = "/films/old interlaced tape.mkv is interlaced; deinterlace it first, or take it as it is with --force"
    events: list[tuple[object, float]] = [
        (UpscalePlanned(files, (FILMS / "large" / "garden.mkv",)), 0),
        (up.UpscaleStarted(names[0], files[0].out, *device), 4),
        *((up.UpscaleProgress(names[0], "upscaling", n, 900, n // 250 + 1), 4 + n / 2.4) for n in range(1, 900, 40)),
        (up.UpscaleFinished(names[0], files[0].out, 900, 0, 375.0), 380),
        (up.UpscaleFailed(names[1], refused), 381),
        (up.UpscaleStarted(names[2], files[2].out, *device), 382),
        (WarningRaised(message="/films/holiday.mkv: its data track is not copied"), 382),
        *(
            (up.UpscaleProgress(names[2], "upscaling", n, 4500, n // 250 + 1), 382 + n / 2.4)
            for n in range(1, 1300, 40)
        ),
    ]
    return [*events, (preview(folder, names[2], 1281), 920)]


def preview(folder: Path, name: str, frame: int) -> up.UpscalePreview:
    """A photograph and its small copy in the place of what a network made of it."""
    large = photograph()
    small = np.asarray(Image.fromarray(large).resize((200, 130), Image.Resampling.BICUBIC))
    return Previews(folder, 0.0, b"").write(name, frame, Picture(small, 0, 0), large)


def folded(state: object, reduce: Callable[..., object], events: list[tuple[object, float]]) -> object:
    for event, later in events:
        state = reduce(state, event, NOW + later)
    return state


def upscaling(folder: Path) -> JobScreen:
    state = folded(upscale_job.UpscaleState(), upscale_job.reduce, upscale_events(folder))
    return UpscaleScreen(state, COMMAND)  # type: ignore[arg-type]


def upscaling_stopped(folder: Path) -> JobScreen:
    ending = [(JobStopping(), 921), (JobEnded(stopped=True), 922)]
    state = folded(upscale_job.UpscaleState(), upscale_job.reduce, [*upscale_events(folder), *ending])
    return UpscaleScreen(state, COMMAND)  # type: ignore[arg-type]


def upscaled(folder: Path) -> JobScreen:
    finished = up.UpscaleFinished("holiday.mkv", FILMS / "large" / "holiday.mkv", 4500, 0, 1875.0)
    ending = [(finished, 2260), (JobEnded(stopped=False), 2261)]
    state = folded(upscale_job.UpscaleState(), upscale_job.reduce, [*upscale_events(folder), *ending])
    return UpscaleScreen(state, COMMAND)  # type: ignore[arg-type]


SKIPPED = {"too little texture": 214, "no motion": 131, "text": 24, "repeated frames": 12, "black": 3}


def prepare_events(folder: Path) -> list[tuple[object, float]]:
    """In the middle of the cutting; the patch cut last lies in ``folder``."""
    truth = Image.fromarray(photograph()[60:360, 150:450])
    stack = np.concatenate([np.asarray(truth.resize((100, 100), Image.Resampling.BICUBIC))] * 5)
    newest = folder / "Patches" / "LR" / "boat_000123_40_80.png"
    for path, picture in ((newest, Image.fromarray(stack)), (newest.parents[1] / "GT" / newest.name, truth)):
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    at_work = ("boat.mkv", "holiday.mkv")
    looking = PrepareProgress("looking", 12, 12, float("nan"), 0, 12, 0, {}, (), 0, None)
    cutting = PrepareProgress("cutting", 1650, 4320, 740.0, 3, 12, 2154, SKIPPED, at_work, 0, newest)
    return [(looking, 0), (cutting, 460)]


def preparing(folder: Path) -> JobScreen:
    state = folded(prepare_job.PrepareState(), prepare_job.reduce, prepare_events(folder))
    return PrepareScreen(state, "vsrpp prepare /films --out /data/films", "films")  # type: ignore[arg-type]


def prepared(folder: Path) -> JobScreen:
    tiles = [photograph()[y : y + 90, x : x + 90] for y in range(0, 270, 90) for x in range(0, 540, 90)]
    rows = [np.concatenate(tiles[n : n + 6], axis=1) for n in range(0, 18, 6)]
    Image.fromarray(np.concatenate(rows)).save(folder / "contact_sheet.png")
    categories = (CategoryReport("general", 9, 4100, 320, 4000), CategoryReport("space", 3, 1022, 96, 1000))
    report = PrepareReport(
        out=folder,
        geometry=GEOMETRY,
        train=5122,
        val=416,
        categories=categories,
        val_videos=("harbour.mkv",),
        skipped=SKIPPED,
        refused=("/films/old tape.mkv is interlaced; deinterlace it first",),
        notes=("boat.mkv has pixels that are not square; they are made so",),
        seconds=1312.0,
        bytes=2_900_000_000,
    )
    ending = [(report, 1312), (JobEnded(stopped=False), 1313)]
    state = folded(prepare_job.PrepareState(), prepare_job.reduce, [*prepare_events(folder), *ending])
    return PrepareScreen(state, "vsrpp prepare /films --out /data/films", "films")  # type: ignore[arg-type]


def checking(folder: Path) -> JobScreen:
    events = [(CheckProgress(n, 5538), n / 90) for n in range(1, 2400, 90)]
    state = folded(check_job.CheckState(), check_job.reduce, events)  # type: ignore[arg-type]
    return CheckScreen(state, "vsrpp check /data/films")  # type: ignore[arg-type]


def checked(folder: Path) -> JobScreen:
    root = Path("/data/films")
    faults = (
        *(
            fault(root / "Patches/LR" / f"boat_{n:06d}_40_80.png", "repeats a frame: 2 and 3 are identical")
            for n in range(30)
        ),
        Problem(f"{root / 'Val/GT/000007.png'} has no partner in {root / 'Val/LR'}; restore that or delete this", ()),
    )
    report = CheckReport(root, 5122, 416, GEOMETRY, faults)
    events = [(CheckProgress(5538, 5538), 61), (report, 61), (JobEnded(stopped=False), 61)]
    state = folded(check_job.CheckState(), check_job.reduce, events)  # type: ignore[arg-type]
    return CheckScreen(state, "vsrpp check /data/films")  # type: ignore[arg-type]


def fault(path: Path, text: str) -> Problem:
    return Problem(f"{path} {text}", (path, path.parents[1] / "GT" / path.name))


def upscale_form(folder: Path) -> Screen[None]:
    """``folder`` is that of the run."""
    return UpscaleForm({}, folder, ())  # type: ignore[return-value]


def prepare_form(folder: Path) -> Screen[None]:
    return PrepareForm({}, folder)  # type: ignore[return-value]


SCREENS: dict[str, Callable[[Path], Screen[None]]] = {
    "upscale-form": upscale_form,
    "upscale": upscaling,
    "upscale-stopped": upscaling_stopped,
    "upscale-done": upscaled,
    "prepare-form": prepare_form,
    "prepare": preparing,
    "prepare-done": prepared,
    "check": checking,
    "check-done": checked,
}
"""By the names their pictures may have."""
