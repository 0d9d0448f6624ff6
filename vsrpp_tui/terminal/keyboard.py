"""What a terminal sends, as Textual's messages, whatever bytes it sends.

Textual's own reading ends, and the screen with it, at bytes that are not UTF-8 (a paste in another encoding, mouse
reports of old terminals) and at sequences with figures that are out of range.
"""

import re
import time
import traceback
from codecs import getincrementaldecoder
from collections.abc import Iterator

from textual._xterm_parser import XTermParser
from textual.message import Message

from vsrpp_tui.terminal.graphics import ANSWER, CUT_ANSWER, Answered

EXPECTED_SECONDS = 3.0
"""In which a terminal answers, also one that is far away."""

REST_SECONDS = 0.1
"""In which the rest of an answer comes; where it does not, what came was keys."""

X10_MOUSE = re.compile(rb"\x1b\[M.{3}", re.DOTALL)
"""A report of the oldest kind, from a terminal without SGR mouse reports: its three last bytes have any value."""

CUT_X10_MOUSE = re.compile(rb"\x1b\[M.{0,2}\Z", re.DOTALL)
IGNORED = b"\x1b[M!!!"


class Keyboard:
    """Turns bytes into messages. ``�`` stands for bytes that are no text; X10 mouse reports are passed over.

    Textual would take a terminal's answer to who it is for keys.
    """

    def __init__(self) -> None:
        self._parser = XTermParser()
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._before, self._cut = b"", b""
        """The last two bytes that were parsed, and a mouse report whose rest is still to come."""
        self._cut_answer, self._fed = b"", 0.0
        self._expected_until = 0.0

    def expect_answers(self) -> None:
        """The terminal was asked."""
        self._expected_until = time.monotonic() + EXPECTED_SECONDS

    def feed(self, data: bytes) -> Iterator[Message]:
        data = self._cut_answer + data
        yield from (Answered(answer.decode(errors="replace")) for answer in ANSWER.findall(data))
        data = ANSWER.sub(b"", data)
        self._fed = time.monotonic()
        begun = CUT_ANSWER.search(data) if self._fed < self._expected_until else None
        self._cut_answer = begun[0] if begun else b""
        yield from self._typed(data[: begun.start()] if begun else data)

    def _typed(self, data: bytes) -> Iterator[Message]:
        data = X10_MOUSE.sub(IGNORED, self._before + self._cut + data)
        cut = CUT_X10_MOUSE.search(data)
        begin, end = len(self._before), max(cut.start(), len(self._before)) if cut else len(data)
        self._before, self._cut = data[:end][-2:], data[end:]
        for letter in re.sub("\ufffd+", "\ufffd", self._decoder.decode(data[begin:end])):
            yield from self._parsed(letter)

    def tick(self) -> Iterator[Message]:
        """Call now and then: an escape that nothing follows is the key of that name."""
        if self._cut_answer and time.monotonic() > self._fed + REST_SECONDS:
            cut, self._cut_answer = self._cut_answer, b""
            yield from self._typed(cut)
        yield from self._parser.tick()

    def _parsed(self, letter: str) -> Iterator[Message]:
        try:
            yield from self._parser.feed(letter)
        except Exception:  # a sequence that it cannot take in
            traceback.print_exc()
            self._parser = XTermParser()
