"""A preparation in progress: how far the videos are, what was cut or skipped and why; finally the contact sheet."""

import math
from pathlib import Path

from PIL import Image
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from vsrpp_core.errors import VsrppError
from vsrpp_core.prepare.job.prepare_events import PrepareProgress, PrepareReport
from vsrpp_core.run.names import home_for_short
from vsrpp_core.run.pictures.pillow_errors import UNREADABLE
from vsrpp_tui.screens.jobs.job import JobScreen, Progress, progress_lines, within
from vsrpp_tui.state.prepare_job import PrepareState
from vsrpp_tui.widgets.panels.box import Box
from vsrpp_tui.widgets.pictures.picture_view import Label, Parts, PictureSource, PictureView
from vsrpp_tui.widgets.text import bar, duration, file_size

REASON_WIDTH, CATEGORY_WIDTH = 24, 14
MOST_PIXELS = 60_000_000
"""Of a picture that is drawn."""

LABELS = (Label("LR", "$chart-lr"), Label("GT", "$accent"))


class PrepareScreen(JobScreen):
    TITLE_WORDS = "a new dataset"
    WORKING_WORD = "cutting patches"
    KEPT = "What was cut is kept; the same work resumes from there."

    def __init__(self, state: PrepareState, command: str, run: str) -> None:
        """``run``: name of the run that Enter trains on the dataset, or empty."""
        super().__init__(state, command)
        self._run = run
        self._picture = PictureView("the first patch comes as soon as it is cut", id="job-picture")
        self._picture_box = Box("Newest patch", self._picture, id="job-pictures")
        self._figures = Static(id="job-figures", markup=False)
        self._figures_box = VerticalScroll(self._figures, id="job-log")
        self._figures_box.border_title = "Patches"

    def panels(self) -> tuple[Widget, ...]:
        return self._picture_box, self._figures_box

    def bars(self, state: PrepareState, width: int) -> tuple[Content, ...]:
        progress, report = state.progress, state.report
        if report:
            made = f"{report.train:,} training · {report.val:,} validation pairs · {report.geometry}"
            size = f"{file_size(report.bytes)} in {duration(report.seconds)} · {home_for_short(report.out)}"
            return Content(made), Content.styled(size, "$secondary"), self._next()
        if progress is None:
            return self.ending(state) or Content.styled("looking at the videos …", "$secondary"), Content("")
        figures = f"{progress.videos_done:,} of {progress.videos:,} videos"
        left = math.nan if state.is_over else state.seconds_left
        words = {"looking": "looking", "cutting": "cutting", "finishing": "putting together"}[progress.stage]
        bars = progress_lines([Progress(words, state.share, figures, left)], width)
        return *bars, self.ending(state) or _working(progress, width)

    def _next(self) -> Content:
        if not self._run:
            return Content.styled("esc goes back", "$secondary")
        return Content.assemble(("✓ ", "$success"), f"enter trains {self._run} on it")

    def draw_panels(self, state: PrepareState) -> None:
        width = max(self._figures_box.content_size.width, 20)
        self._figures.update(_report(state.report, width) if state.report else _counts(state, width))
        if state.report:
            sheet = state.report.out / "contact_sheet.png"
            self._picture.show_picture(PictureSource(sheet, "report", _whole))
            self._picture_box.say("Contact sheet")
            self._figures_box.border_title = "Report"
        elif state.progress and state.progress.newest:
            newest = state.progress.newest
            self._picture.show_picture(PictureSource(newest, newest.name, _pair, LABELS))
            self._picture_box.say(f"Newest patch · {newest.stem}")

    def dataset_made(self) -> Path | None:
        report: PrepareReport | None = self.state.report
        return report.out if report and self._run and self.state.is_over else None


def _working(progress: PrepareProgress, width: int) -> Content:
    at_work = [f"at work: {', '.join(progress.working)}"] if progress.working else []
    return within([f"{progress.patches:,} patches", *at_work], width)


def _counts(state: PrepareState, width: int) -> Content:
    """What became of the windows: patches, or skipped for a reason; a bar each."""
    if state.progress is None:
        return Content("")
    rows = [
        ("patches cut", state.progress.patches, "$success"),
        *((why, n, "$chart-lr") for why, n in state.skipped.items()),
    ]
    most = max((count for _, count, _ in rows), default=0) or 1
    room = max(min(width - REASON_WIDTH - 12, 60), 4)
    return Content("\n").join(_count(name, count, style, count / most, room) for name, count, style in rows)


def _count(name: str, count: int, style: str, share: float, room: int) -> Content:
    label = Content(name).truncate(REASON_WIDTH, ellipsis=True)
    gap = " " * (REASON_WIDTH - label.cell_length)
    return Content.assemble(label, gap, f"{count:>9,}  ", bar(share, room, style))


def _report(report: PrepareReport, width: int) -> Content:
    lines = [_of_category(one) for one in report.categories] if len(report.categories) > 1 else []
    if report.val_videos:
        lines.append(Content(f"kept for validation: {', '.join(report.val_videos)}"))
    lines += [
        Content.assemble((f"{n:>9,} ", ""), (f"skipped: {why}", "$secondary")) for why, n in report.skipped.items()
    ]
    lines += [Content.styled(f"! left out: {sentence}", "$warning") for sentence in report.refused]
    lines += [Content.styled(f"  {sentence}", "$secondary") for sentence in report.notes]
    return Content("\n").join(lines) if lines else Content.styled("nothing was skipped", "$secondary")


def _of_category(one: object) -> Content:
    name, train, val, wanted = (getattr(one, key) for key in ("name", "train", "val", "wanted"))
    of = f" of {wanted:,} wanted" if wanted else ""
    label = Content(name).truncate(CATEGORY_WIDTH, ellipsis=True)
    gap = " " * (CATEGORY_WIDTH - label.cell_length)
    return Content.assemble((label.plain, "bold"), gap, f"{train:>9,} training{of}  {val:>7,} validation")


def _whole(path: Path) -> Parts:
    return (_read(path),)


def _pair(lr: Path) -> Parts:
    """The centre frame of a stack and its ground truth, both in that one's size."""
    stack, truth = _read(lr), _read(lr.parent.parent / "GT" / lr.name)
    height = truth.height * stack.width // truth.width
    top = stack.height // height // 2 * height
    frame = stack.crop((0, top, stack.width, top + height))
    return frame.resize(truth.size, Image.Resampling.BICUBIC), truth


def _read(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise VsrppError(f"{path} is too large to be shown here; open it with another program")
            return image.convert("RGB")
    except UNREADABLE as error:
        raise VsrppError(f"{path} cannot be shown ({error}); it may have been moved") from None
