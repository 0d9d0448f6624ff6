"""The rungs of auto-tune as rows of a table, and one of them in full.

Pure pictures of the state; the screen that shows them is screens/tune.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widgets import OptionList

from vsrpp_core.messages import events as ev
from vsrpp_tui.state.tuning import RungState, Tuning
from vsrpp_tui.widgets.pick_list import PickList, Row
from vsrpp_tui.widgets.text import bar, gigabytes

LIMIT_AT = 0.8
"""Where on a bar of seconds the limit is drawn, so that there is room to show times beyond it."""

WIDE, SLIM, UPRIGHT = 97, 75, 55
"""Cells of a row from which parameters and checkpointing have columns, below which the bar has none, and below which
one column has the seconds: the measured ones, until then the predicted ones."""

VERDICT = 17
"""Cells that every short verdict fits in."""

BAR, FIGURE = 40, 9
"""Most cells of the memory column, and those of its figure."""


@dataclass(frozen=True)
class Column:
    """``width`` includes the space before it."""

    name: str
    width: int
    left: bool = False


def columns(width: int) -> tuple[Column, ...]:
    """The columns of a row of ``width`` cells, and their widths; the verdict's takes the rest."""
    if width < UPRIGHT:
        return _filled((Column("#", 1), Column("feats", 6), Column("blocks", 7), Column("time", 8)), width)
    if width < SLIM:
        head = [Column("#", 1), Column("feats", 6), Column("blocks", 7), Column("batch", 7)]
        tail = [Column("pred.", 8), Column("measured", 9)]
        return _filled((*head, *tail), width)
    if width < WIDE:
        head = [Column("#", 1), Column("feats", 6), Column("blocks", 7), Column("batch", 8)]
        tail = [Column("predicted", 15), Column("measured", 9), Column("memory", 12, left=True)]
        return _filled((*head, *tail), width)
    head = [Column("#", 1), Column("feats", 7), Column("blocks", 8), Column("batch", 11), Column("params", 9)]
    tail = [Column("checkpointing", 15), Column("predicted", 16), Column("measured", 10)]
    if width < WIDE + 15:
        tail[0] = Column("checkp.", 9)
    used = sum(column.width for column in (*head, *tail))
    memory = min(max(width - used - VERDICT, 9), BAR)
    return _filled((*head, *tail, Column("memory", memory, left=True)), width)


def _filled(fixed: Sequence[Column], width: int) -> tuple[Column, ...]:
    used = sum(column.width for column in fixed)
    return (*fixed, Column("verdict", max(width - used, VERDICT), left=True))


def headings(width: int) -> Content:
    return Content("").join(_cell(column, Content(column.name)) for column in columns(width))


def rows(tuning: Tuning, width: int, airy: bool = False) -> list[Row]:
    """One for each rung; ``airy``: with an empty line after it."""
    shown, end = columns(width), "\n" if airy else ""
    return [Row(Content.assemble(_row(rung, tuning, shown), end), str(rung.index)) for rung in tuning.rungs]


def _row(rung: RungState, tuning: Tuning, shown: Sequence[Column]) -> Content:
    return Content("").join(_cell(column, _text(column, rung, tuning)) for column in shown)


def _cell(column: Column, text: Content) -> Content:
    gap = 2 if column.left else 0
    room = column.width - gap
    text = text.truncate(room, ellipsis=True) if text.cell_length > room else text
    space = " " * (room - text.cell_length)
    return Content.assemble(" " * gap, text, space) if column.left else Content.assemble(space, text)


def _text(column: Column, rung: RungState, tuning: Tuning) -> Content:
    p = rung.predicted
    dim = "$secondary" if _is_out(rung) else ""
    match column.name:
        case "#":
            return Content.styled(str(rung.index), dim)
        case "feats":
            return Content.styled(str(p.n_feats), dim)
        case "blocks":
            return Content.styled(str(p.n_blocks), dim)
        case "batch":
            sign = " = " if column.width > 9 else "="
            return Content.styled(f"{p.batch_size}×{p.accumulation}{sign}{p.batch_size * p.accumulation}", dim)
        case "params":
            return Content.styled(f"{p.parameters / 1e6:.1f} M", dim)
        case "checkpointing" | "checkp.":
            return Content.styled(_kind(rung.checkpointing), dim)
        case "predicted" | "pred.":
            return Content.styled(_predicted(rung, column.width), "$secondary")
        case "time" if not math.isfinite(rung.seconds):
            return Content.styled(_predicted(rung, column.width), "$secondary")
        case "measured" | "time":
            return _measured(rung, tuning)
        case "memory":
            return _memory(rung, tuning, column.width - 2)
        case _:
            return Content.styled(*verdict(rung, tuning, column.width - 2))


def _kind(checkpointing: str) -> str:
    return "–" if checkpointing == "none" else checkpointing


def _is_out(rung: RungState) -> bool:
    """Whether it was passed over."""
    tried = rung.decisive
    return bool(rung.predicted.fault) if tried is None else not (tried.memory_peak or tried.passed)


def seconds_text(seconds: float) -> str:
    """Three figures: a step may take milliseconds or minutes."""
    if not math.isfinite(seconds):
        return "?"
    return f"{seconds:.0f} s" if seconds >= 99.5 else f"{seconds:.1f} s" if seconds >= 9.95 else f"{seconds:.2f} s"


def _predicted(rung: RungState, width: int) -> str:
    """For the kind of checkpointing that the row shows."""
    source = rung.decisive or rung.predicted
    seconds, memory = seconds_text(source.predicted_seconds), gigabytes(source.predicted_memory)
    return seconds if width < 14 else f"{seconds} {memory:>4} GB"


def _measured(rung: RungState, tuning: Tuning) -> Content:
    seconds, limit = rung.seconds, tuning.started.max_seconds if tuning.started else math.inf
    if not math.isfinite(seconds):
        return Content.styled("–", "$secondary")
    return Content.styled(seconds_text(seconds), "$error" if seconds > limit else "")


def _memory(rung: RungState, tuning: Tuning, width: int) -> Content:
    """A bar with the limit marked, and the figure if there is room."""
    started, figure = tuning.started, width >= 10 + FIGURE
    if not started or not rung.memory or not started.device_memory:
        return Content.styled("–", "$secondary")
    share = rung.memory / started.device_memory
    style = "$error" if share > started.max_memory else "$primary"
    drawn = bar(share, width - FIGURE if figure else width, style, started.max_memory)
    return Content.assemble(drawn, f" {gigabytes(rung.memory):>5} GB") if figure else drawn


LONG_VERDICT = 40
"""Cells from which the verdict is shown in full."""


def verdict(rung: RungState, tuning: Tuning, room: int = 0) -> tuple[str, str]:
    """In words, with a sign; and its colour."""
    tried, predicted = rung.decisive, rung.predicted
    if tuning.measuring and tuning.measuring.index == rung.index:
        return "… measuring", "$primary"
    if tried is None:
        if predicted.fault:
            return f"skipped: {predicted.fault}", "$secondary"
        if tuning.chosen and tuning.chosen.index == rung.index:
            return "chosen", "$success"
        return _predicted_verdict(predicted, tuning, room), "$secondary"
    words, style = _judged(tried)
    return (f"{words[0] if tried.memory_peak else '–'} {tried.verdict}" if room >= LONG_VERDICT else words), style


def _predicted_verdict(predicted: ev.ConfigurationPredicted, tuning: Tuning, room: int) -> str:
    if predicted.is_preset:
        return predicted.verdict
    if any(rung.passed for rung in tuning.rungs):
        return "not needed"
    return predicted.verdict if room >= LONG_VERDICT else "may fit"


def _judged(tried: ev.ConfigurationTried) -> tuple[str, str]:
    if tried.passed:
        return "✓ passes", "$success"
    if not tried.memory_peak:
        return {"": tried.verdict, "brake": "unlikely"}.get(tried.fault, f"skipped: {tried.fault}"), "$secondary"
    if tried.fault == "time":
        return "✗ too slow", "$error"
    return ("✗ too large" if math.isfinite(tried.seconds_per_step) else "✗ out of memory"), "$error"


# one rung in full


def details(rung: RungState, tuning: Tuning, width: int) -> Content:
    """Its sizes, time and memory against their limits, and the result of each try."""
    p, started = rung.predicted, tuning.started
    kind = "" if rung.checkpointing == "none" else f", checkpointing {rung.checkpointing}"
    sizes = (
        f"{p.n_feats} feature maps, {p.n_blocks} blocks, batch {p.batch_size} × {p.accumulation} = "
        f"{p.batch_size * p.accumulation}{kind}"
    )
    parameters = f"{p.parameters / 1e6:.2f} M parameters"
    first = Content.assemble((f"row {rung.index}  ", "bold $primary"), sizes)
    if first.cell_length + len(parameters) + 3 <= width:
        first = Content.assemble(first, (f" · {parameters}", "$secondary"))
    rows = [first]
    if started:
        rows += [_time_bar(rung, started, width), _memory_bar(rung, started, width)]
    tries = [
        f"{tried.checkpointing}: {tried.verdict}" if len(rung.tries) > 1 else tried.verdict for tried in rung.tries
    ]
    rows.append(Content.styled(" · ".join(tries) or p.verdict, "$secondary").truncate(max(width, 1), ellipsis=True))
    return Content("\n").join(rows)


def _time_bar(rung: RungState, started: ev.TuningStarted, width: int) -> Content:
    measured = math.isfinite(rung.seconds)
    seconds = rung.seconds if measured else (rung.decisive or rung.predicted).predicted_seconds
    share = LIMIT_AT * seconds / started.max_seconds if started.max_seconds else math.nan
    figures = f"{seconds_text(seconds)} of {started.max_seconds:g} s"
    return _gauge("time", share, LIMIT_AT, figures, measured, width)


def _memory_bar(rung: RungState, started: ev.TuningStarted, width: int) -> Content:
    measured = bool(rung.memory)
    memory = rung.memory or (rung.decisive or rung.predicted).predicted_memory
    figures = f"{gigabytes(memory)} of {gigabytes(started.max_memory * started.device_memory)} GB"
    return _gauge("memory", memory / max(started.device_memory, 1), started.max_memory, figures, measured, width)


def _gauge(name: str, share: float, limit: float, figures: str, measured: bool, width: int) -> Content:
    how = f"  {'measured' if measured else 'predicted':<9}" if width >= UPRIGHT else ""
    style = "$error" if share > limit else "$primary" if measured else "$secondary"
    text = f"{figures:>18}{how}"
    room = min(max(width - len(text) - 10, 6), 60)
    return Content.assemble((f"{name:<7}", "$secondary"), bar(share, room, style, limit), " ", text)


class RungList(PickList):
    """The rows. Posts OptionHighlighted only when the user moves, not when the search moves the cursor."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, one_click=False)

    def show(self, rows: Sequence[Row], first: str = "") -> None:
        with self.prevent(OptionList.OptionHighlighted):
            super().show(rows, first)

    def go_to(self, key: str) -> None:
        with self.prevent(OptionList.OptionHighlighted):
            self.highlighted = self.get_option_index(key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter is the screen's: it may have another key."""
        return False if action == "select" else super().check_action(action, parameters)

    def on_resize(self) -> None:
        """With less room, keep the highlighted row visible."""
        self.call_after_refresh(self.scroll_to_highlight)
