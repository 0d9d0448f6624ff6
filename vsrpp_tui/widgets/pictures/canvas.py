"""What a picture is painted on: rows of cells, half cells or those behind which the terminal shows pixels."""

from textual.content import Content
from textual.strip import Strip
from textual.visual import Visual
from textual.widgets import Static

from vsrpp_tui.widgets.pictures.pixels import Placed


class PictureCanvas(Static):
    """Shows a picture that was placed, or words."""

    def __init__(self, words: Content) -> None:
        super().__init__(words, markup=False)
        self._placed = Placed([])
        self._rows: list[Strip] = []
        """Of the picture; empty where words are shown."""

    def strips(self, words: Content) -> list[Strip]:
        """``words`` as a row to paint."""
        return Visual.to_strips(self, words, words.cell_length, 1, self.visual_style)

    def paint(self, placed: Placed) -> None:
        self._tell(placed.upload)
        self.call_after_refresh(self._tell, self._placed.removal)  # until then it is on the screen
        self._placed, self._rows = placed, placed.rows
        self.refresh()

    def show_cells(self, wanted: bool) -> None:
        """Half cells, until it is called again with False."""
        self._rows = self._placed.cells if wanted else self._placed.rows
        self.refresh()

    def say(self, words: Content) -> None:
        self._forget()
        self.update(words)

    def on_unmount(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._tell(self._placed.removal)
        self._placed, self._rows = Placed([]), []

    def _tell(self, message: str) -> None:
        """To the terminal, in order with what is drawn."""
        if message and self.app._driver:
            self.app._driver.write(message)

    def render_line(self, y: int) -> Strip:
        if not self._rows:
            return super().render_line(y)
        row = self._rows[y] if y < len(self._rows) else Strip([])
        return row.adjust_cell_length(self.size.width, self.rich_style)
