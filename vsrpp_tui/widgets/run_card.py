"""What a run contains and what it is trained on, in a few lines: for the start screen."""

import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from vsrpp_core.messages.events import RunBranched
from vsrpp_core.run.folder import CheckpointInfo, RunSummary
from vsrpp_core.run.names import home_for_short, in_home
from vsrpp_tui.widgets.pick_list import Row, remark
from vsrpp_tui.widgets.text import duration, file_size, percent, shortened, spread, wrapped

if TYPE_CHECKING:
    from vsrpp_core.data.stacked import DatasetSummary

LABEL = 10
"""Width of the words before the dataset's figures."""

LONGEST_NAME = 28
MARK = 2
"""Cells before the name of a run, for the sign of a marked one."""

RECENT = "recent "
"""Before the number of a recent run: the key of its row."""


def run_card(path: Path, run: RunSummary | None, width: int) -> Content:
    """The run's name and folder, then its progress and contents; ``run`` is None until it was read."""
    folder = path.absolute()
    name = Content.styled(folder.name, "bold")
    place = shortened(home_for_short(folder.parent), width - name.cell_length - 2)
    title = spread(name, Content.styled(place, "$secondary"), width)
    return Content("\n").join((title, *(_run_lines(run, width) if run else (Content("…"),))))


def _run_lines(run: RunSummary, width: int) -> tuple[Content, ...]:
    if run.problem:
        return (Content.styled(run.problem.replace(f"{in_home('~')}/", "~/"), "$warning"),)
    if run.locked_by:
        reason = f"being trained by another process (PID {run.locked_by}); stop it, or choose another run"
        return (Content.styled(reason, "$warning"),)
    damaged = (f" · {run.n_damaged} damaged", "$warning") if run.n_damaged else ""
    newest = run.newest
    if newest is None:
        text = "holds files but no readable checkpoint" if damaged else "holds files but no checkpoint"
        return (Content.assemble((text if run.exists else "nothing trained yet", "$secondary"), damaged),)
    age = duration(max(time.time() - newest.saved_at, 0))
    held = f"last checkpoint {age} ago · {run.n_files:,} files · {file_size(run.size)}"
    reached = (Content(_reached(newest, run.max_steps)), Content.assemble((held, "$secondary"), damaged))
    if not run.ancestry:
        return reached
    words = "branched " + ", which came ".join(map(origin_of, reversed(run.ancestry)))
    return (*reached, Content.styled("\n".join(wrapped(words, width)), "$secondary"))


def origin_of(branching: RunBranched) -> str:
    return f"from {Path(branching.parent).name} at step {branching.step:,}"


def _reached(newest: CheckpointInfo, max_steps: int) -> str:
    if not newest.is_described:
        return f"{newest.name} · what it holds is read when it is resumed"
    best = f"best {percent(newest.best_quality)} at {newest.best_step:,}" if newest.best_step else "not validated yet"
    return f"step {newest.step:,} of {max_steps or newest.max_steps:,} · epoch {newest.epoch} · {best}"


def dataset_card(summary: "DatasetSummary | None", root: Path | None, width: int) -> Content:
    """What a run is trained on, in lines of ``width`` cells."""
    label = (f"{'Dataset':<{LABEL}}", "$secondary")
    if summary is None:
        advice = "give one with --data ROOT; vsrpp prepare makes it"
        return Content.assemble(label, "none named yet\n", (f"{'':{LABEL}}{advice}", "$secondary"))
    if summary.problem:
        return Content.assemble(label, (summary.problem, "$warning"))
    pairs = f"{summary.train:,} training · {summary.val:,} validation · {summary.geometry}"
    place = home_for_short(root) if root else ""
    left_out = (f"\n{'':{LABEL}}{summary.left_out}" if summary.left_out else "", "$warning")
    figures = f"\n{'':{LABEL}}".join(wrapped(pairs, max(width - LABEL, LABEL)))
    return Content.assemble(label, f"{figures}\n", (f"{'':{LABEL}}{place}", "$secondary"), left_out)


def demo_card() -> Content:
    return Content.assemble((f"{'Dataset':<{LABEL}}", "$secondary"), "photographs seen by a moving camera, made here")


def unread_card() -> Content:
    return Content.assemble((f"{'Dataset':<{LABEL}}", "$secondary"), "…")


def recent_rows(
    runs: Sequence[RunSummary], problem: str, width: int, marked: Collection[Path], about: str
) -> Iterator[Row]:
    """The recent runs under their heading, each ``width`` cells wide, with a sign of whether it is ``marked``.

    ``about``: what marks are for. ``problem``: why the list could not be saved.
    """
    if problem:
        yield from (remark(), remark(problem))
    if not runs:
        return
    heading = Content.styled("Recent runs", "$secondary")
    yield from (remark(), remark(spread(heading, Content.styled(about, "$secondary"), width)))
    room = width - MARK
    name_width = min(max(len(run.path.name) for run in runs), LONGEST_NAME, room // 3)
    for index, run in enumerate(runs):
        sign = ("● ", "$primary") if run.path in marked else ("○ ", "$secondary")
        line = _recent_line(run, name_width, room)
        yield Row(Content.assemble(sign, line), f"{RECENT}{index}", can_mark=True)


def _recent_line(run: RunSummary, name_width: int, width: int) -> Content:
    """Name, progress, and the run that it comes from, or its folder; in a narrow place that run has its own line."""
    name, newest = Content(run.path.name).truncate(name_width, ellipsis=True), run.newest
    origin = origin_of(run.ancestry[-1]) if run.ancestry else ""
    if newest is None or not newest.is_described:
        text, state = ("not described" if newest else "nothing trained yet"), ""
    else:
        text = f"{newest.step:>9,} of {run.max_steps or newest.max_steps:<9,}"
        state = "in use" if run.locked_by else "done" if run.is_complete else ""
    figures = f"{text:<22}  {state:<6}"
    room = width - name_width - 2 - len(figures)
    beside = origin if origin and len(origin) + 2 <= room else shortened(home_for_short(run.path.parent), room - 2)
    below = (f"\n{' ' * MARK}{origin}" if origin and beside != origin else "", "$secondary")
    if room < 0:
        short = Content("  ".join(filter(None, (" ".join(text.split()), state))))
        return Content.assemble(spread(Content(run.path.name), short, width), below)
    gap = " " * (name_width - name.cell_length + 2)
    return Content.assemble(name, gap, figures, (f"  {beside}", "$secondary"), below)
