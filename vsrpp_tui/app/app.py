"""The application that owns the screens, the session, jobs, and what happens when they end."""

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from vsrpp_core.errors import VsrppError, command
from vsrpp_core.messages import journal
from vsrpp_core.messages.commands import Command
from vsrpp_core.remote.recent_runs import remember
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.app.base import RunApp
from vsrpp_tui.screens.start.start import Choice, StartScreen
from vsrpp_tui.state.run import RunState, reduce, resumed
from vsrpp_tui.terminal.driver import ResilientDriver
from vsrpp_tui.terminal.output import log_path
from vsrpp_tui.threads.follower import journal_fault
from vsrpp_tui.threads.session import SessionRequest, Worker, device_line
from vsrpp_tui.threads.tensorboard_server import STARTING_SECONDS, TensorBoard
from vsrpp_tui.user.preferences import Preferences

if TYPE_CHECKING:
    from vsrpp_tui.app.running_job import RunningJob
    from vsrpp_tui.screens.jobs.check import CheckScreen
    from vsrpp_tui.screens.jobs.job import JobScreen
    from vsrpp_tui.screens.run.tune import TuneScreen
    from vsrpp_tui.threads.jobs import JobRequest

EXIT_DONE, EXIT_FAILED = 0, 1
PUMP_SECONDS = 0.25
"""Between two looks for events: fast enough for the eye, calm enough for a slow connection."""

DETACHING = ("Detaching", "the step in progress is finished and saved; then training goes on in the background …")

SEARCH = "search"
"""Id of the auto-tune screen."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """Exit status, and a last line for the shell."""

    status: int = EXIT_DONE
    message: str = ""
    detached: tuple[str, ...] = ()
    """With these arguments ``vsrpp train`` goes on with the run in the background."""


class VsrppApp(RunApp[Farewell]):
    """Shows the start screen, then a session; ends only when the session has saved."""

    CSS_PATH = Path(__file__).parents[1] / "app.tcss"  # also for a subclass elsewhere
    TITLE = "VSR++"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (45, "-slim"), (80, "-narrow"), (100, "-wide")]  # noqa: RUF012  as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-squat"), (20, "-low"), (32, "-tall")]  # noqa: RUF012  as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", "Quit", show=False, priority=True, id="leave"),
        Binding(
            "ctrl+z", "suspend_process", "Suspend", show=False, priority=True, id="suspend", tooltip="stop; fg returns"
        ),
    ]

    @dataclass
    class DeviceFound(Message):
        text: str

    @dataclass
    class PastRead(Message):
        worker: Worker
        state: RunState
        fault: str = ""

    def __init__(self, choice: Choice, preferences: Preferences | None = None) -> None:
        super().__init__(preferences or Preferences(), driver_class=ResilientDriver)
        self._choice = choice
        self._device = ""
        self.state = RunState()
        self.worker: Worker | None = None
        self.job: RunningJob | None = None
        """The current job besides training, or the last one."""
        self.tensorboard = TensorBoard()
        self._tensorboard_wanted = False
        self._leaving = False
        self._detaching: tuple[str, ...] = ()
        """The arguments of the training that goes on in the background."""
        self.loader: Thread | None = None

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self._choice.run)

    def first_screen(self) -> Screen[None]:
        return StartScreen(self._choice, self._device)

    def on_mount(self) -> None:
        self.push_screen(self.first_screen())
        self.set_interval(PUMP_SECONDS, self.pump)
        self._handle_signals()

    def _handle_signals(self) -> None:
        """A closed terminal or a shutdown saves like q does."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            if hasattr(signal, name):
                loop.add_signal_handler(getattr(signal, name), self.call_later, self.action_leave)

    def on_resilient_driver_gone(self) -> None:
        self.action_leave()

    def on_start_screen_run_read(self) -> None:
        """Load torch, which names the device, the one thing the screen still lacks, and is needed for any choice."""
        if self.loader:
            return
        self.loader = Thread(target=lambda: self.post_message(self.DeviceFound(device_line())), daemon=True)
        self.loader.start()

    def on_vsrpp_app_device_found(self, message: DeviceFound) -> None:
        self._device = message.text
        for screen in self.screen_stack:
            if isinstance(screen, StartScreen):
                screen.set_device(self._device)

    # work besides training

    def on_start_screen_job_wanted(self, message: StartScreen.JobWanted) -> None:
        self.push_screen(self._begin(message.request, message.run))

    def _begin(self, request: "JobRequest", run: str = "") -> "JobScreen":
        """Begin a job and return its screen."""
        from vsrpp_tui.app.running_job import RunningJob  # loads the core's video readers, so only once needed

        self.job = RunningJob(request, run)
        self.job.start()
        return self.job.screen()

    def on_check_screen_move_wanted(self, message: "CheckScreen.MoveWanted") -> None:
        from vsrpp_tui.threads.jobs import CheckRequest

        self.switch_screen(self._begin(CheckRequest(message.report.root, message.report.problems)))

    def on_job_screen_stop_wanted(self) -> None:
        if self.job:
            self.job.stop()
            self._show_job()

    def on_job_screen_left(self, message: "JobScreen.Left") -> None:
        """Back to the start screen, which reads the run again: a job may have made what it shows."""
        self.pop_screen()
        if isinstance(self.screen, StartScreen):
            self.screen.return_from_job(message.dataset)

    def _show_job(self) -> None:
        if self.job is None:
            return
        alive = self.job.job.is_alive  # asked first, as in pump
        state = self.job.take()
        for screen in self.screen_stack:
            if (show := getattr(screen, "show_job", None)) and screen.is_mounted:
                show(state)
        if self._leaving and not alive and self.worker is None:
            self.exit(self.farewell())

    # a session

    def on_start_screen_training_wanted(self, message: StartScreen.TrainingWanted) -> None:
        choice = self._choice = message.choice
        start: Literal["fresh", "resume"] = "fresh" if message.fresh else "resume"
        request = SessionRequest(
            choice.run,
            choice.data,
            start,
            choice.demo,
            message.checkpoint,
            message.tune,
            message.max_steps,
            choice.preset,
        )
        self.state = RunState(phase="preparing")
        self.worker = worker = Worker(request)
        if message.fresh:
            worker.start()
        else:
            Thread(target=self._read_past, args=(worker, choice.run), name="past", daemon=True).start()
        self._remember(choice.run)
        from vsrpp_tui.screens.run.training import TrainingScreen  # loads the charts' libraries, so only now

        self.switch_screen(TrainingScreen())

    def _read_past(self, worker: Worker, run: Path) -> None:
        """Replay the journal of earlier sessions: for days of training that takes a second."""
        path = RunFolder(run).journal
        try:
            self.post_message(self.PastRead(worker, resumed(journal.replay(path))))
        except Exception as error:  # whatever it is, the run must continue
            fault = f"the curves begin now: {journal_fault(path, error)}"
            self.post_message(self.PastRead(worker, RunState(phase="preparing"), fault))

    def on_vsrpp_app_past_read(self, message: PastRead) -> None:
        """Begin the session once its past is known, to which it adds."""
        if message.fault:
            self.notify(message.fault, severity="warning", markup=False)
        if message.worker is self.worker and not self._leaving:
            self.state = message.state
            self.worker.start()

    def _remember(self, run: Path) -> None:
        try:
            remember(run)
        except VsrppError as error:
            self.notify(str(error), severity="warning", markup=False)

    def send(self, command: Command) -> None:
        if self.worker:
            self.worker.send(command)

    def pump(self) -> None:
        """Take the threads' events and show what they changed."""
        self._show_job()
        worker = self.worker
        if worker is None:
            return
        alive = worker.is_alive  # asked first: once a thread has ended, all its events are in the mailbox
        for event in worker.mailbox.take():
            self.state = reduce(self.state, event)
        self.show_state()
        if not alive:
            self._session_is_over()

    def show_state(self) -> None:
        """Show the state on every screen that shows any of it."""
        if not self.is_running:  # its widgets are being taken away, the innermost first
            return
        self._show_search()
        for screen in self.screen_stack:
            if (show := getattr(screen, "show", None)) and screen.is_mounted:
                show(self.state)
        self._report_tensorboard()

    def _show_search(self) -> None:
        """While auto-tune runs, its screen is on top of the training screen; it closes with whatever is above it."""
        if self._leaving or len(self.screen_stack) < 2:
            return
        is_open = self.state.tuning is not None and self.state.tuning.is_open
        shown = next((screen for screen in self.screen_stack if screen.id == SEARCH), None)
        if is_open and shown is None:
            screen = self.search_screen()
            screen.id = SEARCH
            self.push_screen(screen)
        while not is_open and shown in self.screen_stack:
            self.pop_screen()

    def search_screen(self) -> "TuneScreen":
        """The screen of auto-tune."""
        from vsrpp_tui.screens.run.tune import TuneScreen

        return TuneScreen()

    def _session_is_over(self) -> None:
        """A failure is often reported some ticks before the thread has ended: the state keeps it until it is shown."""
        if self._leaving:
            self.exit(self.farewell())
            return
        failure = self.state.failed
        if failure is None:
            return
        from vsrpp_tui.screens.run.failed import FailedScreen

        if not any(isinstance(screen, FailedScreen) for screen in self.screen_stack):
            self.push_screen(FailedScreen(failure))

    def farewell(self) -> Farewell:
        state, run = self.state, self._choice.run
        if state.failed:
            return Farewell(EXIT_FAILED, f"vsrpp-tui: {state.failed.error}")
        if state.ended and not state.ended.checkpoint:
            return Farewell()
        if state.ended and state.ended.reason == "stopped":
            again = "make demo, or vsrpp-tui --demo" if self._choice.demo else command("vsrpp-tui", run)
            saved = f"step {state.ended.step:,} is in {run / state.ended.checkpoint}; continue with: {again}"
            return Farewell(EXIT_DONE, saved, self._detaching)
        if state.ended:
            score = RunFolder(run).scoring_command(state.ended.checkpoint)
            return Farewell(EXIT_DONE, f"training is complete; score it with: {score}")
        if self.job and self.worker is None:
            failed, message = self.job.farewell()
            return Farewell(EXIT_FAILED, f"vsrpp-tui: {message}") if failed else Farewell(EXIT_DONE, message)
        return Farewell()

    # keys that work everywhere

    def action_help(self) -> None:
        from vsrpp_tui.screens.shared.help import HelpScreen
        from vsrpp_tui.screens.shared.key_rows import key_rows

        rows = key_rows(type(self.screen), self._preferences.keymap)
        panel = getattr(self.screen, "current_panel", None)
        self.push_screen(HelpScreen(rows, *panel()) if panel else HelpScreen(rows))

    def action_leave(self) -> None:
        """Quit; while a session runs, only once it has saved."""
        if self._leaving:  # q twice, or a closed terminal that is reported in two ways
            return
        self._leaving = True
        if self.worker is None and self.job and self.job.job.is_alive:
            self._leave_job()
            return
        if self.worker is None:
            self._show_job()
            self.exit(self.farewell())
            return
        if not self.worker.is_alive:
            self.pump()  # how it ended may not have been seen yet
            return
        self.worker.stop()
        from vsrpp_tui.screens.run.saving import SavingScreen

        self.push_screen(SavingScreen(*DETACHING) if self._detaching else SavingScreen())

    def action_detach(self) -> None:
        """Let the training go on in the background, from the checkpoint that ends it here."""
        paused = ("--paused",) if self.state.phase == "paused" else ()
        self._detaching = (str(self._choice.run), "--resume", *paused)
        self.action_leave()

    def _leave_job(self) -> None:
        if self.job:
            self.job.stop()
        from vsrpp_tui.screens.run.saving import SavingScreen

        self.push_screen(SavingScreen("Stopping", "finishing the current item; completed work is kept …"))

    def action_to_start(self) -> None:
        """From a failed session to the start screen."""
        self.worker, self.state = None, RunState()
        self.tensorboard.stop()
        while len(self.screen_stack) > 2:  # e.g. the log was open when it failed
            self.pop_screen()
        self.switch_screen(StartScreen(self._choice, self._device))

    def action_tensorboard(self) -> None:
        self._tensorboard_wanted = True
        if not self.tensorboard.is_running:
            self.tensorboard.start(RunFolder(self._choice.run).logs)
            self._show_tensorboard("TensorBoard is starting …")

    def _report_tensorboard(self) -> None:
        if self._tensorboard_wanted and self.tensorboard.url:
            self._tensorboard_wanted = False
            self._show_tensorboard(f"TensorBoard {self.tensorboard.url}")
        elif self._tensorboard_wanted and not self.tensorboard.is_running:
            self._tensorboard_wanted = False
            self._show_tensorboard("")
            self.notify(f"TensorBoard did not start; see {log_path()}", severity="error", markup=False)
        elif self._tensorboard_wanted and self.tensorboard.is_overdue:
            self._tensorboard_wanted = False
            self.tensorboard.stop()
            self._show_tensorboard("")
            self.notify(f"TensorBoard did not start within {STARTING_SECONDS:.0f} s", severity="error")

    def _show_tensorboard(self, text: str) -> None:
        """In the border of the events panel."""
        for screen in self.screen_stack:
            for panel in screen.query("#events"):
                panel.border_subtitle = text
