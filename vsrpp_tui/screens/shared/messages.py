"""Messages that several screens post and the application handles."""

from dataclasses import dataclass

from textual.message import Message

from vsrpp_core.messages.commands import Command


@dataclass
class CommandWanted(Message):
    """A screen wants the session to carry out ``command``."""

    command: Command
