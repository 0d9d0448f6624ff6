"""The base of dialogs that ask how long the learning rate shall take: the answer typed is drawn before it is taken."""

from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from vsrpp_core.errors import UsageError
from vsrpp_tui.widgets.charts.course import CourseChart
from vsrpp_tui.widgets.hint import Hint

T = TypeVar("T")


class RateDialog(ModalScreen[T | None], Generic[T]):
    """Dismissed with the answer, or with None. A subclass parses what is typed, and draws it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", id="cancel")]

    TITLE_WORDS: ClassVar[str]
    ENTER: ClassVar[str]
    """What enter does."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: T | None = None
        self._chart = CourseChart(id="course")
        self._note = Static(id="course-note", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as dialog:
            dialog.border_title = self.TITLE_WORDS
            yield Static(self.explanation(), markup=False)
            yield Input(self.first(), placeholder="steps", max_length=20, id="course-length")
            yield self._chart
            yield self._note
            yield Hint(f"enter  {self.ENTER}     esc  back, nothing changes")

    def on_mount(self) -> None:
        self._read(self.first())

    def on_input_changed(self, event: Input.Changed) -> None:
        self._read(event.value)

    def on_input_submitted(self) -> None:
        if self._answer is not None:
            self.dismiss(self._answer)

    def read_again(self) -> None:
        """What the answer is drawn on has changed."""
        self._read(self.query_one("#course-length", Input).value)

    def _read(self, text: str) -> None:
        try:
            self._answer, words = self.parse(text)
        except UsageError as error:
            self._answer = None
            self._note.update(Content.styled(str(error) if text.strip() else "type a number", "$warning"))
        else:
            self._note.update(Content.styled(words, "$secondary"))
        self.draw(self._chart, self._answer)

    # for subclasses

    def explanation(self) -> str:
        raise NotImplementedError

    def first(self) -> str:
        """The answer that is offered."""
        raise NotImplementedError

    def parse(self, text: str) -> tuple[T, str]:
        """The answer, and what it means. Raises UsageError."""
        raise NotImplementedError

    def draw(self, chart: CourseChart, answer: T | None) -> None:
        raise NotImplementedError
