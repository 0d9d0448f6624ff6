"""Commands on their way to a run that another process trains; the counterpart of the session's thread.

A command that does not get there, or whose process ends before it has answered, is answered here: whoever shows
answers need not know where the trainer is.
"""

import queue

from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import Command
from vsrpp_core.remote.link import Link, NoLinkError
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.threads.background import BackgroundThread
from vsrpp_tui.threads.follower import Follower

LOOK_SECONDS = 0.25
"""Between two looks at the connection."""

RECONNECT_SECONDS = 2.0

LAST_WORDS_SECONDS = 1.0
"""In which the journal's last lines are read once the process that writes it has ended."""


class Orders(BackgroundThread):
    """Keeps a connection to the process that trains the run, whichever that is."""

    def __init__(self, folder: RunFolder, follower: Follower) -> None:
        super().__init__("orders", daemon=True)
        self._folder, self._follower = folder, follower
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._link: Link | None = None
        self._unanswered: list[Command] = []
        self.fault = ""
        """Why no command would get there now."""

    @property
    def is_connected(self) -> bool:
        return self._link is not None

    def send(self, command: Command) -> None:
        self._commands.put(command)

    def _work(self) -> None:
        while not self._stopping.is_set():
            if self._link is None:
                self._connect()
            try:
                command = self._commands.get(timeout=LOOK_SECONDS if self._link else RECONNECT_SECONDS)
            except queue.Empty:
                self._look()
            else:
                self._give(command)
        if self._link:
            self._link.close()

    def _connect(self) -> None:
        try:
            self._link, self.fault = Link(self._folder), ""
            self._follower.ask_again()
        except NoLinkError as error:
            self.fault = str(error)

    def _give(self, command: Command) -> None:
        if self._link is None:
            self._connect()
        if self._link is None:
            self._refuse(command, self.fault)
            return
        self._unanswered.append(command)
        try:
            self._link.send(command)
        except NoLinkError:
            self._lose()
        except VsrppError as error:
            self._unanswered.remove(command)
            self._refuse(command, str(error))

    def _look(self) -> None:
        """Forget what has been answered, and notice a process that has ended."""
        answered = {answer.number for answer in self._follower.state.answers}
        self._unanswered = [command for command in self._unanswered if command.number not in answered]
        if self._link and self._link.has_ended():
            self._lose()

    def _lose(self) -> None:
        if self._link:
            self._link.close()
        self._link = None
        self._follower.ask_again()
        if self._unanswered:
            self._stopping.wait(LAST_WORDS_SECONDS)
            self._look()
        for command in self._unanswered:
            self._refuse(command, "the process that trained this run has ended")
        self._unanswered = []

    def _refuse(self, command: Command, why: str) -> None:
        step = self._follower.state.current_step
        self._follower.tell(
            ev.CommandAnswered(command=command.name, accepted=False, message=why, step=step, number=command.number)
        )
