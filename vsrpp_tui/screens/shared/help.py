"""The keys of a screen, and what the words on it mean."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from vsrpp_core.run.config import ClippingConfig, LossConfig, ScheduleConfig
from vsrpp_tui.screens.shared.key_rows import EVERYWHERE, KeyRow
from vsrpp_tui.widgets.panels.machine import WAIT_WORTH_A_WORD
from vsrpp_tui.widgets.text import wrapped

NARROW = 60
"""Cells of a screen on which the border has less to say."""

COLUMN, GAP = 12, 2
"""Cells of a key or word before what it means, and the least between the two."""

WORDS = (
    ("LR", "the bicubic picture, made without a network"),
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


_SCHEDULE, _CLIPPING, _LOSS = ScheduleConfig(), ClippingConfig(), LossConfig()
PANELS = {
    "loss": (
        ("figures", "the three parts, and the total by the weights of now"),
        ("curve", "faint each step, bright the mean of many"),
        ("should be", "steep, then ever flatter; single peaks are batches"),
    ),
    "validation": (
        ("figures", "of the whole set: LR without, KI with the network"),
        ("best", "kept as checkpoint_best.pth, for upscaling"),
        ("should be", "KI above LR and rising; if it falls: more footage"),
        ("v", "validate now"),
    ),
    "adaptive": (
        ("bars", "weights of L1, MS and Grad; together they are 1"),
        ("sharpness", "edges of KI over those of the ground truth"),
        ("of its best", "0 is bicubic's sharpness, 1 the best KI has shown"),
        ("Grad", f"gains weight below {_LOSS.blurred_below:g} of its best, loses above {_LOSS.sharp_above:g}"),
        ("aggressive", f"the edges weigh more, from {_LOSS.aggressive_below:g} of its best down"),
        ("enter", "fix the weights, or let them adapt again"),
    ),
    "gradient": (
        ("norm", "the gradient's size at each step"),
        ("clip", f"{_CLIPPING.percentile:g}th percentile of the last {_CLIPPING.window}; more is cut"),
        ("should be", "the norm below the clip for most steps"),
    ),
    "rate": (
        ("curve", "bright what was, dotted what is planned, ● now"),
        (
            "plateau",
            f"{_SCHEDULE.plateau_validations} validations without progress: rate × {_SCHEDULE.plateau_factor:g}",
        ),
        ("enter", "the factor, the ends and the patience"),
    ),
    "memory": (
        ("peak", "the most training has held; the bar ends at the limit"),
        ("°C W MHz", "the card's health; in yellow what holds its clock down"),
        ("data wait", f"above some {WAIT_WORTH_A_WORD:.0%}: data.workers, or `vsrpp cache`"),
        ("curve", "seconds a step"),
    ),
    "report": (
        ("▸", "what limits the run now, and what would help"),
        ("learning", "PSNR gained an hour lately, and how sure that is"),
        ("loss", "falls while validation stands: more footage helps"),
    ),
    "activity": (
        ("bars", "mean |feature| after each block of both trunks"),
        ("should be", "rising gently along a trunk; a block at 0 is dead"),
    ),
    "pictures": (
        ("LR KI GT", "bicubic, the network, the ground truth"),
        ("detail", "cut out where LR misses most"),
    ),
    "events": (("✓ ! ✗", "good news, a warning, a fault"),),
}
"""By the id of a panel, what its help begins with."""


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss(None)", "Close", id="close_help")
    ]

    def __init__(self, keys: Sequence[KeyRow] = (), panel: str = "", name: str = "") -> None:
        """``keys`` of the screen below; ``panel``: id of the panel the user is looking at, ``name`` its title."""
        super().__init__()
        self._keys, self._about, self._title = keys, PANELS.get(panel, ()), name

    def compose(self) -> ComposeResult:
        keys = [(" ".join(keys), about) for keys, about in (*self._keys, *EVERYWHERE)]
        with VerticalScroll(classes="dialog wide") as dialog:
            dialog.border_title = f"{self._title} · keys and words" if self._about else "Keys and words"
            scrolled = "↑ ↓ or wheel scroll" if self.app.size.width >= NARROW else "↑ ↓ scroll"
            dialog.border_subtitle = f"{scrolled} · esc or a click closes"
            yield _Tables([rows for rows in (self._about, keys, WORDS) if rows])

    def on_click(self) -> None:
        self.dismiss(None)


class _Tables(Static):
    """Names and what they mean, which stays in its column."""

    def __init__(self, tables: Sequence[Sequence[tuple[str, str]]]) -> None:
        super().__init__(markup=False)
        self._tables = tables

    def on_resize(self) -> None:
        self.update(Content("\n\n").join(_table(rows, self.content_size.width) for rows in self._tables))


def _table(rows: Sequence[tuple[str, str]], width: int) -> Content:
    lines = []
    for name, text in rows:
        column = max(COLUMN, len(name) + GAP)
        first, *more = wrapped(text, max(width - column, COLUMN))
        lines.append(Content.assemble((f"{name:<{column}}", "bold $primary"), first))
        lines += [Content(" " * column + line) for line in more]
    return Content("\n").join(lines)
