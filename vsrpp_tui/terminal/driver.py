"""Textual's driver for a terminal that may be closed, taken away and given back at any moment.

Textual does not expect its window or its ssh connection to close: it would wait for it for ever, and the program would
not end.
"""

import errno
import os
import selectors
import signal
import sys
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from vsrpp_tui.terminal.graphics import QUESTION
from vsrpp_tui.terminal.keyboard import Keyboard

POLL_SECONDS = 0.25
"""Between two checks whether the terminal is still there."""

READ_SECONDS = 0.1
READ_BYTES = 4096


class ResilientDriver(LinuxDriver):
    """When the terminal goes away it posts Gone, and can still be shut down; when it comes back, all is drawn again."""

    class Gone(Message):
        """The terminal was closed."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._is_gone = False
        self._keyboard = Keyboard()
        self._loop.call_later(POLL_SECONDS, self._poll)

    def ask(self) -> None:
        """What the terminal is; it answers by Answered messages, or not at all."""
        if self._writer_thread and not self._is_gone:
            self._keyboard.expect_answers()
            self.write(QUESTION)
            self.flush()

    def _poll(self) -> None:
        """Not every program whose terminal goes gets a SIGHUP, and Textual ignores the end of its input."""
        if os.isatty(self.fileno):
            self._loop.call_later(POLL_SECONDS, self._poll)
            return
        self._is_gone = True
        self.disable_input()  # or its thread would spin on an empty read
        self.send_message(self.Gone())

    def run_input_thread(self) -> None:
        try:
            self._read_keys()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.send_message(self.Gone())

    def _read_keys(self) -> None:
        keyboard = self._keyboard
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(READ_SECONDS):
                    for message in keyboard.feed(os.read(self.fileno, READ_BYTES)):
                        self.process_message(message)
                for message in keyboard.tick():
                    self.process_message(message)

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal again; whoever had it meanwhile has left it in another state.

        SIGCONT also comes with SIGHUP, when there is nothing to take.
        """
        if self._must_signal_resume:  # Textual has left the screen before it stopped
            super()._sigcont_application()
        elif self._auto_restart and not self._is_gone and os.isatty(self.fileno):  # SIGSTOP gave it no time to
            self.suspend_application_mode()
            self.resume_application_mode()
        else:
            return
        self._loop.call_soon_threadsafe(lambda: self._app.refresh(layout=True))


def wait_for_foreground() -> bool:
    """Stop, as every program does that wants the terminal while another has it; whether this one has it now.

    The shell's ``fg`` gives it the terminal and lets it continue.
    """
    if not _in_foreground():
        os.kill(os.getpid(), signal.SIGTTIN)
    return _in_foreground()


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # not the terminal of this session, so nobody is stopped at it
        return True
