"""``vsrpp report``: what a run learned lately, and what limits it."""

import argparse
from dataclasses import asdict

from vsrpp_core.cli.shared.console import EXIT_DONE, EXIT_FAILED, Terminal, strict_json
from vsrpp_core.errors import VsrppError, command, os_errors
from vsrpp_core.messages import journal
from vsrpp_core.report.record import RunRecord
from vsrpp_core.report.sentences import heading, sentences, verdict
from vsrpp_core.report.verdict import Report, judge
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import place

WIDTH = 15
"""Of the first column."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=place, metavar="RUN", help="the run's folder; it may be training")
    parser.add_argument("--json", action="store_true", help="one line of JSON, for scripts")


def run(options: argparse.Namespace) -> int:
    """Status 1 where the run is lost."""
    report = _report_of(RunFolder(options.run))
    terminal = Terminal()
    if options.json:
        terminal.say(strict_json(asdict(report)))
    else:
        _say(terminal, report)
    return EXIT_FAILED if report.limit == "lost" else EXIT_DONE


def _report_of(folder: RunFolder) -> Report:
    record = RunRecord()
    with os_errors(folder.journal, "cannot be read"):
        for event in journal.replay(folder.journal):
            record = record.with_event(event)
    if record.started is None:
        raise VsrppError(
            f"{folder.path} has no journal of a training; train it first with "
            f"`{command('vsrpp', 'train', folder.path, '--data', 'ROOT')}`"
        )
    return judge(record)


def _say(terminal: Terminal, report: Report) -> None:
    terminal.say(heading(report), verdict(report), style="bold")
    for sentence in sentences(report):
        mark = "▸" if sentence.is_limit else " "
        terminal.say(f"{mark} {sentence.name:{WIDTH}} {sentence.text}", style="bold" if sentence.is_limit else None)
