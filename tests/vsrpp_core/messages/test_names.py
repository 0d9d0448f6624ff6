"""Names that journals, scripts and other people's screens rely on.

A name added on purpose is added to the golden file too; one renamed or removed makes older journals unreadable.
"""

from dataclasses import fields
from typing import Any, get_args

from tests.helpers import GOLDEN
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import CommandName

NAMES = GOLDEN / "messages.txt"


def line(kind: Any) -> str:
    return " ".join([kind.__name__, *(field.name for field in fields(kind))])


def test_messages_and_their_fields_keep_their_names() -> None:
    lines = ["events", *map(line, ev.EVENT_TYPES.values()), "", "commands", *map(line, get_args(cmd.Command))]
    assert lines == NAMES.read_text(encoding="utf-8").splitlines()


def test_every_event_is_known_to_the_journal() -> None:
    kinds = [kind for kind in vars(ev).values() if isinstance(kind, type) and issubclass(kind, ev.Event)]
    assert set(kinds) - {ev.Event} == set(ev.EVENT_TYPES.values())
    assert all(name == kind.__name__ for name, kind in ev.EVENT_TYPES.items())


def test_every_command_can_be_sent_and_answered() -> None:
    kinds = get_args(cmd.Command)
    public = [name for name, kind in vars(cmd).items() if isinstance(kind, type) and kind.__module__ == cmd.__name__]
    assert {name for name in public if not name.startswith("_")} == {kind.__name__ for kind in kinds}
    assert all(kind.name == kind.__name__ for kind in kinds)
    assert {kind.__name__ for kind in kinds} == set(get_args(CommandName))


def test_every_command_has_a_number_of_its_own() -> None:
    first, second = cmd.Pause(), cmd.Pause()
    assert first == second and first.number != second.number
