"""A form of the settings that may change while training: it checks as one types, and tells what became of them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.changes import AT_EPOCHS, as_text
from vsrpp_core.run.config import RunConfig, is_live
from vsrpp_core.run.names import home_for_short
from vsrpp_core.run.settings import Setting
from vsrpp_tui.forms.settings import Draft
from vsrpp_tui.screens.shared.messages import CommandWanted
from vsrpp_tui.screens.shared.typed_screen import LEAVE_FIELD, TypedScreen
from vsrpp_tui.state.run import RunState


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a setting that was sent to the trainer."""

    accepted: bool
    text: str


class SettingRow(Horizontal):
    """Name, value, and beside it what it means or what is wrong with it."""

    def __init__(self, setting: Setting, text: str) -> None:
        super().__init__(classes="setting")
        self.key = setting.key
        limits = re.sub(r"([<>≤≥]) ", r"\1", setting.range)  # not to be torn apart at the end of a line
        self._about = " · ".join(filter(None, (setting.description, limits)))
        self._label = Static(markup=False, classes="setting-name")
        self._note = Static(markup=False, classes="setting-about")
        self._input = Input(text, compact=True, select_on_focus=False)

    def compose(self) -> ComposeResult:
        yield self._label
        yield self._input
        yield self._note

    def on_mount(self) -> None:
        self.show("", "")

    def show(self, was: str, fault: str, answer: Answer | None = None) -> None:
        """``was``: the present value if another is typed, else empty."""
        sign, style = ("✗", "$error") if fault else ("●", "$warning") if was else (" ", "")
        self._label.update(Content.assemble((f"{sign} ", style), (self.key.partition(".")[2], "bold" if was else "")))
        parts = [(f"{fault}\n", "$error")] if fault else []
        if answer and not fault:
            parts.append((f"✓ {answer.text}\n", "$success") if answer.accepted else (f"✗ {answer.text}\n", "$error"))
        parts += [(self._about, "$secondary")]
        parts += [(f" · now {was}", "$warning")] if was else []
        self._note.update(Content.assemble(*parts))

    @property
    def text(self) -> str:
        return self._input.value

    def set_text(self, text: str) -> None:
        self._input.value = text


class SettingsScreen(TypedScreen[None]):
    """The form. What is sent stays until the session has answered; what it refuses stays to be corrected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "apply", "Apply", id="apply", priority=True, tooltip="send what was changed to the trainer"),
        Binding("escape", "dismiss", "Discard", id="discard", tooltip="back; unapplied changes are discarded"),
        LEAVE_FIELD,
        Binding("down", "app.focus_next", "Next", id="next_field", show=False, tooltip="to the next field"),
        Binding("up", "app.focus_previous", "Previous", id="previous_field", show=False, tooltip="to the field before"),
    ]

    def __init__(self, config: Path, state: RunState) -> None:
        """Raises VsrppError where ``config`` (config.toml) cannot be read."""
        super().__init__()
        self._draft = Draft(RunConfig.load(config))
        self._draft.update(dict(state.changed))
        self._state = state
        self._waiting: dict[int, tuple[str, ...]] = {}
        """By its number, the settings of each command that is not answered yet."""
        self._answers: dict[str, Answer] = {}
        self._last = ""
        """The setting that was typed into last: a fault of several values stands beside it."""

    def body(self) -> ComposeResult:
        with VerticalScroll(id="settings-form", can_focus=False):
            for section in sorted(RunConfig.model_fields, key=self._is_fixed):
                yield from self._section(section)
        with Horizontal(id="settings-end"):
            yield Static(id="settings-status", markup=False)
            yield Button("Apply", id="apply", compact=True)

    def _is_fixed(self, section: str) -> bool:
        return not any(is_live(s.key) for s in self._draft.settings() if s.key.startswith(f"{section}."))

    def _section(self, section: str) -> ComposeResult:
        settings = [setting for setting in self._draft.settings() if setting.key.startswith(f"{section}.")]
        live = [setting for setting in settings if is_live(setting.key)]
        about = (RunConfig.model_fields[section].annotation.__doc__ or "").rstrip(".")
        heading = Content.assemble((section, "bold $primary"), (f"  {about}", "$secondary"))
        yield Static(heading, markup=False, classes="setting-section")
        for setting in live:
            yield SettingRow(setting, self._draft.text(setting.key))
        if fixed := [setting for setting in settings if setting not in live and setting.value != ""]:
            named = " · ".join(f"{setting.key.partition('.')[2]} {_written(setting)}" for setting in fixed)
            yield Static(f"fixed while training: {named}", markup=False, classes="setting-fixed")

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    # following the session

    def show(self, state: RunState) -> None:
        before, self._state = self._state, state
        if state.changed != before.changed:
            self._follow(state)
        if state.answered != before.answered:
            new = state.answers[-(state.answered - before.answered) :] if state.answered > before.answered else ()
            for answer in new:
                if answer.number in self._waiting:
                    self._answered(answer)
        if state.is_over and self._waiting:
            for keys in self._waiting.values():
                self._answers.update(dict.fromkeys(keys, Answer(False, "training has ended")))
            self._waiting.clear()
        if (state.changed, state.answered, state.is_over) != (before.changed, before.answered, before.is_over):
            self._draw()

    def _follow(self, state: RunState) -> None:
        changed = self._draft.changed()
        try:
            self._draft.update(dict(state.changed))
        except VsrppError as error:  # config.toml was edited meanwhile into what does not fit what was changed
            self.notify(str(error), severity="warning", markup=False)
        for row in self.query(SettingRow):
            if row.key not in changed:
                row.set_text(self._draft.present_text(row.key))

    def _answered(self, answer: ev.CommandAnswered) -> None:
        for key in self._waiting.pop(answer.number):
            done = "in effect from the next epoch on" if key in AT_EPOCHS else f"in effect after step {answer.step:,}"
            self._answers[key] = Answer(answer.accepted, done if answer.accepted else f"refused: {answer.message}")

    # typing

    def on_input_changed(self, event: Input.Changed) -> None:
        row = event.input.parent
        if isinstance(row, SettingRow) and self._take_in(row.key, event.value):
            self._draw()

    def _take_in(self, key: str, text: str) -> bool:
        """Whether it is another than before."""
        if text.strip() == self._draft.text(key):
            return False
        self._last = key
        self._answers.pop(key, None)
        self._draft.edit(key, text)
        return True

    def action_leave_field(self) -> None:
        self.focus_next(Input)

    # applying

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.action_apply()

    def action_apply(self) -> None:
        self.after_typing(self._apply)

    def _apply(self) -> None:
        for row in self.query(SettingRow):
            self._take_in(row.key, row.text)
        if self._waiting or self._state.is_over or self._draft.faults():
            self._draw()
            return
        self._answers.clear()
        for command, keys in self._draft.commands():
            self._waiting[command.number] = keys
            self.post_message(CommandWanted(command))
        self._draw()

    # drawing

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        changed, faults = self._draft.changed(), self._draft.faults()
        for row in self.query(SettingRow):
            section = row.key.partition(".")[0]
            fault = faults.get(row.key, "") or (faults.get(section, "") if self._speaks_for(row.key, changed) else "")
            was = self._draft.present_text(row.key) if row.key in changed else ""
            row.show(was, fault, self._answers.get(row.key))
        name = Content.assemble(("Settings", "bold $primary"), "  that may change while training")
        right = Content.styled(f"{len(changed)} changed" if changed else "", "$warning")
        self.set_header(name, right)
        self.query_one("#settings-status", Static).update(self._status(changed, faults))
        button = self.query_one("#apply", Button)
        button.label = f"Apply {len(changed)}" if changed else "Apply"
        button.disabled = not changed or bool(faults or self._waiting) or self._state.is_over

    def _speaks_for(self, key: str, changed: dict[str, str]) -> bool:
        """Whether a fault of the setting's section is shown beside it."""
        section = key.partition(".")[0]
        of_section = [other for other in changed if other.startswith(f"{section}.")]
        return key == (self._last if self._last in of_section else next(iter(of_section), ""))

    def _status(self, changed: dict[str, str], faults: dict[str, str]) -> Content:
        if self._state.is_over:
            return Content.styled("training has ended; edit config.toml instead", "$warning")
        if self._waiting:
            waits = "when this validation is done" if self._state.phase == "validating" else "after this step"
            return Content.styled(f"sent; the trainer answers {waits} …", "$warning")
        if faults:
            key, fault = next(iter(faults.items()))
            return Content.styled(f"✗ {key}: {fault}", "$error")
        refused = [key for key, answer in self._answers.items() if not answer.accepted]
        if refused:
            return Content.styled(f"✗ refused: {', '.join(refused)}", "$error")
        if changed:
            return Content.styled("from the next step on, and in config.toml", "$secondary")
        if self._answers:
            return Content.styled("✓ done; config.toml has it too", "$success")
        return Content.styled("↑ ↓ to a value, type another", "$secondary")


def _written(setting: Setting) -> str:
    """The value as in config.toml, a folder from the home folder on."""
    return home_for_short(Path(setting.value)) if setting.key == "data.root" else as_text(setting.value)
