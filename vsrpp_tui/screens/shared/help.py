"""All keys, and what the words on the screens mean."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("f  r", "start screen: the checkpoints; enter goes on"),
    ("l  d", "put the run in its trash, once you typed ja or yes"),
    ("w", "the trash, and the way back from it"),
    ("o", "open another run; recent ones: ↑ ↓ and enter"),
    ("u", "upscale films with a network of this run, or another"),
    ("n", "a new dataset from videos; enter then trains on it"),
    ("k", "read the whole dataset and list its faults"),
    ("in a form", "ctrl+o chooses a file, → takes a suggestion"),
    ("", "ctrl+s begins"),
    ("in a job", "esc stops it; i a detail of the picture, or all of it"),
    ("a", "auto-tune: the network by what this machine carries"),
    ("auto-tune", "enter takes a row, m measures it, esc sets other sizes"),
    ("p", "pause, and go on"),
    ("c", "save a checkpoint now; it is kept"),
    ("v", "validate now, also while paused"),
    ("enter", "settings that may change while training"),
    ("s  S", "next view, view before"),
    ("f", "the panel with the focus on the whole screen; esc back"),
    ("tab", "next panel; a click on a title does what f does"),
    ("r y w", "charts: last steps or all, log or linear, smoothing"),
    ("z Z , . 0", "charts: closer, wider, earlier, later, all steps"),
    ("wheel, drag", "the same; a double click shows all steps again"),
    ("a click", "on a key's word presses it; on VSR++: every action"),
    ("i", "pictures: ← → another sample, + and - a detail of it"),
    ("l", "all events: / searches, f filters, end follows"),
    ("m", "a note at this moment, also in TensorBoard"),
    ("x", "a picture of the screen, into the run's folder"),
    ("ctrl+p", "every action by its name, and the themes"),
    ("b", "TensorBoard beside it, on this machine only"),
    ("q", "save and quit, as ctrl+c does"),
    ("replay", "p or space pauses, ← → 1 %, home, end, + - speed"),
)
WORDS = (
    ("LR", "the bicubic 3× picture, had without a network"),
    ("KI", "the network's picture"),
    ("GT", "the ground truth, what KI should look like"),
    ("L1 MS Grad", "loss in full size, in half size, and of the edges"),
    ("loss chart", "faint each step, bright the smoothed course"),
    ("validation", "PSNR in dB: solid KI, dotted LR"),
    ("rate chart", "bright what was, dotted what is planned, ● now"),
    ("activity", "mean |feature| after each residual block"),
    ("detail", "cut out where LR misses most"),
    ("ckpt block", "activations computed again: less memory, slower"),
    ("quality", "0.7 · (PSNR − 20) / 30 + 0.3 · SSIM"),
    ("sharpness", "edges of KI over those of the ground truth"),
    ("aggressive", "the edges weigh more, against blur"),
    ("norm, clip", "the gradient's size, and the most let through"),
    ("rate", "learning rate now"),
    ("VRAM peak", "most that training has held on the card"),
    ("own, host", "memory of this program, of the whole machine"),
    ("data wait", "share of the time spent waiting for images"),
)


CHART_KEYS = (
    ("r y w", "last steps or all, log or linear, smoothing"),
    ("z Z , . 0", "closer, wider, earlier, later, all steps"),
)
PANELS = {
    "loss": (
        ("figures", "the three parts, and the total by the weights of now"),
        ("curve", "faint each step, bright the mean of many"),
        ("should be", "steep, then ever flatter; single peaks are batches"),
        *CHART_KEYS,
    ),
    "validation": (
        ("figures", "of the whole set: LR without, KI with the network"),
        ("best", "kept as checkpoint_best.pth, for upscaling"),
        ("should be", "KI above LR and rising; if it falls: more footage"),
        ("v", "validate now"),
        *CHART_KEYS,
    ),
    "adaptive": (
        ("bars", "weights of L1, MS and Grad; together they are 1"),
        ("sharpness", "below 0.75 Grad gains weight, above 0.92 it loses"),
        ("aggressive", "below 0.70, or a Grad loss above 0.025: Grad at 0.30"),
        ("enter", "fix the weights, or let them adapt again"),
        *CHART_KEYS,
    ),
    "gradient": (
        ("norm", "the gradient's size at each step"),
        ("clip", "95th percentile of the last 500; larger ones are cut"),
        ("should be", "the norm below the clip for most steps"),
        *CHART_KEYS,
    ),
    "rate": (
        ("curve", "bright what was, dotted what is planned, ● now"),
        ("plateau", "no progress for 300 steps halves the rate, for good"),
        ("enter", "the factor, the ends and the patience"),
        *CHART_KEYS,
    ),
    "memory": (
        ("peak", "the most training has held; the bar ends at the limit"),
        ("data wait", "above some 10 %: data.workers, or `vsrpp cache`"),
        ("curve", "seconds a step"),
        *CHART_KEYS,
    ),
    "activity": (
        ("bars", "mean |feature| after each block of both trunks"),
        ("should be", "rising gently along a trunk; a block at 0 is dead"),
    ),
    "pictures": (
        ("LR KI GT", "bicubic, the network, the ground truth"),
        ("← →", "another sample"),
        ("+ −", "a detail where LR misses most, or all of it"),
    ),
    "events": (
        ("✓ ! ✗", "good news, a warning, a fault"),
        ("l", "the whole log: / searches, f filters, end follows"),
        ("m", "a note of your own at this moment"),
    ),
}
"""What ``?`` tells first of the panel that is looked at, by its id."""


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss(None)", "Close", id="close_help")
    ]

    def __init__(self, panel: str = "", name: str = "") -> None:
        """``panel`` is the id of the one that is looked at, ``name`` its title; empty where there is none."""
        super().__init__()
        self._about, self._title = PANELS.get(panel, ()), name

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog wide") as dialog:
            dialog.border_title = f"{self._title} · keys and words" if self._about else "Keys and words"
            dialog.border_subtitle = "↑ ↓ or wheel scroll · esc or a click closes"
            if self._about:
                yield Static(_table(self._about, 12), markup=False)
                yield Static("")
            yield Static(_table(KEYS, 12), markup=False)
            yield Static("")
            yield Static(_table(WORDS, 12), markup=False)

    def on_click(self) -> None:
        self.dismiss(None)


def _table(rows: tuple[tuple[str, str], ...], width: int) -> Content:
    return Content("\n").join(Content.assemble((f"{name:<{width}}", "bold $primary"), text) for name, text in rows)
