"""An upscaling job in progress: how far each film is, its settings, and the newest picture beside bicubic."""

import math
from functools import partial
from typing import Any

from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from vsrpp_core.run.names import home_for_short
from vsrpp_core.run.pictures.comparison_picture import read_parts
from vsrpp_tui.screens.jobs.job import JobScreen, Progress, progress_lines, within
from vsrpp_tui.state.upscale_job import FileState, UpscaleState
from vsrpp_tui.widgets.panels.box import Box
from vsrpp_tui.widgets.panels.log_view import LogView
from vsrpp_tui.widgets.pictures.picture_view import Label, PictureSource, PictureView
from vsrpp_tui.widgets.text import shortened

LABELS = (Label("LR bicubic", "$chart-lr"), Label("KI", "bold $success"))
STAGES = {
    "waiting": ("·", "$secondary"),
    "working": ("●", "$success"),
    "done": ("✓", "$success"),
    "failed": ("✗", "$error"),
}
NAME_WIDTH = 24
MOST_FILES = 8
"""Films listed at a time, around the current one."""


class UpscaleScreen(JobScreen):
    TITLE_WORDS = "upscale"
    WORKING_WORD = "upscaling"
    KEPT = "Every finished segment of ten seconds is kept; the same job resumes after it."

    def __init__(self, state: UpscaleState, command: str) -> None:
        super().__init__(state, command)
        self._picture = PictureView("the first picture comes as soon as it is upscaled", id="job-picture")
        self._picture_box = Box("Newest picture", self._picture, id="job-pictures")
        self._files = Static(id="job-files-list", markup=False)
        self._files_box = Box("Films", self._files, id="job-files")
        self._log = LogView("Log", id="job-log")
        self._detail = True

    def panels(self) -> tuple[Widget, ...]:
        return self._picture_box, Container(self._files_box, id="job-films"), self._log

    def bars(self, state: UpscaleState, width: int) -> tuple[Content, ...]:
        rows = [_of_this(state)] if state.progress and state.phase != "done" else []
        if len(state.files) > 1:
            of = f"{state.n_over} of {len(state.files)} films"
            rows.append(Progress(of, state.share, left=_left(state, state.seconds_left)))
        lines = (*_left_out(state, width), *(progress_lines(rows, width) if rows else ()))
        if state.phase == "done":
            return (*lines, _done(state))
        return (*lines, self.ending(state) or _facts(state, width))

    def draw_panels(self, state: UpscaleState) -> None:
        self._files_box.display = len(state.files) > 1
        self._files.update(_files(state, max(self._files.content_size.width, 20), MOST_FILES))
        self._log.show(state.log)
        preview = state.preview
        if preview:
            path = preview.detail if self._detail else preview.whole
            what = "a detail, where they differ most" if self._detail else "the whole picture"
            read = partial(read_parts, count=2)
            self._picture.show_picture(PictureSource(path, (preview.name, preview.frame), read, LABELS))
            self._picture_box.say(f"{preview.name} · frame {preview.frame:,}", f"{what} · i the other")

    def has_detail(self) -> bool:
        return self.state.preview is not None

    def action_detail(self) -> None:
        self._detail = not self._detail
        self.draw_panels(self.state)


def _left_out(state: UpscaleState, width: int) -> tuple[Content, ...]:
    """Stays on the screen, whatever the log has said since."""
    names = [file.name for file in state.files if file.stage == "failed"]
    text = f"✗ {len(names)} left out: {', '.join(names)}"
    return (Content.styled(text, "$error").truncate(width, ellipsis=True),) if names else ()


def _of_this(state: UpscaleState) -> Progress:
    """The current film."""
    progress = state.progress
    assert progress is not None
    share = progress.done / progress.total if progress.total else 0.0
    of = f" of {progress.total:,}" if progress.total else ""
    rate = f"  {state.pace.rate:.2f} fps" if state.pace.rate and progress.stage == "upscaling" else ""
    stage = "" if progress.stage == "upscaling" else f"{progress.stage} "
    left = _left(state, state.pace.left(progress.total))
    return Progress(progress.name, share, f"{stage}{progress.done:,}{of}{rate}", left)


def _left(state: Any, seconds: float) -> float:
    return math.nan if state.is_over else seconds


def _done(state: UpscaleState) -> Content:
    good = [file for file in state.files if file.stage == "done"]
    if not good:
        return Content.styled("nothing was upscaled", "$warning")
    where = good[0].out if len(good) == 1 else good[0].out.parent
    what = "it is" if len(good) == 1 else f"{len(good)} films are"
    return Content.assemble(("✓ ", "$success"), f"{what} in {home_for_short(where)}")


def _facts(state: UpscaleState, width: int) -> Content:
    """What was chosen for the current film."""
    started, progress = state.started, state.progress
    if started is None:
        return Content.styled("loading the network …", "$secondary")
    parts = [started.size.replace("x", "×"), f"{started.codec} {started.pixels}"]
    if progress and progress.stage == "upscaling":
        parts += [f"tiles of up to {progress.tile}" if progress.tile else "whole frames", f"segment {progress.segment}"]
    return within([*parts, f"{started.device} in {started.precision}"], width)


def _files(state: UpscaleState, width: int, height: int) -> Content:
    """A line per film; if there is no room for all, those around the current one."""
    at = next((i for i, file in enumerate(state.files) if not file.is_over), len(state.files) - 1)
    begin = max(min(at - height // 2, len(state.files) - height), 0)
    return Content("\n").join(_file(file, width) for file in state.files[begin : begin + max(height, 1)])


def _file(file: FileState, width: int) -> Content:
    sign, style = STAGES[file.stage]
    name = Content(file.name).truncate(NAME_WIDTH, ellipsis=True)
    outcome = file.outcome or (
        f"{file.done:,} of {file.frames:,}" if file.done else f"{file.frames:,}" if file.frames else ""
    )
    where = shortened(home_for_short(file.out), width - 2 - NAME_WIDTH - 2 - len(outcome) - 2)
    gap = " " * (NAME_WIDTH - name.cell_length + 2)
    outcome_style = "$error" if file.stage == "failed" else "$secondary"
    line = Content.assemble((f"{sign} ", style), name, gap, (outcome, outcome_style), "  ", (where, "$secondary"))
    return line.truncate(width, ellipsis=True)  # the log has all of it
