"""Whatever bytes a terminal sends, the next key is heard."""

import random
import re
from collections.abc import Iterable

import pytest
from textual import events
from textual.message import Message

from vsrpp_tui.terminal.graphics import Answered
from vsrpp_tui.terminal.keyboard import Keyboard


def keys(messages: Iterable[Message]) -> list[str]:
    return [message.key for message in messages if isinstance(message, events.Key)]


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        (b"\xff\xfe?", ["�", "question_mark"]),
        (b"\xc3", []),
        ("é".encode("latin-1") + b"?", ["�", "question_mark"]),
        (b"\x1b[M\x20\xe0\xf0?", ["question_mark"]),
        (b"\x1b[M\x1b[M?", ["question_mark"]),
        (b"\x1b[99999999u?", ["question_mark"]),
        ("ü?".encode(), ["ü", "question_mark"]),
    ],
    ids=["no text", "half a letter", "Latin-1", "X10 mouse", "X10 mouse of an escape", "no such letter", "UTF-8"],
)
def test_what_is_no_key_is_passed_over(sent: bytes, heard: list[str]) -> None:
    names = [re.sub("replacement_character", "�", key) for key in keys(Keyboard().feed(sent))]
    assert [{"latin_small_letter_u_with_diaeresis": "ü"}.get(name, name) for name in names][
        -len(heard) or 99 :
    ] == heard


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_mouse_report_may_come_in_two_parts(cut: int) -> None:
    keyboard, report = Keyboard(), b"\x1b[M\x20\xe0\xf0"
    heard = [*keyboard.feed(report[:cut]), *keyboard.feed(report[cut:] + b"?")]
    assert keys(heard)[-1:] == ["question_mark"]


def test_a_letter_may_come_in_two_parts() -> None:
    keyboard, letter = Keyboard(), "é".encode()
    assert not keys(keyboard.feed(letter[:1])) and len(keys(keyboard.feed(letter[1:]))) == 1


def test_a_paste_in_another_encoding_is_a_paste() -> None:
    pasted = [*Keyboard().feed("\x1b[200~Größe\x1b[201~".encode("latin-1") + b"x")]
    assert [message.text for message in pasted if isinstance(message, events.Paste)] == ["Gr�e"]


@pytest.mark.parametrize("seed", range(20))
def test_noise_leaves_the_keyboard_working(seed: int) -> None:
    chance, keyboard = random.Random(seed), Keyboard()
    parts = (
        b"\x1b",
        b"\x1b[",
        b"\x1b[<",
        b"\x1b[M",
        b"\x1b[48;",
        b"\x1b]",
        b";",
        b"9999999999",
        b"u",
        b"t",
        b"~",
        b"m",
    )
    for _ in range(300):
        [*keyboard.feed(b"".join(chance.choices(parts, k=4)) + chance.randbytes(4))]
        [*keyboard.tick()]
    [*keyboard.feed(b"\x1b[201~" + b"x" * 40)]  # ends whatever was begun
    assert keys(keyboard.feed(b"?")) == ["question_mark"]


SAYS = (b"\x1b[6;18;9t", b"\x1bP>|kitty(0.41.1)\x1b\\")


@pytest.mark.parametrize("cut", range(len(b"".join(SAYS))))
def test_what_a_terminal_answers_is_no_key(cut: int) -> None:
    keyboard, said = Keyboard(), b"".join(SAYS)
    keyboard.expect_answers()
    heard = [*keyboard.feed(b"a" + said[:cut]), *keyboard.tick(), *keyboard.feed(said[cut:] + b"\x1b[6~")]
    assert [message.text.encode() for message in heard if isinstance(message, Answered)] == list(SAYS)
    assert keys(heard) == ["a", "pagedown"]


def test_the_escape_key_is_no_answer() -> None:
    keyboard = Keyboard()
    keyboard.expect_answers()
    heard = [*keyboard.feed(b"\x1b")]
    while not heard:
        heard += keyboard.tick()
    assert keys(heard) == ["escape"]
