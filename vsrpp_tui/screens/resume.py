"""The checkpoints that a run can go on from, the newest good one chosen: Enter resumes."""

import math
import time
from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from vsrpp_core.run.folder import CheckpointInfo, RunSummary
from vsrpp_tui.screens.table import TableScreen
from vsrpp_tui.widgets.figures import duration, file_size, percent
from vsrpp_tui.widgets.pick_list import Row

HEADINGS = ("step", "kind", "quality", "loss", "size", "age", "state")
WIDTHS = (9, 9, 7, 7, 8, 10, 10)
LEFT = ("kind", "state")
"""Columns of words; figures are right-aligned."""

SLIM = ("loss", "size")
"""Columns that a screen narrower than 80 cells does without."""

LONGEST_AGE = 86_400 * 1000
"""Seconds; what is older was saved by a machine that did not know the time."""

STATES = {
    "verified": ("✓ verified", "$success"),
    "damaged": ("✗ damaged", "$error"),
    "unknown": ("· unknown", "$secondary"),
}
"""A sign and a word each: it was read in full and was whole, it could not be read, or nobody has looked."""


class ResumeScreen(TableScreen[str]):
    """Dismissed with the name of the checkpoint to go on from: empty for the newest one that can be read."""

    def __init__(self, run: RunSummary) -> None:
        super().__init__("go on from a checkpoint", run.path.name, "")
        self._run = run
        self._infos = {info.name: info for info in run.checkpoints}

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        newest, slim = self._run.newest, self.app.size.width < 80
        self.head(headings(slim))
        self.fill(
            [checkpoint_row(info, time.time(), slim) for info in self._run.checkpoints], newest.name if newest else ""
        )

    def on_row(self, key: str) -> None:
        info = self._infos[key]
        self.note(Content.styled(_description(info), "$secondary"), *self._consequences(info))

    def on_chosen(self, key: str) -> None:
        newest = self._run.newest
        self.dismiss("" if newest and newest.name == key else key)

    def _consequences(self, info: CheckpointInfo) -> tuple[Content, ...]:
        """What resuming from ``info`` means for the steps beyond it."""
        newer = [other for other in self._run.checkpoints if (other.step, other.saved_at) > (info.step, info.saved_at)]
        if self._run.newest == info or not newer:
            return (
                Content(f"enter goes on at step {info.step + 1:,}" if info.is_described else "enter goes on there"),
            )
        last, count = max(other.step for other in newer), len(newer)
        again = f"Steps {info.step + 1:,} to {last:,} are trained again. " if last > info.step else ""
        one = count == 1
        moved = "The newer checkpoint goes" if one else f"The {count} newer checkpoints go"
        it = "it" if one else "them"
        why = f"into the trash first (w shows {it} there), or the next resume would prefer {it}."
        return (Content.styled(f"{again}{moved} {why}", "$warning"),)


def headings(slim: bool) -> Content:
    """Over the rows of checkpoints; ``slim`` for a screen narrower than 80 cells."""
    return Content("  ").join(_cells(HEADINGS, slim))


def checkpoint_row(info: CheckpointInfo, now: float, slim: bool) -> Row:
    age = now - info.saved_at
    state, style = STATES[info.crc]
    figures = (
        f"{info.step:,}" if info.step or info.is_described else "–",
        info.kind,
        percent(info.quality),
        f"{info.loss:.5f}" if math.isfinite(info.loss) else "–",
        file_size(info.size),
        duration(max(age, 0)) if age < LONGEST_AGE else "> 999 d",
        "",
    )
    text = Content("  ").join(_cells(figures, slim)[:-1])
    dimmed = Content.styled(text.plain, "$secondary") if info.is_damaged else text
    return Row(Content.assemble(dimmed, "  ", (state, style)), info.name, choosable=not info.is_damaged)


def _cells(texts: Sequence[str], slim: bool) -> list[Content]:
    """The texts of one line in their columns' widths."""
    columns = zip(HEADINGS, WIDTHS, texts, strict=True)
    shown = ((name, width, text) for name, width, text in columns if not (slim and name in SLIM))
    return [Content(f"{text:<{width}}" if name in LEFT else f"{text:>{width}}") for name, width, text in shown]


def _description(info: CheckpointInfo) -> str:
    saved = datetime.fromtimestamp(info.saved_at).strftime("%Y-%m-%d %H:%M")
    if not info.is_described:
        return f"{info.name} · saved {saved}\nwhat it holds is read when it is resumed"
    best = f"best by then {percent(info.best_quality)} at {info.best_step:,}" if info.best_step else "no best by then"
    return f"{info.name} · epoch {info.epoch} · saved {saved}\n{best}"
