"""Where a network does worst: the frames of least PSNR, and a sheet that shows a detail of each.

Apart from evaluate.py, which scores every frame and keeps none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vsrpp_core.run.pictures.comparison_picture import most_different_window

Frame = NDArray[np.uint8]

STRETCH = 12
"""Consecutive frames of which one is shown at most: neighbours are alike, and mostly equally bad."""

CROP, SHOWN = 96, 384
"""Pixels a side of a detail at most, and about as many as that is enlarged to, by whole pixels."""

MARGIN, GAP, UNDER, LINE, TITLE = 24, 16, 6, 15, 20
"""Pixels: around the sheet and between rows, between details, under text, and heights of text."""

PAPER, PLAIN, FAINT = (24, 24, 24), (235, 235, 235), (150, 150, 150)


@dataclass(frozen=True, slots=True)
class WorstFrame:
    """A frame, from 1 in its clip, PSNR in Y, dB, and the detail that is shown of it, pixels of the ground truth."""

    frame: int
    bicubic_psnr: float
    ki_psnr: float
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Detail:
    """What is shown of a frame: bicubic, network and ground truth, each [h, w, 3]."""

    of: WorstFrame
    crops: tuple[Frame, Frame, Frame]


class WorstFrames:
    """The ``count`` frames of least PSNR among those added, the worst first, one of each ``STRETCH`` at most.

    ``border`` pixels at each side are not scored, so no detail is sought there.
    """

    def __init__(self, count: int, border: int) -> None:
        self._count, self._border = count, border
        self._of_stretch: dict[int, Detail] = {}

    def add(self, frame: int, psnrs: tuple[float, float], pictures: tuple[Frame, Frame, Frame]) -> None:
        """``psnrs`` of bicubic and network, of which ``pictures`` are, and then the ground truth."""
        kept, stretch = self._of_stretch, (frame - 1) // STRETCH
        rival = stretch if stretch in kept else self._best() if len(kept) == self._count else None
        if rival is not None:
            if psnrs[1] >= kept[rival].of.ki_psnr:
                return
            del kept[rival]
        kept[stretch] = self._detail(frame, psnrs, pictures)

    def details(self) -> list[Detail]:
        return sorted(self._of_stretch.values(), key=lambda detail: detail.of.ki_psnr)

    def _best(self) -> int:
        return max(self._of_stretch, key=lambda stretch: self._of_stretch[stretch].of.ki_psnr)

    def _detail(self, frame: int, psnrs: tuple[float, float], pictures: tuple[Frame, Frame, Frame]) -> Detail:
        border, (height, width) = self._border, pictures[0].shape[:2]
        scored = slice(border, height - border), slice(border, width - border)
        one, other = (Image.fromarray(picture[scored]) for picture in pictures[1:])
        left, top, right, bottom = (side + border for side in most_different_window(one, other, CROP, CROP))
        bicubic, network, truth = (picture[top:bottom, left:right].copy() for picture in pictures)
        of = WorstFrame(frame, *psnrs, left, top, right - left, bottom - top)
        return Detail(of, (bicubic, network, truth))


def sheet(clip: str, network: str, details: Sequence[Detail], is_enlarged: bool = True) -> Image.Image:
    """The details of one clip, a row for each frame: bicubic, network and ground truth, enlarged pixel by pixel.

    Where the network's picture is not larger than LR (``is_enlarged``), bicubic is LR itself.
    """
    width, height = details[0].of.width, details[0].of.height
    factor = max(1, SHOWN // max(width, height))
    across, down = width * factor, height * factor
    row, first = LINE + UNDER + down + MARGIN, MARGIN + TITLE + LINE + MARGIN
    paper = Image.new("RGB", (2 * MARGIN + 3 * across + 2 * GAP, first + len(details) * row), PAPER)
    pen = ImageDraw.Draw(paper)
    room = paper.width - 2 * MARGIN
    _write(pen, (MARGIN, MARGIN), f"{clip}, {network}", room, TITLE, PLAIN)
    what = f"its worst frames with their PSNR in Y, and of each the detail with most error, {factor} times as large"
    _write(pen, (MARGIN, MARGIN + TITLE + UNDER), what, room, LINE, FAINT)
    for place, detail in enumerate(details):
        of, top = detail.of, first + place * row
        labels = (
            ("bicubic" if is_enlarged else "LR", f"{of.bicubic_psnr:.2f} dB"),
            ("network", f"{of.ki_psnr:.2f} dB ({of.ki_psnr - of.bicubic_psnr:+.2f})"),
            ("ground truth", f"frame {of.frame} at {of.left}, {of.top}"),
        )
        for column, (crop, (name, figure)) in enumerate(zip(detail.crops, labels, strict=True)):
            left = MARGIN + column * (across + GAP)
            _write(pen, (left, top), name, across, LINE, PLAIN)
            _write(pen, (left, top), figure, across, LINE, FAINT, from_right=True)
            enlarged = Image.fromarray(crop).resize((across, down), Image.Resampling.NEAREST)
            paper.paste(enlarged, (left, top + LINE + UNDER))
    return paper


def _write(
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    room: int,
    size: int,
    colour: tuple[int, int, int],
    from_right: bool = False,
) -> None:
    """A line of text, smaller where ``room`` pixels are too few for it."""
    font = ImageFont.load_default(size)
    while size > 8 and font.getlength(text) > room:
        size -= 1
        font = ImageFont.load_default(size)
    left, top = at
    pen.text((left + (room - font.getlength(text) if from_right else 0), top), text, fill=colour, font=font)
