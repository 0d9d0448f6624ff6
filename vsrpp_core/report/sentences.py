"""The words for a report: what limits the run and what helps, and a sentence for each figure.

Separate from the verdict, which is data, and from the command line, because the screen says the same.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from vsrpp_core.report.verdict import Finding, Kind, Report

NAMES: dict[Kind, str] = {
    "lost": "lost",
    "learning": "learning",
    "waiting": "waiting",
    "rate": "rate",
    "data": "training loss",
    "gradients": "gradients",
    "noise": "batches",
    "size": "network",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    name: str
    text: str
    is_limit: bool


def heading(report: Report) -> str:
    reached = f"step {report.step:,} of {report.max_steps:,}, {duration(report.hours)} of work"
    if math.isnan(report.psnr):
        return f"{reached}; not validated yet"
    return f"{reached}; {report.psnr:.2f} dB, {report.psnr - report.lr_psnr:+.2f} dB over bicubic"


def verdict(report: Report) -> str:
    """What limits the run, and what helps."""
    rate = report.finding("rate")
    match report.limit:
        case "lost":
            return "the network is lost: training longer will not bring it back"
        case "waiting":
            return "waiting for data limits it: a faster disk, `vsrpp cache` or more data.workers help"
        case "rate":
            since = f"the learning rate is at its least since step {rate.since:,}" if rate else ""
            if rate and rate.cut * rate.factor < 1:
                return f"{since}; lift schedule.factor (to {1 / rate.cut:.3g} for the rate as planned)"
            return f"{since}; raise training.max_steps"
        case "learning":
            return "time limits it: more of the same will help"
        case "data":
            return "footage limits it: the network still learns its training pairs, but nothing that helps on others"
        case "noise":
            return "the batches limit it: finish now to let the rate fall, or double the batch"
        case "size":
            return "size limits it: more of the same will not help; a larger network may"
        case _:
            return "too early to say"


def sentences(report: Report) -> Iterator[Sentence]:
    """One for each figure, in the order of judging."""
    for finding in report.findings:
        yield Sentence(NAMES[finding.kind], _sentence(finding, report), finding.kind == report.limit)


def _sentence(finding: Finding, report: Report) -> str:
    value, uncertainty = finding.value, finding.uncertainty
    if math.isnan(value):
        return "not known yet"
    match finding.kind:
        case "lost":
            return f"{value:.1f} dB below bicubic or its own best since step {finding.since:,}"
        case "learning":
            verdict = "" if value > uncertainty else ": no more than its noise"
            over = f"the newest {report.validations} validations ({duration(report.span_hours)})"
            return f"{value:+.3g} ± {uncertainty:.2g} dB an hour over {over}{verdict}"
        case "waiting":
            return f"{value:.0%} of the time went into waiting for data"
        case "rate":
            cut = f", multiplied by {finding.cut:.3g} by plateaus and rollbacks" if finding.cut != 1 else ""
            cut += f", by {finding.factor:.3g} by schedule.factor" if finding.factor != 1 else ""
            least = f", its least since step {finding.since:,}" if finding.since else ""
            return f"{value:.3g}{least}{cut}"
        case "data":
            verdict = (
                "falls" if value < -uncertainty else "rises" if value > uncertainty else "stands, within its noise"
            )
            return f"{verdict}: {value:+.1%} ± {uncertainty:.1%} over the same validations"
        case "gradients":
            verdict = (
                "steps undo one another"
                if value < -uncertainty
                else "steps go one way"
                if value > uncertainty
                else "noise, as far as can be told"
            )
            return f"{verdict}: successive ones agree by {value:+.1%} ± {uncertainty:.1%}"
        case "noise":
            return f"their loss scatters by {value:.0%} from one to the next"
        case "size":
            return f"{value / 1e6:.2f} M parameters"


def duration(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"
