"""``vsrpp check``: all that is wrong with a dataset, and what can be moved aside."""

import argparse
import os
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from vsrpp_core.cli.shared.console import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    Progressed,
    ProgressView,
    Terminal,
    on_signals,
    same_command,
)
from vsrpp_core.errors import UsageError, command
from vsrpp_core.run.names import place

if TYPE_CHECKING:
    from vsrpp_core.data.check import CheckReport, Problem
    from vsrpp_core.data.quarantine import Group
    from vsrpp_core.data.resize import Downscaling


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=place, metavar="ROOT", help="the dataset's folder")
    parser.add_argument("--fix", action="store_true", help="move bad pairs into ROOT/.aside; nothing is deleted")
    parser.add_argument("--dry-run", action="store_true", help="with --fix: only say what would be moved")
    parser.add_argument(
        "--remarks-too", action="store_true", help="with --fix: also move pairs that can be used but are unusual"
    )
    parser.add_argument(
        "--complete",
        choices=("BI", "BD"),
        help="first make the LR stacks of ground truths in Val that have none: a pan of a pixel a frame, shrunk by "
        "bicubic, or by Gaussian blur and subsampling",
    )


def run(options: argparse.Namespace) -> int:
    if (options.dry_run or options.remarks_too) and not options.fix:
        raise UsageError(f"{'--dry-run' if options.dry_run else '--remarks-too'} says how to fix; add --fix")
    if options.complete and options.dry_run:
        raise UsageError("--complete writes files, which --dry-run is to prevent; leave out one of them")
    if options.complete and not _complete(options.root, options.complete):
        return EXIT_INTERRUPTED
    return show_check(options.root, options.fix, options.remarks_too, options.dry_run)


def show_check(root: Path, fix: bool = False, remarks_too: bool = False, dry_run: bool = False) -> int:
    """List all that is wrong; with ``fix`` move bad pairs aside, or with ``dry_run`` only say which."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: small products, and threads already at work
    from vsrpp_core.data.quarantine import groups_to_move

    terminal, stopping = Terminal(), Event()
    with on_signals(stopping.set):
        report = _check(terminal, root, stopping)
        if report is None:
            terminal.say("stopped before everything was read; nothing was changed")
            return EXIT_INTERRUPTED
        terminal.say(*map(str, report.problems), style="red")
        terminal.say(str(report))
        groups = groups_to_move(report.problems, remarks_too)
        if fix:
            return _fix(terminal, report, groups, dry_run, stopping)
    if groups:
        terminal.say(
            f"`{command('vsrpp', 'check', root, '--fix')}` moves what cannot be trained on aside; "
            "it can be brought back"
        )
    return EXIT_FAILED if report.problems else EXIT_DONE


def _complete(root: Path, degradation: "Downscaling") -> bool:
    """Make the stacks and say how many; False where it was stopped."""
    from vsrpp_core.data.complete import complete

    terminal, stopping, made = Terminal(), Event(), 0
    with ProgressView(terminal) as view, on_signals(stopping.set), closing(complete(root, degradation)) as steps:
        for step in steps:
            made = step.done
            view.show(Progressed(step.task, step.done, step.total))
            if stopping.is_set():
                break
    terminal.say(f"{root}: {made:,} LR stacks made in Val, each a pan over its ground truth, by {degradation}")
    return not stopping.is_set()


def _check(terminal: Terminal, root: Path, stopping: Event) -> "CheckReport | None":
    """None where it was stopped."""
    from vsrpp_core.data.check import CheckReport, check

    with ProgressView(terminal) as view, closing(check(root)) as steps:
        for step in steps:
            if isinstance(step, CheckReport):
                return step
            view.show(Progressed("checking", step.done, step.total))
            if stopping.is_set():
                return None
    raise AssertionError("a check ends with its report")


def _fix(terminal: Terminal, report: "CheckReport", groups: "list[Group]", dry_run: bool, stopping: Event) -> int:
    root, left = report.root, _left(report.problems, groups)
    if not groups:
        terminal.say("nothing is moved: " + ("moving would not help" if left else "nothing is wrong"))
    elif dry_run:
        terminal.say(*(f"would move {' and '.join(map(str, group.files))}" for group in groups))
        terminal.say(f"without --dry-run, {_count(groups)} would be moved into a folder of {root / '.aside'}")
        return EXIT_FAILED
    elif rest := _move(terminal, root, groups, stopping):
        where = "stays where it is" if len(rest) == 1 else "stay where they are"
        terminal.say(f"stopped; {_count(rest)} {where}; continue with: {same_command()}")
        return EXIT_INTERRUPTED
    terminal.say(*_remaining(left))
    return EXIT_FAILED if left else EXIT_DONE


def _left(faults: "tuple[Problem, ...]", groups: "list[Group]") -> "list[Problem]":
    """What moving ``groups`` does not fix."""
    moved = {group.files for group in groups}
    return [fault for fault in faults if fault.files not in moved]


def _move(terminal: Terminal, root: Path, groups: "list[Group]", stopping: Event) -> "list[Group]":
    """Those that stay because it was stopped."""
    from vsrpp_core.data.quarantine import REASONS_NAME, move_aside, moved_groups

    target = move_aside(root, groups, stopping.is_set)
    back = command("cp", "-Rn", f"{target}/.", f"{root}/")
    if moved := moved_groups(groups):
        terminal.say(
            f"moved {_count(moved)} into {target}, where {REASONS_NAME} says why; nothing was deleted",
            f"to bring them back, move the folders in it to {root}, e.g. {back}",
        )
    return [group for group in groups if group not in moved]


def _remaining(left: "list[Problem]") -> list[str]:
    remarks = sum(fault.is_remark for fault in left)
    lines = [f"to be fixed by hand: {fault.text}" for fault in left if not fault.is_remark]
    if remarks:
        count = "1 remark" if remarks == 1 else f"{remarks:,} remarks"
        lines.append(f"{count} about pairs that can be trained on stay; --remarks-too moves them as well")
    return lines


def _count(groups: "list[Group]") -> str:
    pairs, singles = (sum((len(group.files) == 2) is whole for group in groups) for whole in (True, False))
    counts = [f"{pairs:,} {'pair' if pairs == 1 else 'pairs'}"] if pairs else []
    counts += [f"{singles:,} {'file' if singles == 1 else 'files'} without a partner"] if singles else []
    return " and ".join(counts)
