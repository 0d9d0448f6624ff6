"""A form for a network that is not on the ladder; checked as the user types, with a prediction of its cost."""

from typing import ClassVar, get_args

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Button, Input, RadioButton, RadioSet, Static

from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import Checkpointing
from vsrpp_tui.forms import network_size
from vsrpp_tui.screens.shared.messages import CommandWanted
from vsrpp_tui.state.run import RunState
from vsrpp_tui.state.tuning import RungState, Tuning
from vsrpp_tui.widgets.panels.rungs import seconds_text
from vsrpp_tui.widgets.text import gigabytes

ASK_SECONDS = 0.3
"""How long typing must pause before a prediction is requested."""

KINDS = get_args(Checkpointing)
LABELS = {
    "n_feats": ("feature maps", "4 to 512"),
    "n_blocks": ("blocks", "an even number"),
    "batch_size": ("batch", "samples in a pass"),
    "accumulation": ("accumulation", "passes in a step"),
}


class ByHandScreen(ModalScreen[cmd.SetByHand | None]):
    """Dismissed with the command that trains what was set, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", id="cancel")]

    def __init__(self, tuning: Tuning, row: RungState | None) -> None:
        """``row``: the sizes that are filled in at first."""
        super().__init__()
        self._tuning = tuning
        p = row.predicted if row else None
        self._texts = {
            "n_feats": str(p.n_feats if p else 128),
            "n_blocks": str(p.n_blocks if p else 32),
            "batch_size": str(p.batch_size if p else 4),
            "accumulation": str(p.accumulation if p else 1),
        }
        self._kind = row.checkpointing if row else KINDS[0]
        self._timer: Timer | None = None
        self._inputs = {name: _field(name, text) for name, text in self._texts.items()}
        self._notes = {name: Static(classes="by-hand-note", markup=False) for name in self._texts}
        self._below = Static(id="by-hand-prediction", markup=False)
        self._button = Button("Train it", id="by-hand-take", compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="by-hand") as dialog:
            dialog.border_title = "Set by hand"
            for name, field in self._inputs.items():
                with Horizontal(classes="by-hand-row"):
                    yield Static(LABELS[name][0], classes="by-hand-name", markup=False)
                    yield field
                    yield self._notes[name]
            with Horizontal(classes="by-hand-row"):
                yield Static("checkpointing", classes="by-hand-name", markup=False)
                with RadioSet(id="kinds", compact=True):
                    for kind in KINDS:
                        yield RadioButton(_label(kind, self._kind), value=kind == self._kind)
            yield self._below
            with Horizontal(id="by-hand-end"):
                yield Static("⏎ train it · tab next · esc back", id="by-hand-keys", markup=False)
                yield self._button

    def on_mount(self) -> None:
        self._inputs["n_feats"].focus()
        self._changed()

    def show(self, state: RunState) -> None:
        if state.tuning is not None and state.tuning.by_hand is not self._tuning.by_hand:
            self._tuning = state.tuning
            self._draw()

    # typing

    def on_input_changed(self, event: Input.Changed) -> None:
        name = event.input.id or ""
        if name in self._texts and self._texts[name] != event.value:
            self._texts[name] = event.value
            self._changed()

    def on_radio_set_changed(self, event: RadioSet.Changed) -> None:
        if self._kind != KINDS[event.index]:
            self._kind = KINDS[event.index]
            for kind, button in zip(KINDS, self.query(RadioButton), strict=True):
                button.label = _label(kind, self._kind)
            self._changed()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._take()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self._take()

    def _take(self) -> None:
        if not network_size.faults(self._texts):
            self.dismiss(network_size.set_by_hand(self._texts, self._kind))

    def _changed(self) -> None:
        self._draw()
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(ASK_SECONDS, self._ask)

    def _ask(self) -> None:
        if not network_size.faults(self._texts) and self._current is None:
            self.post_message(CommandWanted(network_size.predict_by_hand(self._texts, self._kind)))

    # drawing

    @property
    def _current(self) -> ev.ConfigurationPredicted | None:
        """The prediction for exactly these sizes, if it has arrived."""
        p = self._tuning.by_hand
        if p is None or network_size.faults(self._texts):
            return None
        asked = network_size.predict_by_hand(self._texts, self._kind)
        answered = cmd.PredictByHand(p.n_feats, p.n_blocks, p.batch_size, p.accumulation, p.checkpointing)
        return p if asked == answered else None

    def _draw(self) -> None:
        faults = network_size.faults(self._texts)
        for name in self._texts:
            note = Content.styled(self._about(name, faults), "$secondary")
            if fault := faults.get(name):
                note = Content.styled(f"✗ {fault}", "$error")
            self._notes[name].update(note)
        self._below.update(self._prediction(bool(faults)))
        self._button.disabled = bool(faults)

    def _about(self, name: str, faults: dict[str, str]) -> str:
        if name == "accumulation" and not faults.keys() & {"batch_size", "accumulation"}:
            effective = int(self._texts["batch_size"]) * int(self._texts["accumulation"])
            return f"an effective batch of {effective}"
        return LABELS[name][1]

    def _prediction(self, faulty: bool) -> Content:
        if faulty:
            return Content.styled("fix the values above to see a prediction", "$secondary")
        p, started = self._current, self._tuning.started
        if p is None:
            return Content.styled("predicting …", "$secondary")
        figures = (
            f"predicted {seconds_text(p.predicted_seconds)}/iter · {gigabytes(p.predicted_memory)} GB · "
            f"{p.parameters / 1e6:.1f} M parameters"
        )
        over = {"time": "slower than the limit", "memory": "more memory than the limit"}.get(p.fault, "")
        effective = p.batch_size * p.accumulation
        if not over and started and effective < started.min_effective_batch:
            over = f"{started.min_effective_batch} samples a step are required"
        verdict = (f"! {over}", "$warning") if over else ("✓ within the limits", "$success")
        return Content.assemble(figures, "\n", verdict)


def _label(kind: str, chosen: str) -> str:
    """The chosen one has a sign too: the button shows it by colour alone."""
    return f"{kind} {'✓' if kind == chosen else ' '}"


def _field(name: str, text: str) -> Input:
    return Input(text, id=name, compact=True, select_on_focus=False)
