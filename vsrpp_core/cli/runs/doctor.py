"""``vsrpp doctor``: what this machine will do to a long run, before it is begun."""

import argparse
from typing import TYPE_CHECKING

from vsrpp_core.cli.shared.console import EXIT_DONE, EXIT_FAILED, Terminal, strict_json
from vsrpp_core.cli.shared.options import add_run_to_examine

if TYPE_CHECKING:
    from vsrpp_core.doctor.findings import Finding, Outlook, Verdict

MARKS: dict["Verdict", tuple[str, str]] = {
    "good": ("✓", "green"),
    "warning": ("!", "yellow"),
    "fault": ("✗", "red"),
    "unknown": ("?", "yellow"),
}
PLAIN_MARKS: dict["Verdict", str] = {"good": "ok", "warning": "!", "fault": "X", "unknown": "?"}
WIDTH = 15
"""Of the first column."""


def add_options(parser: argparse.ArgumentParser) -> None:
    add_run_to_examine(parser, "looked at", "one line of JSON for each check, for scripts")


def run(options: argparse.Namespace) -> int:
    """Status 1 where a check found a fault, which would stop or damage a run."""
    from vsrpp_core.doctor.examine import examine
    from vsrpp_core.doctor.findings import Outlook

    terminal, has_fault = Terminal(), False
    for found in examine(options.run, options.data):
        if isinstance(found, Outlook):
            _end(terminal, found, options.json)
            continue
        has_fault = has_fault or found.verdict == "fault"
        if options.json:
            terminal.say(strict_json(found.as_json()))
        else:
            _say(terminal, found)
    return EXIT_FAILED if has_fault else EXIT_DONE


def _say(terminal: Terminal, finding: "Finding") -> None:
    from vsrpp_core.doctor.words import next_step, seen, title

    mark, style = MARKS[finding.verdict]
    if not _has_unicode(terminal):
        mark = PLAIN_MARKS[finding.verdict]
    terminal.say(f"{mark:2} {title(finding):{WIDTH}} {seen(finding)}", style=None if mark in ("✓", "ok") else style)
    if advice := next_step(finding):
        terminal.say(f"{'':{WIDTH + 3}} {advice}")


def _end(terminal: Terminal, outlook: "Outlook", as_json: bool) -> None:
    from dataclasses import asdict

    from vsrpp_core.doctor.words import outlook_in_words

    if as_json:
        terminal.say(strict_json({"check": "Outlook", **asdict(outlook)}))
    else:
        terminal.say("", outlook_in_words(outlook), style="bold")


def _has_unicode(terminal: Terminal) -> bool:
    return terminal.encoding.lower().startswith("utf")
