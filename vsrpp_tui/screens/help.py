"""All keys, and what the words on the screens mean."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("f  r", "start screen: go on from the newest checkpoint"),
    ("l  d", "delete the run into its trash and start fresh"),
    ("p", "pause, and go on"),
    ("c", "save a checkpoint now; it is kept"),
    ("v", "validate now, also while paused"),
    ("enter", "settings that may change while training"),
    ("m", "a note at this moment, also in TensorBoard"),
    ("s", "next view: overview, charts, events"),
    ("l", "all events: / searches, f filters, end follows"),
    ("x", "a picture of the screen, into the run's folder"),
    ("ctrl+p", "every action by its name, and the themes"),
    ("b", "TensorBoard beside it, on this machine only"),
    ("q", "save and quit, as ctrl+c does"),
    ("replay", "p or space pauses, ← → 1 %, home, end, + - speed"),
    ("tab", "to a chart: arrows move it, + and - zoom, r resets"),
)
WORDS = (
    ("LR", "the bicubic 3× picture, had without a network"),
    ("KI", "the network's picture"),
    ("GT", "the ground truth, what KI should look like"),
    ("L1 MS Grad", "loss in full size, in half size, and of the edges"),
    ("loss chart", "faint each step, bright the smoothed course"),
    ("validation", "PSNR in dB: solid KI, dotted LR"),
    ("quality", "0.7 · (PSNR − 20) / 30 + 0.3 · SSIM"),
    ("sharpness", "edges of KI over those of the ground truth"),
    ("aggressive", "the edges weigh more, against blur"),
    ("norm, clip", "the gradient's size, and the most let through"),
    ("rate", "learning rate now"),
    ("VRAM peak", "most that training has held on the card"),
    ("own, host", "memory of this program, of the whole machine"),
    ("data wait", "share of the time spent waiting for images"),
)


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss(None)", "Close", id="close_help")
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog wide") as dialog:
            dialog.border_title = "Keys and words"
            dialog.border_subtitle = "↑ ↓ scroll · esc close"
            yield Static(_table(KEYS, 12), markup=False)
            yield Static("")
            yield Static(_table(WORDS, 12), markup=False)


def _table(rows: tuple[tuple[str, str], ...], width: int) -> Content:
    return Content("\n").join(Content.assemble((f"{name:<{width}}", "bold $primary"), text) for name, text in rows)
