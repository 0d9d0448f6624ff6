"""The checkpoints that a run can go on from, the newest good one chosen: Enter resumes."""

import time
from datetime import datetime

from textual.content import Content

from vsrpp_core.run.folder import CheckpointInfo, RunSummary
from vsrpp_tui.screens.table import TableScreen
from vsrpp_tui.widgets.figures import duration, file_size, percent
from vsrpp_tui.widgets.pick_list import Row

HEADINGS = f"{'step':>9}  {'kind':<9}  {'quality':>7}  {'loss':>7}  {'size':>8}  {'age':>10}   state"
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
        super().__init__("go on from a checkpoint", run.path.name, HEADINGS)
        self._run = run
        self._infos = {info.name: info for info in run.checkpoints}

    def on_mount(self) -> None:
        newest = self._run.newest
        rows = [_row(info, time.time()) for info in self._run.checkpoints]
        self.fill(rows, newest.name if newest else "")

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
        why = f"into the trash first (w brings {it} back), or the next resume would prefer {it}."
        return (Content.styled(f"{again}{moved} {why}", "$warning"),)


def _row(info: CheckpointInfo, now: float) -> Row:
    step = f"{info.step:,}" if info.step or info.is_described else "–"
    loss = f"{info.loss:.5f}" if info.loss == info.loss else "–"
    age = duration(max(now - info.saved_at, 0)) if now - info.saved_at < LONGEST_AGE else "> 999 d"
    figures = f"{step:>9}  {info.kind:<9}  {percent(info.quality):>7}  {loss:>7}  {file_size(info.size):>8}  {age:>10}"
    state, style = STATES[info.crc]
    dim = "$secondary" if info.is_damaged else ""
    text = Content.assemble((figures, dim), "   ", (state, style))
    return Row(text, info.name, choosable=not info.is_damaged)


def _description(info: CheckpointInfo) -> str:
    saved = datetime.fromtimestamp(info.saved_at).strftime("%Y-%m-%d %H:%M")
    if not info.is_described:
        return f"{info.name} · saved {saved}\nwhat it holds is read when it is resumed"
    best = f"best by then {percent(info.best_quality)} at {info.best_step:,}" if info.best_step else "no best by then"
    return f"{info.name} · epoch {info.epoch} · saved {saved}\n{best}"
