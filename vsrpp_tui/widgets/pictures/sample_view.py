"""What views of validation pictures share: the sample, the validation looked back at, the detail, and a caption."""

import math
from bisect import bisect_left
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from vsrpp_core.errors import VsrppError
from vsrpp_tui.widgets.pictures.picture_view import PictureSource, PictureView, Sheet

ZOOMS = (1, 2, 4, 8)

LAST = math.inf
"""In place of a step: that of the last validation, whichever that is."""

NONE_YET = "no pictures yet; each validation makes some"

PICTURE_KEYS = (
    Binding("left", "picture(-1)", "Picture before", show=False, id="picture_before", tooltip="picture before"),
    Binding("right", "picture(1)", "Next picture", show=False, id="next_picture", tooltip="next picture"),
    Binding(
        "left_square_bracket",
        "look_back(-1)",
        "Earlier picture",
        show=False,
        id="picture_earlier",
        tooltip="pictures: of the validation before",
    ),
    Binding(
        "right_square_bracket",
        "look_back(1)",
        "Later picture",
        show=False,
        id="picture_later",
        tooltip="pictures: of the next validation",
    ),
    Binding("plus,equals_sign", "zoom(1)", "Closer", show=False, id="closer", tooltip="pictures: a smaller detail"),
    Binding("minus", "zoom(-1)", "Further", show=False, id="further", tooltip="pictures: a larger detail, or all"),
)
"""Of a screen with such a view; what they do there are its actions picture, look_back and zoom."""


class SampleView(PictureView):
    """Steps through the samples of a validation, looks back at earlier ones, and zooms in."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(NONE_YET, id=id)
        self._caption = Static(markup=False)
        self._index, self.zoom = 0, ZOOMS[0]
        self.step = LAST
        """Of the validation that is looked back at."""

    @property
    def samples(self) -> Sequence[str]:
        raise NotImplementedError

    @property
    def steps(self) -> Sequence[int]:
        """Of the validations of which pictures of this sample are kept, the first one first."""
        raise NotImplementedError

    @property
    def chosen_step(self) -> int:
        """Of the picture that is shown; 0 for none."""
        raise NotImplementedError

    def show_chosen(self) -> None:
        """Show the picture that was chosen, or clear the view where there is none."""
        raise NotImplementedError

    def words(self) -> str:
        """Of which step the picture is."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield self._caption
        yield from super().compose()

    @property
    def place(self) -> int:
        return self._index % len(self.samples)

    @property
    def sample(self) -> str:
        return self.samples[self.place] if self.samples else ""

    @property
    def title(self) -> str:
        return f"Pictures · {self.place + 1} of {len(self.samples)}" if self.samples else "Pictures"

    @property
    def keys(self) -> str:
        if not self.samples:
            return ""
        back = "[ ] step · " if len(self.steps) > 1 else ""
        return f"← → sample · {back}+ − detail {self.zoom}×"

    def next_sample(self, by: int) -> None:
        """To the next sample or back, round and round."""
        if self.samples:
            self._index = (self._index + by) % len(self.samples)
            self.show_chosen()

    def look_back(self, by: int) -> None:
        """To the picture of a validation before or after; from the last one on it follows the training again."""
        if steps := self.steps:
            place = min(max(bisect_left(steps, self.chosen_step) + by, 0), len(steps) - 1)
            self.step = LAST if place == len(steps) - 1 else steps[place]
            self.show_chosen()

    def look_closer(self, by: int) -> None:
        self.zoom = ZOOMS[min(max(ZOOMS.index(self.zoom) + by, 0), len(ZOOMS) - 1)]
        self.show_chosen()

    def clear(self) -> None:
        super().clear()
        self._caption.update("")

    def on_sheet(self, source: PictureSource, sheet: Sheet) -> None:
        super().on_sheet(source, sheet)
        if self.samples:
            what = "whole" if self.zoom == 1 else f"detail {self.zoom}×, where LR misses most"
            words = f"{self.words()} · {what}"
            name = Content(self.sample).truncate(max(self.size.width - len(words) - 3, 8), ellipsis=True)
            self._caption.update(Content.assemble((name.plain, "bold"), (f"   {words}", "$secondary")))

    def on_unreadable(self, error: VsrppError) -> None:
        self._caption.update("")
        self._labels.update("")
        self._canvas.say(Content.styled(str(error), "$warning"))
