"""The networks of a run, to upscale with one of them."""

import time
from collections.abc import Sequence
from pathlib import Path

from textual.content import Content

from vsrpp_core.run.folder import BEST_NAME, CheckpointInfo
from vsrpp_tui.screens.shared.checkpoint_rows import checkpoint_row, headings
from vsrpp_tui.screens.shared.table import TableScreen
from vsrpp_tui.widgets.pick_list import Row

OTHER = "other"


class PickNetwork(TableScreen[Path]):
    """Dismissed with a checkpoint's path; with the run's folder for another file; or with None."""

    def __init__(self, run: Path, checkpoints: Sequence[CheckpointInfo]) -> None:
        super().__init__("choose a network", run.name, "")
        self._run, self._infos = run, {info.name: info for info in checkpoints}

    def on_mount(self) -> None:
        width = self.app.size.width
        self.head(headings(width))
        rows = [checkpoint_row(info, time.time(), width) for info in self._infos.values()]
        if (self._run / BEST_NAME).is_file():
            best = Content.assemble((f"{'best':>9}", "bold"), "  ", ("what validation found best", "$secondary"))
            rows.insert(0, Row(best, BEST_NAME))
        rows.append(Row(Content(f"{'other':>9}  a file elsewhere …"), OTHER))
        self.fill(rows, rows[0].key)

    def on_row(self, key: str) -> None:
        about = "any checkpoint of VSR++, or a network it exported" if key == OTHER else key
        self.note(Content.styled(about, "$secondary"), Content("enter takes it"))

    def on_chosen(self, key: str) -> None:
        self.dismiss(self._run if key == OTHER else self._run / key)
