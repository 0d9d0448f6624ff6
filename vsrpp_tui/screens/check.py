"""The check of a dataset at work, and all the faults it found."""

from typing import Any

from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from vsrpp_tui.check_state import CheckState
from vsrpp_tui.screens.job import JobScreen, Progress, progress_lines


class CheckScreen(JobScreen):
    TITLE_WORDS = "check of the dataset"
    WORKING_WORD = "reading every pair"
    KEPT = "A check leaves nothing behind: the next one begins at the first pair again."
    AUTO_FOCUS = "#job-faults"

    def __init__(self, state: CheckState, command: str) -> None:
        super().__init__(state, command)
        self._verdict = Static(id="job-verdict", markup=False)
        self._faults = OptionList(id="job-faults", markup=False, compact=True)
        self._listed: tuple[str, ...] = ()

    def panels(self) -> tuple[Widget, ...]:
        return self._verdict, self._faults

    def bars(self, state: CheckState, width: int) -> tuple[Content, ...]:
        if state.report:
            report = state.report
            shape = f" · {report.geometry}" if report.geometry else ""
            return (
                Content(f"{report.train:,} training · {report.val:,} validation pairs{shape}"),
                Content.styled(str(report.root), "$secondary"),
            )
        progress = state.progress
        if progress is None or state.is_over:
            return (self.ending(state) or Content.styled("looking into the folders …", "$secondary"), Content(""))
        figures = f"{progress.done:,} of {progress.total:,}"
        bars = progress_lines([Progress("pairs read", state.share, figures, state.seconds_left)], width)
        return *bars, Content.styled("what is wrong is told when all are read", "$secondary")

    def ending(self, state: Any) -> Content:
        return Content.styled("stopped", "$warning") if state.phase == "stopped" else super().ending(state)

    def draw_panels(self, state: CheckState) -> None:
        problems = state.report.problems if state.report else ()
        self._verdict.update(_verdict(state))
        self._faults.display = bool(problems)
        if problems != self._listed:
            self._listed = problems
            self._faults.set_options(Option(Content.assemble(("✗ ", "$error"), text)) for text in problems)


def _verdict(state: CheckState) -> Content:
    if state.report is None:
        return Content("")
    count = len(state.report.problems)
    if not count:
        return Content.styled("✓ no problems: every pair can be trained on", "$success")
    found = "1 problem; nothing was changed" if count == 1 else f"{count:,} problems; nothing was changed"
    return Content.styled(f"✗ {found}", "$error")
