"""What the run learned lately and what limits it, as ``vsrpp report`` prints it."""

from collections.abc import Iterator

from textual.content import Content

from vsrpp_core.report.sentences import Sentence, heading, sentences, verdict
from vsrpp_core.report.verdict import Report, judge
from vsrpp_tui.state.run import RunState
from vsrpp_tui.widgets.panels.panel import Panel, lines
from vsrpp_tui.widgets.text import wrapped

NAME_WIDTH = 16


class ReportPanel(Panel):
    """The verdict, and a sentence for each figure; the one that limits the run stands out."""

    def picture(self, state: RunState, width: int) -> Content:
        if state.record.started is None:
            return Content.styled("waiting for the first step", "$secondary")
        return lines(*_rows(judge(state.record), width))


def _rows(report: Report, width: int) -> Iterator[Content]:
    style = "$error" if report.limit == "lost" else "$success" if report.limit == "learning" else "$warning"
    yield Content.styled(heading(report), "$secondary")
    for line in wrapped(verdict(report), width):
        yield Content.styled(line, f"bold {style}" if report.limit else "bold")
    yield Content("")
    for sentence in sentences(report):
        yield from _sentence(sentence, width, style)


def _sentence(sentence: Sentence, width: int, style: str) -> Iterator[Content]:
    mark = "▸ " if sentence.is_limit else "  "
    first, *rest = wrapped(sentence.text, max(width - NAME_WIDTH - 2, 16))
    words = style if sentence.is_limit else ""
    yield Content.assemble((mark, style), (f"{sentence.name:<{NAME_WIDTH}}", "$secondary"), (first, words))
    for line in rest:
        yield Content.assemble(" " * (NAME_WIDTH + 2), (line, words))
