"""What ``vsrpp check`` and ``vsrpp cache`` show: a line of progress, then what was found, moved or made."""

import os
import time
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import TimeRemainingColumn

from vsrpp_core.cli.console import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    StageLine,
    on_signals,
    progress_line,
    same_command,
)
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import PreparationProgressed
from vsrpp_core.run.disk import size_in_words

if TYPE_CHECKING:
    from vsrpp_core.data.check import CheckReport, Fault
    from vsrpp_core.data.quarantine import Group


def show_check(root: Path, fix: bool = False, remarks_too: bool = False, dry_run: bool = False) -> int:
    """List all that is wrong; with ``fix`` move bad pairs aside, or with ``dry_run`` only say which."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: small products, and threads already at work
    from vsrpp_core.data.quarantine import to_move

    console, stopping = Console(), Event()
    with on_signals(stopping.set):
        report = _checked(console, root, stopping)
        if report is None:
            _say(console, "stopped before all was read; nothing was changed")
            return EXIT_INTERRUPTED
        for problem in report.problems:
            console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
        _say(console, str(report))
        groups = to_move(report.faults, remarks_too)
        if not fix:
            if groups:
                _say(
                    console, f"`vsrpp check {root} --fix` moves what cannot be trained on aside; it can be brought back"
                )
            return EXIT_FAILED if report.problems else EXIT_DONE
        return _fix(console, report, groups, dry_run, stopping)


def _fix(console: Console, report: "CheckReport", groups: "list[Group]", dry_run: bool, stopping: Event) -> int:
    root, left = report.root, _left(report.faults, groups)
    if not groups:
        _say(console, "nothing is moved: " + ("moving would not mend it" if left else "nothing is wrong"))
    elif dry_run:
        _say(console, *(f"would move {' and '.join(map(str, group.files))}" for group in groups))
        _say(console, f"without --dry-run, {_count(groups)} would be moved into a folder of {root / '.aside'}")
        return EXIT_FAILED
    elif rest := _move(console, root, groups, stopping):
        where = "stays where it is" if len(rest) == 1 else "stay where they are"
        _say(console, f"stopped; {_count(rest)} {where}. Go on with: {same_command()}")
        return EXIT_INTERRUPTED
    _say(console, *_remaining(left))
    return EXIT_FAILED if left else EXIT_DONE


def _checked(console: Console, root: Path, stopping: Event) -> "CheckReport | None":
    """None where it was stopped."""
    from vsrpp_core.data.check import CheckReport, check

    with progress_line(console, TimeRemainingColumn()) as progress, closing(check(root)) as steps:
        line = StageLine(console, progress, "checking")
        for step in steps:
            if isinstance(step, CheckReport):
                return step
            line.show("checking", step.done, step.total)
            if stopping.is_set():
                return None
    raise AssertionError("a check ends with its report")


def _left(faults: "tuple[Fault, ...]", groups: "list[Group]") -> "list[Fault]":
    """What moving ``groups`` does not mend."""
    moved = {group.files for group in groups}
    return [fault for fault in faults if fault.files not in moved]


def _move(console: Console, root: Path, groups: "list[Group]", stopping: Event) -> "list[Group]":
    """Those that stay as it was stopped."""
    from vsrpp_core.data.quarantine import REASONS_NAME, move_aside, moved_of

    target = move_aside(root, groups, stopping.is_set)
    if moved := moved_of(groups):
        _say(
            console,
            f"moved {_count(moved)} into {target}, where {REASONS_NAME} says why; nothing was deleted",
            f"to bring them back, move the folders in it to {root}, e.g. cp -Rn {target}/. {root}/",
        )
    return [group for group in groups if group not in moved]


def _remaining(left: "list[Fault]") -> list[str]:
    remarks = sum(fault.is_remark for fault in left)
    lines = [f"to be mended by hand: {fault.text}" for fault in left if not fault.is_remark]
    if remarks:
        told = "1 remark" if remarks == 1 else f"{remarks:,} remarks"
        lines.append(f"{told} about pairs that can be trained on stay; --remarks-too moves them as well")
    return lines


def _count(groups: "list[Group]") -> str:
    pairs, singles = (sum((len(group.files) == 2) is whole for group in groups) for whole in (True, False))
    told = [f"{pairs:,} {'pair' if pairs == 1 else 'pairs'}"] if pairs else []
    told += [f"{singles:,} {'file' if singles == 1 else 'files'} without a partner"] if singles else []
    return " and ".join(told)


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


# the cache


def show_cache(root: Path, remove: bool) -> int:
    """Decode the training pairs of a dataset into one file, or delete that file."""
    console = Console()
    if not root.is_dir():
        raise VsrppError(f"{root} is not a folder; name a dataset made by `vsrpp prepare`")
    return _remove_cache(console, root) if remove else _make_cache(console, root)


def _remove_cache(console: Console, root: Path) -> int:
    from vsrpp_core.data.build_disk_cache import remove_cache

    removed = remove_cache(root)
    for path, size in removed:
        _say(console, f"deleted {path}, {size_in_words(size)}; training with data.cache = disk makes it again")
    if not removed:
        _say(console, f"{root} has no cache")
    return EXIT_DONE


def _make_cache(console: Console, root: Path) -> int:
    from vsrpp_core.data.build_disk_cache import find_cache, make_cache
    from vsrpp_core.data.disk_cache import header_for
    from vsrpp_core.data.stacked import DatasetFolder, measure

    pairs = DatasetFolder(root).pairs("train")
    if not pairs:
        raise VsrppError(f"{root} has no training pairs (equal names in Patches/LR and Patches/GT)")
    geometry = measure(pairs[0])
    wanted, begun = header_for(pairs, geometry), time.monotonic()
    told = f"{len(pairs):,} pairs, {size_in_words(wanted.file_bytes)}"
    if found := find_cache(root, wanted):
        _say(console, f"{found} is there already: {told}")
        return EXIT_DONE
    _say(console, f"{root}: decoding {told}")
    stopping, cache = Event(), None
    with progress_line(console, TimeRemainingColumn()) as progress, on_signals(stopping.set):
        line, making = StageLine(console, progress, "decoding"), make_cache(root, pairs, geometry, stopping.is_set)
        with closing(making):
            try:
                while True:
                    event = next(making)
                    if isinstance(event, PreparationProgressed):
                        line.show(event.task, event.done, event.total)
                    else:
                        _say(console, f"warning: {event.message}")
            except StopIteration as end:
                cache = end.value
    if cache is None:
        _say(console, "stopped; nothing is left of it")
        return EXIT_INTERRUPTED
    _say(
        console,
        f"{cache.path}: {told}, in {time.monotonic() - begun:.1f} s",
        "train from it with --set data.cache=disk",
    )
    return EXIT_DONE
