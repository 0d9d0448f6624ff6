"""What a terminal sends, as Textual's messages, whatever bytes it sends.

Textual's own reading ends, and the screen with it, at bytes that are not UTF-8 (a paste in another encoding, mouse
reports of old terminals) and at sequences with figures that are out of range.
"""

import re
import traceback
from codecs import getincrementaldecoder
from collections.abc import Iterator

from textual._xterm_parser import XTermParser
from textual.message import Message

X10_MOUSE = re.compile(rb"\x1b\[M.{3}", re.DOTALL)
"""A report of the oldest kind, from a terminal without SGR mouse reports: its three last bytes have any value."""

CUT_X10_MOUSE = re.compile(rb"\x1b\[M.{0,2}\Z", re.DOTALL)
IGNORED = b"\x1b[M!!!"


class Keyboard:
    """Turns bytes into messages. ``�`` stands for bytes that are no text; X10 mouse reports are passed over."""

    def __init__(self) -> None:
        self._parser = XTermParser()
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._before, self._cut = b"", b""
        """The last two bytes that were parsed, and a mouse report whose rest is still to come."""

    def feed(self, data: bytes) -> Iterator[Message]:
        data = X10_MOUSE.sub(IGNORED, self._before + self._cut + data)
        cut = CUT_X10_MOUSE.search(data)
        begin, end = len(self._before), max(cut.start(), len(self._before)) if cut else len(data)
        self._before, self._cut = data[:end][-2:], data[end:]
        for letter in re.sub("\ufffd+", "\ufffd", self._decoder.decode(data[begin:end])):
            yield from self._parsed(letter)

    def tick(self) -> Iterator[Message]:
        """Call now and then: an escape that nothing follows is the key of that name."""
        yield from self._parser.tick()

    def _parsed(self, letter: str) -> Iterator[Message]:
        try:
            yield from self._parser.feed(letter)
        except Exception:  # a sequence that it cannot take in
            traceback.print_exc()
            self._parser = XTermParser()
