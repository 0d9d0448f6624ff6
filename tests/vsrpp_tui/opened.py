"""The application as it is once a session runs, without the way through the start screen."""

from collections.abc import Iterable
from pathlib import Path

from textual.screen import Screen

from tests.vsrpp_tui.conftest import RecordingWorker, started, step
from vsrpp_core.messages import events as ev
from vsrpp_tui.app.app import VsrppApp
from vsrpp_tui.screens.run.training import TrainingScreen
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.state.run import RunState, replay
from vsrpp_tui.threads.session import SessionRequest
from vsrpp_tui.user.preferences import Preferences

TRAINING = (started(), step(100), ev.PhaseChanged(phase="training", step=100))


class OpenedApp(VsrppApp):
    """Its worker only records; ``events`` are what the session has said so far."""

    def __init__(
        self, run: Path, events: Iterable[ev.Event] = TRAINING, preferences: Preferences | None = None
    ) -> None:
        super().__init__(Choice(run, None), preferences)
        self.state: RunState = replay(events)
        self.recording = RecordingWorker(SessionRequest(run, None, "resume"))
        self.recording.start()
        self.worker = self.recording  # type: ignore[assignment]

    def first_screen(self) -> Screen[None]:
        return TrainingScreen()
