"""Whether a terminal shows pictures pixel by pixel, by what it answers.

Kitty's graphics protocol with placeholders: a picture is sent once, and then shown wherever cells with a certain
character stand, so that a screen of cells can move and cover it. https://sw.kovidgoyal.net/kitty/graphics-protocol/

The driver asks and takes the answers out of what is typed. Nothing waits for them: a terminal that gives none keeps
half cells.
"""

import re
import subprocess
from dataclasses import dataclass

from textual.message import Message

QUESTION = "\x1b[16t\x1b[>q"
"""How many pixels a cell has, and which terminal this is."""

ANSWER = re.compile(rb"\x1b\[6;\d{1,5};\d{1,5}t|\x1bP>\|[^\x1b]{0,99}\x1b\\")
CUT_ANSWER = re.compile(rb"\x1b(\[(6(;\d{0,5}){0,2})?|P(>[^\x1b]{0,100}\x1b?)?)?\Z")
"""One whose rest may still come."""

SIZE = re.compile(r"\x1b\[6;(\d+);(\d+)t")
NAME = re.compile(r"\x1bP>\|(.*)\x1b\\", re.DOTALL)
WITH_PLACEHOLDERS = re.compile(r"kitty\((0\.(2[89]|[3-9]\d)|[1-9])|ghostty ")
"""Kitty has them since 0.28. Konsole and WezTerm answer that they know the protocol, but do not know placeholders."""

TMUX_SECONDS = 2
ASK_TMUX = (
    *("tmux", "display-message", "-p"),
    "#{allow-passthrough} #{client_cell_width} #{client_cell_height} #{client_pid} #{client_termtype}",
)
OF_TMUX = re.compile(r"(?:1|on|all) (\d*) (\d*) (\d*) (.*)")
"""Where it passes anything on (1 is what tmux 3.3 says for on); nothing else is said while no terminal looks at it."""


class Answered(Message):
    """The terminal has said something about itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


@dataclass(frozen=True, slots=True)
class Graphics:
    """The terminal shows pictures pixel by pixel."""

    cell: tuple[int, int]
    """Width and height in pixels."""
    tmux_client: str = ""
    """Which terminal looks at this tmux; a picture has to be sent to each."""

    def passed(self, message: str) -> str:
        """``message`` as it reaches the terminal: tmux passes on what is marked for that, with escapes doubled."""
        return "\x1bPtmux;" + message.replace("\x1b", "\x1b\x1b") + "\x1b\\" if self.tmux_client else message


class Interview:
    """What the terminal has answered so far."""

    def __init__(self) -> None:
        self._cell: tuple[int, int] | None = None
        self._name = ""
        self.may_change = False
        """Another terminal may be attached to this tmux at any time, which tells nobody."""

    def hear(self, text: str) -> None:
        if size := SIZE.fullmatch(text):
            height, width = map(int, size.groups())
            self._cell = (width, height) if width and height else None
        elif name := NAME.fullmatch(text):
            self._name = name[1]

    def graphics(self) -> Graphics | None:
        """None where pictures have to be half cells. Inside tmux it starts a program, which takes some milliseconds."""
        if not self._name.startswith("tmux "):
            return Graphics(self._cell) if self._cell and WITH_PLACEHOLDERS.match(self._name) else None
        said = OF_TMUX.fullmatch(_of_tmux())
        self.may_change = said is not None
        if said is None or not WITH_PLACEHOLDERS.match(said[4]):
            return None
        return Graphics((int(said[1]), int(said[2])), tmux_client=said[3])


def _of_tmux() -> str:
    """What tmux says of itself and of the terminal that looks at it; empty where it cannot be asked."""
    try:
        done = subprocess.run(ASK_TMUX, capture_output=True, text=True, timeout=TMUX_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):  # no such program here: tmux may run on another machine
        return ""
    return done.stdout.strip("\n")
