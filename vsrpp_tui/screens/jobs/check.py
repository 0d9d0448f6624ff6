"""The check of a dataset in progress, and the problems it found; bad pairs can be moved aside."""

from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from vsrpp_core.data.check import CheckReport
from vsrpp_core.data.quarantine import groups_to_move
from vsrpp_core.run.names import home_for_short
from vsrpp_tui.screens.jobs.job import JobScreen, Progress, progress_lines
from vsrpp_tui.screens.shared.ask import AskScreen
from vsrpp_tui.state.check_job import CheckState


class CheckScreen(JobScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "m", "move_aside", "Move aside", id="move_aside", tooltip="move bad pairs into .aside; none is deleted"
        ),
    ]
    TITLE_WORDS = "check of the dataset"
    WORKING_WORD = "reading every pair"
    KEPT = "A check leaves nothing behind: the next one begins at the first pair again."

    class MoveWanted(Message):
        """The user wants the bad pairs moved aside, and the rest read again."""

        def __init__(self, report: CheckReport) -> None:
            super().__init__()
            self.report = report

    def __init__(self, state: CheckState, command: str) -> None:
        super().__init__(state, command)
        self._verdict = Static(id="job-verdict", markup=False)
        self._faults = OptionList(id="job-faults", markup=False, compact=True)
        self._listed: CheckReport | None = None

    def panels(self) -> tuple[Widget, ...]:
        return self._verdict, self._faults

    def bars(self, state: CheckState, width: int) -> tuple[Content, ...]:
        if report := state.report:
            shape = f" · {report.shape}" if report.geometry else ""
            return (
                Content(f"{report.train:,} training · {report.val:,} validation pairs{shape}"),
                Content.styled(home_for_short(report.root), "$secondary"),
            )
        progress = state.progress
        if progress is None or state.is_over:
            return (self.ending(state) or Content.styled("looking into the folders …", "$secondary"), Content(""))
        figures = f"{progress.done:,} of {progress.total:,}"
        bars = progress_lines([Progress("pairs read", state.share, figures, state.seconds_left)], width)
        return *bars, Content.styled("problems are listed once all are read", "$secondary")

    def ending(self, state: Any) -> Content:
        return Content.styled("stopped", "$warning") if state.phase == "stopped" else super().ending(state)

    def draw_panels(self, state: CheckState) -> None:
        self._verdict.update(_verdict(state))
        report = state.report
        self._faults.display = report is not None and bool(report.problems)
        if report is not None and report is not self._listed:
            self._listed = report
            self._faults.set_options(Option(_fault(problem.text, report.root)) for problem in report.problems)
            self._faults.focus()
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "move_aside":
            return bool(self.state.is_over and self.state.report and groups_to_move(self.state.report.problems))
        return super().check_action(action, parameters)

    def action_move_aside(self) -> None:
        report: CheckReport = self.state.report
        count = len(groups_to_move(report.problems))
        text = (
            f"Their files keep their places below {home_for_short(report.root / '.aside')}, with the reasons beside "
            "them; nothing is deleted. Then all that is left is read again."
        )
        one = "Move 1 bad pair aside?" if count == 1 else f"Move {count:,} bad pairs aside?"
        self.app.push_screen(AskScreen(one, text, "move", "leave them"), self._move)

    def _move(self, sure: bool | None) -> None:
        if sure and self.state.report:
            self.post_message(self.MoveWanted(self.state.report))


def _fault(text: str, root: Path) -> Content:
    return Content.assemble(("✗ ", "$error"), text.replace(f"{root}/", ""))


def _verdict(state: CheckState) -> Content:
    moved = state.moved
    moved_aside = f"{moved.count:,} moved into {home_for_short(moved.target)}\n" if moved else ""
    if state.report is None:
        return Content.styled(moved_aside, "$secondary")
    count = len(state.report.problems)
    if not count:
        return Content.assemble(moved_aside, ("✓ no problems: every pair can be trained on", "$success"))
    found = "1 problem" if count == 1 else f"{count:,} problems"
    advice = "; m moves bad pairs aside" if groups_to_move(state.report.problems) else "; fix them by hand"
    return Content.assemble(moved_aside, (f"✗ {found}", "$error"), (advice, "$secondary"))
