"""The checkpoints that a run can resume from, the newest good one highlighted: Enter resumes."""

import time
from datetime import datetime

from textual.content import Content

from vsrpp_core.run.folder import CheckpointInfo, RunSummary
from vsrpp_tui.screens.shared.checkpoint_rows import checkpoint_row, headings
from vsrpp_tui.screens.shared.table import TableScreen
from vsrpp_tui.widgets.text import percent


class ResumeScreen(TableScreen[str]):
    """Dismissed with the name of the checkpoint to resume from: empty for the newest one that can be read."""

    def __init__(self, run: RunSummary) -> None:
        super().__init__("resume from a checkpoint", run.path.name, "")
        self._run = run
        self._infos = {info.name: info for info in run.checkpoints}

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        newest, width = self._run.newest, self.app.size.width
        self.head(headings(width))
        self.fill(
            [checkpoint_row(info, time.time(), width) for info in self._run.checkpoints], newest.name if newest else ""
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
                Content(f"enter resumes at step {info.step + 1:,}" if info.is_described else "enter resumes there"),
            )
        last, count = max(other.step for other in newer), len(newer)
        again = f"Steps {info.step + 1:,} to {last:,} are trained again. " if last > info.step else ""
        one = count == 1
        moved = "The newer checkpoint goes" if one else f"The {count} newer checkpoints go"
        it = "it" if one else "them"
        why = f"into the trash first (w shows {it} there), or the next resume would prefer {it}."
        return (Content.styled(f"{again}{moved} {why}", "$warning"),)


def _description(info: CheckpointInfo) -> str:
    saved = datetime.fromtimestamp(info.saved_at).strftime("%Y-%m-%d %H:%M")
    if not info.is_described:
        return f"{info.name} · saved {saved}\nwhat it holds is read when it is resumed"
    best = f"best by then {percent(info.best_quality)} at {info.best_step:,}" if info.best_step else "no best by then"
    return f"{info.name} · epoch {info.epoch} · saved {saved}\n{best}"
