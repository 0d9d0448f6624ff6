"""Textual's driver for a browser, behind a server that may be killed at any moment.

Textual's own would wait for it for ever, and the program would not end.
"""

from typing import Any

from textual.app import App
from textual.drivers._byte_stream import ByteStream
from textual.drivers.web_driver import WebDriver

from vsrpp_tui.terminal.driver import ResilientDriver
from vsrpp_tui.terminal.keyboard import Keyboard
from vsrpp_tui.terminal.output import TerminalFile

KEYS = "D"
"""The kind of packet that has what was typed; all others are messages of the server."""


class BrowserDriver(WebDriver):
    """When the server is gone it posts Gone, as ResilientDriver does when the terminal is."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._write = TerminalFile(self.fileno, "w", closefd=False).write  # type: ignore[assignment]

    def run_input_thread(self) -> None:
        keyboard, packets = Keyboard(), ByteStream()
        for data in self._input_reader:  # empty now and then; it ends with the server, or when this driver is closed
            for kind, payload in packets.feed(data) if data else ():
                if kind == KEYS:
                    for message in keyboard.feed(payload):
                        self.process_message(message)
                else:
                    self._on_meta(kind, payload)
            for message in keyboard.tick():
                self.process_message(message)
        if not self.exit_event.is_set():
            self.send_message(ResilientDriver.Gone())
