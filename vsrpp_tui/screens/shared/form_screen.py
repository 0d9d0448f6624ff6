"""What the forms of jobs share: fields that are checked as the user types, off the screen's thread."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Static
from textual.worker import Worker

from vsrpp_tui.forms.checked import Checked, Values
from vsrpp_tui.forms.paths import exists, read_paths, write_paths
from vsrpp_tui.screens.shared.base_screen import BRAND
from vsrpp_tui.screens.shared.browse import BrowseScreen
from vsrpp_tui.screens.shared.typed_screen import LEAVE_FIELD, TypedScreen
from vsrpp_tui.widgets.fields import Field, FieldRow, Tick, TickRow

Request = TypeVar("Request")
PAUSE_SECONDS = 0.15
"""How long typing must pause before the fields are checked, which opens files."""


class FormScreen(TypedScreen[Request | None]):
    """Dismissed with the request, or with None; what was typed is kept in ``values`` for the next time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "begin", "Begin", id="begin", priority=True, tooltip="begin, once nothing is wrong"),
        Binding("ctrl+o", "browse", "Choose", id="browse", tooltip="choose a file or folder for this field"),
        Binding("escape", "dismiss(None)", "Back", id="cancel", tooltip="back; what you typed is kept"),
        LEAVE_FIELD,
        Binding("down", "app.focus_next", "Next", id="next_field", show=False, tooltip="to the next field"),
        Binding("up", "app.focus_previous", "Previous", id="previous_field", show=False, tooltip="to the field before"),
    ]
    MORE_KEYS = ((("→",), "take the suggested path"),)
    TITLE_WORDS = ""
    FIELDS: ClassVar[tuple[Field, ...]] = ()
    TICKS: ClassVar[tuple[Tick, ...]] = ()
    SEVERAL: ClassVar[tuple[str, ...]] = ()
    """Fields that take more than one path."""

    def __init__(self, values: Values, beside: Path) -> None:
        """``values``: the initial texts of the fields. ``beside``: where browsing for a file begins."""
        super().__init__()
        self.values: dict[str, str | bool] = dict(values)
        self._beside = beside
        self._checked: Checked[Request] | None = None
        """None while the latest text is being checked."""
        self._begin_when_checked = False
        """Begin as soon as the check is done."""
        self._touched = False

    def body(self) -> ComposeResult:
        with VerticalScroll(id="form", can_focus=False):
            for field in self.FIELDS:
                yield FieldRow(field, str(self.values.get(field.key, "")))
            yield TickRow(self.TICKS, tuple(key for key, value in self.values.items() if value is True))
        yield Static(id="form-outlook", markup=False)  # in sight, however far the fields are scrolled
        with Horizontal(id="form-end"):
            yield Static(id="form-status", markup=False)
            yield Button("Begin", id="begin", compact=True)

    def check(self, values: Values) -> Checked[Request]:
        """Called in another thread."""
        raise NotImplementedError

    def on_mount(self) -> None:
        empty = (row for row in self.query(FieldRow) if not row.input.value)
        if row := next(empty, None):
            row.input.focus()
        self._check_soon()

    def on_resize(self) -> None:
        self._draw()

    # typing

    def on_input_changed(self, event: Input.Changed) -> None:
        self._take_in(event.input.query_ancestor(FieldRow).field.key, event.value)

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        self._take_in(event.checkbox.name or "", event.value)

    def _take_in(self, key: str, value: str | bool) -> None:
        if self.values.get(key, type(value)()) != value:
            self.values[key] = value
            self._touched = True
            self._check_soon()

    # checking

    def _check_soon(self) -> None:
        self._checked = None
        self._draw()
        values = dict(self.values)

        async def check() -> None:
            await self._check(values)

        _: Worker[None] = self.run_worker(check, exclusive=True, group="check")

    async def _check(self, values: Values) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        checked = await asyncio.to_thread(self.check, values)
        self._checked = checked
        self._draw()
        if self._begin_when_checked:
            self._begin_when_checked = False
            self._begin()

    # choosing a file

    def action_browse(self) -> None:
        row = next((row for row in self.query(FieldRow) if row.input.has_focus), None)
        if row is None or row.field.kind != "path":
            row = next(row for row in self.query(FieldRow) if row.field.kind == "path")
        self.browse(row)

    def browse(self, row: FieldRow) -> None:
        self.app.push_screen(
            BrowseScreen(row.field.name, self._place(row)), lambda path: self.take(row, path) if path else None
        )

    def _place(self, row: FieldRow) -> Path:
        """Where browsing begins: at the typed path, or beside the run."""
        typed = [path for path in read_paths(row.input.value) if exists(path)] if _parses(row.input.value) else []
        place = typed[-1] if typed else self._beside
        return place if place.is_dir() else place.parent

    def take(self, row: FieldRow, path: Path) -> None:
        """Put a chosen path into a field; if it may hold several, after those already there."""
        several = row.field.key in self.SEVERAL and _parses(row.input.value)
        others = [one for one in read_paths(row.input.value) if one != path] if several else []
        row.input.value = write_paths([*others, path]) if several and others else str(path)
        row.input.cursor_position = len(row.input.value)
        row.input.focus()

    # beginning

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.action_begin()

    def action_begin(self) -> None:
        self.after_typing(self._begin)

    def _begin(self) -> None:
        if self.app.screen is not self:  # a second ctrl+s in one burst: it has begun
            return
        for row in self.query(FieldRow):
            self._take_in(row.field.key, row.input.value)
        for box in self.query(Checkbox):
            self._take_in(box.name or "", box.value)
        if self._checked is None:
            self._begin_when_checked = True
        elif self._checked.request is not None:
            self.dismiss(self._checked.request)
        else:
            self._touched = True
            self._draw()

    # drawing

    def _draw(self) -> None:
        parts = ("#form-outlook", "#form-status", "#begin")
        if not self.is_mounted or not all(self.query(part) for part in parts):  # not composed yet, or being removed
            return
        self.set_header(Content.assemble(BRAND, f"  {self.TITLE_WORDS}"), self.subject())
        checked = self._checked
        if checked:
            for row in self.query(FieldRow):
                row.show(self._fault_of(row, checked), checked.notes.get(row.field.key, ""))
            outlook = self.query_one("#form-outlook", Static)
            outlook.update(_outlook(checked.outlook))
            outlook.display = bool(checked.outlook)
        self.query_one("#form-status", Static).update(self._status(checked))
        self.query_one("#begin", Button).disabled = checked is not None and checked.request is None

    def _fault_of(self, row: FieldRow, checked: Checked[Any]) -> str:
        """An untouched empty field is not a fault yet."""
        return checked.faults.get(row.field.key, "") if self._touched or row.input.value else ""

    def subject(self) -> Content:
        """Beside the title."""
        return Content("")

    def _status(self, checked: Checked[Any] | None) -> Content:
        if checked is None:
            return Content.styled("checking …", "$secondary")
        if checked.faults and self._touched:
            key, fault = next(iter(checked.faults.items()))
            name = next((field.name for field in self.FIELDS if field.key == key), key)
            return Content.styled(f"✗ {name}: {fault}", "$error")
        if checked.request is None:
            return Content.styled("ctrl+o chooses a file, → takes the suggestion", "$secondary")
        return Content.styled("✓ ctrl+s begins", "$success")


def _outlook(lines: tuple[str, ...]) -> Content:
    return Content("\n").join(Content.styled(line, "$secondary") for line in lines)


def _parses(typed: str) -> bool:
    """Whether it parses as paths."""
    from vsrpp_core.errors import UsageError

    try:
        read_paths(typed)
    except UsageError:
        return False
    return True
