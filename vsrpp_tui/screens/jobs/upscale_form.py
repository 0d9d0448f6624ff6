"""The form of an upscaling job: which network, which films, and how to store the result."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from textual.content import Content

from vsrpp_core.run.config import Precision
from vsrpp_core.run.folder import BEST_NAME, CheckpointInfo
from vsrpp_core.run.names import home_for_short
from vsrpp_core.video.clock import DEFAULT_FPS
from vsrpp_tui.forms.checked import Checked, Values
from vsrpp_tui.forms.upscale import UpscaleRequest, check
from vsrpp_tui.screens.shared.form_screen import FormScreen
from vsrpp_tui.screens.shared.pick_network import PickNetwork
from vsrpp_tui.widgets.fields import Field, FieldRow, Tick

CODECS = ("libx264", "libx265", "libsvtav1", "ffv1", "h264_nvenc", "hevc_nvenc", "av1_nvenc")
PRESETS = ("medium", "slow", "slower", "veryslow", "fast", "faster", "veryfast", "ultrafast")
PRECISIONS = get_args(Precision)
PIXELS = ("yuv420p", "yuv420p10le", "yuv422p10le", "yuv444p", "yuv444p10le")


class UpscaleForm(FormScreen[UpscaleRequest]):
    TITLE_WORDS = "upscale films"
    FIELDS = (
        Field("network", "Network", kind="path", placeholder="a checkpoint (.pth) or an export (.safetensors)"),
        Field("sources", "Sources", "videos, folders of videos or of images", "path", "~/films/one.mkv ~/films/more"),
        Field("out", "Result", "a video, or a folder for several", "path", "beside the source"),
        Field("preview", "Length", "only so much of each film, to try it", placeholder="all of it"),
        Field("start", "From", "where to begin, e.g. 1:30", placeholder="the start"),
        Field("to", "Size", "resampled to this, e.g. 1920x1080", placeholder="by the network"),
        Field("codec", "Codec", "H.265 for more than 8 bits or 4096 pixels", placeholder="by source", choices=CODECS),
        Field("crf", "Quality", "less is better and larger", placeholder="16 to 20"),
        Field("preset", "Effort", "of the encoder: slower is smaller", placeholder="medium", choices=PRESETS),
        Field("pixels", "Pixels", "format of the colours", placeholder="as the source", choices=PIXELS),
        Field("fps", "Rate", "of a folder of images that becomes a video", placeholder=f"{DEFAULT_FPS:g}"),
        Field("ensemble", "Views", "mirrored, averaged: better but slower", placeholder="1", choices=("2", "4", "8")),
        Field("precision", "Precision", "arithmetic of the network", placeholder="auto", choices=PRECISIONS),
        Field("tile", "Tiles", "largest part at once, LR pixels a side", placeholder="by the memory"),
    )
    TICKS = (
        Tick("png", "images", "a folder of PNG images instead of a video"),
        Tick("overwrite", "overwrite", "replace a result that is there, once the new one is complete"),
        Tick("fresh", "fresh", "ignore what an interrupted job left"),
        Tick("force", "force", "accept interlaced and damaged videos"),
        Tick("drop-tracks", "drop tracks", "leave out tracks that the result cannot hold"),
    )
    SEVERAL = ("sources",)

    def __init__(self, values: Values, run: Path, checkpoints: Sequence[CheckpointInfo]) -> None:
        """``checkpoints`` are those of ``run``; its best one is chosen unless ``values`` name another."""
        super().__init__({"network": _best(run, checkpoints), **values}, run.parent)
        self._run, self._checkpoints = run, checkpoints

    def check(self, values: Values) -> Checked[UpscaleRequest]:
        return check(values)

    def subject(self) -> Content:
        return Content.styled(self._run.name, "bold")

    def browse(self, row: FieldRow) -> None:
        """Offer the run's own networks first; from there the user can move to other files."""
        if row.field.key == "network" and any(not info.is_damaged for info in self._checkpoints):
            self.app.push_screen(PickNetwork(self._run, self._checkpoints), lambda path: self._picked(row, path))
        else:
            super().browse(row)

    def _picked(self, row: FieldRow, path: Path | None) -> None:
        if path == self._run:  # none of these
            super().browse(row)
        elif path:
            self.take(row, path)


def _best(run: Path, checkpoints: Sequence[CheckpointInfo]) -> str:
    """The best checkpoint of a run, else its newest good one, else nothing."""
    if (run / BEST_NAME).is_file():
        return home_for_short(run / BEST_NAME)
    newest = next((info for info in checkpoints if not info.is_damaged), None)
    return home_for_short(run / newest.name) if newest else ""
