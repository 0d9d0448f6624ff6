"""Who shows pictures pixel by pixel: a terminal that says so, also behind tmux, and no other."""

from pathlib import Path

import pytest

from vsrpp_tui.terminal.graphics import Graphics, Interview

SIZE = "\x1b[6;18;9t"


def told(*answers: str) -> Interview:
    interview = Interview()
    for answer in answers:
        interview.hear(answer)
    return interview


@pytest.mark.parametrize(
    ("name", "can"),
    [
        ("kitty(0.28.0)", True),
        ("kitty(0.41.1)", True),
        ("kitty(1.0.0)", True),
        ("ghostty 1.1.3", True),
        ("kitty(0.27.1)", False),
        ("kitty(0.3.0)", False),
        ("WezTerm 20240203-110809-5046fc22", False),
        ("Konsole 24.08", False),
        ("XTerm(390)", False),
        ("", False),
    ],
)
def test_the_name_decides(name: str, can: bool) -> None:
    assert told(SIZE, f"\x1bP>|{name}\x1b\\").graphics() == (Graphics((9, 18)) if can else None)


def test_without_the_size_of_a_cell_there_are_half_cells() -> None:
    assert told("\x1bP>|kitty(0.41.1)\x1b\\").graphics() is None
    assert told("\x1b[6;0;0t", "\x1bP>|kitty(0.41.1)\x1b\\").graphics() is None


@pytest.mark.parametrize(
    ("says", "graphics", "may_change"),
    [
        ("1 9 18 77 kitty(0.41.1)", Graphics((9, 18), "77"), True),
        ("all 9 18 77 ghostty 1.1.3", Graphics((9, 18), "77"), True),
        ("on 9 18 77 XTerm(390)", None, True),
        ("on    ", None, True),
        ("0 9 18 77 kitty(0.41.1)", None, False),
        ("off 9 18 77 kitty(0.41.1)", None, False),
        ("no server running", None, False),
    ],
    ids=["tmux 3.3", "Ghostty", "another terminal", "detached", "not passed on", "off", "gone"],
)
def test_behind_tmux_it_is_asked_for(
    says: str, graphics: Graphics | None, may_change: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmux").write_text(f"#!/bin/sh\necho '{says}'\n")
    (tmp_path / "tmux").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    interview = told("\x1bP>|tmux 3.3a\x1b\\")
    assert (interview.graphics(), interview.may_change) == (graphics, may_change)


def test_a_tmux_of_another_machine_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert told(SIZE, "\x1bP>|tmux 3.3a\x1b\\").graphics() is None
