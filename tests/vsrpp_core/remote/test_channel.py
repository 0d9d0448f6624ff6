"""The socket of a run: who may speak, what is understood, and what it survives."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import SimpleQueue
from random import Random
from threading import Thread, Timer

import pytest

from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import wire
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.remote import channel, link, sockets
from vsrpp_core.remote.channel import Channel
from vsrpp_core.remote.link import Link, NoLinkError, ask
from vsrpp_core.run.folder import RunFolder

COMMANDS = (
    cmd.Pause(),
    cmd.SetParameter("loss", {"l1": 0.5, "ms": 0.2, "grad": 0.3}),
    cmd.SetParameter("training.max_steps", 7),
    cmd.Mark("ü – \n[b]"),
    cmd.FinishNow(hours=1.5),
    cmd.SetByHand(4, 2, 3, 1, "block"),
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    return folder


@pytest.fixture
def taken(folder: RunFolder) -> Iterator[SimpleQueue[cmd.Command]]:
    """What an open channel of the run has taken."""
    queue: SimpleQueue[cmd.Command] = SimpleQueue()
    with Channel(folder.socket, queue.put):
        yield queue


def say(folder: RunFolder, text: bytes) -> list[dict[str, object]]:
    """The receipts of what is said before the speaker stops speaking."""
    with closing(sockets.connect(folder.socket, 10)) as speaker:
        speaker.sendall(text)
        speaker.shutdown(socket.SHUT_WR)
        with speaker.makefile("rb") as heard:
            return [json.loads(line) for line in heard]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_arrives_as_it_was_with_its_number(
    folder: RunFolder, taken: SimpleQueue[cmd.Command], command: cmd.Command
) -> None:
    with Link(folder) as link:
        link.send(command)
        link.send(cmd.Resume())
    arrived = taken.get(timeout=5)
    assert arrived == command and arrived.number == command.number and taken.get(timeout=5) == cmd.Resume()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"", "one object in JSON"),
        (b"{", "one object in JSON"),
        (b"[]", "one object in JSON"),
        (b"\xff\xfe", "one object in JSON"),
        (b"[" * 5_000, "one object in JSON"),
        (b'{"command":"Dance"}', "Dance is no command; they are Pause, Resume"),
        (b'{"command":["Pause"]}', "is no command"),
        (b'{"command":"Pause","loudly":true}', "Pause has no loudly"),
        (b'{"command":"Mark"}', "Mark lacks text"),
        (b'{"command":"Mark","text":7}', "text cannot be 7"),
        (b'{"command":"Mark","text":"\\ud800"}', "text cannot be"),
        (b'{"command":"FinishNow","steps":true}', "steps cannot be true"),
        (b'{"command":"FinishNow","steps":9007199254740993}', "steps cannot be"),
        (b'{"command":"FinishNow","hours":NaN}', "NaN is no number"),
        (b'{"command":"FinishNow","hours":1e999}', "hours cannot be"),
        (b'{"command":"SetParameter","key":"a","value":[1]}', "value cannot be [1]"),
        (
            b'{"command":"SetByHand","n_feats":4,"n_blocks":2,"batch_size":1,"accumulation":1,"checkpointing":"?"}',
            "che",
        ),
        (b'{"command":"Mark","text":"' + b"x" * wire.LONGEST + b'"}', "bytes at most"),
    ],
    ids=range(18),
)
def test_what_is_no_command_is_refused_in_words(line: bytes, fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        wire.decode_command(line)
    assert fault in str(caught.value)


def test_a_thousand_damaged_commands_are_commands_or_refused() -> None:
    random = Random(5)
    for number in range(1_000):
        line = bytearray(wire.encode_command(COMMANDS[number % len(COMMANDS)]))
        for _ in range(random.randint(1, 4)):
            line[random.randrange(len(line))] = random.randrange(256)
        with suppress(UsageError):
            assert abs(wire.decode_command(bytes(line)).number) < 2**53


def test_faults_are_answered_each_and_the_next_command_is_taken(
    folder: RunFolder, taken: SimpleQueue[cmd.Command]
) -> None:
    receipts = say(folder, b'nonsense\n{"command":"Dance"}\n{"command":"Pause"}\nwithout an end')
    assert [receipt["taken"] for receipt in receipts] == [False, False, True]
    assert taken.get(timeout=5).number == receipts[2]["number"]


def test_a_line_without_an_end_is_bounded(folder: RunFolder, taken: SimpleQueue[cmd.Command]) -> None:
    with closing(sockets.connect(folder.socket, 10)) as speaker, speaker.makefile("rb") as heard:
        speaker.sendall(b"x" * (wire.LONGEST + 1))
        assert "bytes at most" in json.loads(heard.readline())["fault"]
        assert heard.read() == b"", "where its next line begins is not known"
    assert say(folder, b'{"command":"Pause"}\n')[0]["taken"]


def test_only_this_user_reaches_it(
    folder: RunFolder, taken: SimpleQueue[cmd.Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stat.S_IMODE(folder.socket.stat().st_mode) == 0o600
    assert say(folder, b'{"command":"Pause"}\n')[0]["taken"]
    monkeypatch.setattr("os.geteuid", lambda: 12_345)
    monkeypatch.setattr("struct.unpack", lambda *_: (1, 4_711, 1))
    with Link(folder) as link, pytest.raises(NoLinkError, match="has ended"):
        link.send(cmd.Pause())


def test_what_a_killed_process_left_is_replaced_and_what_is_closed_is_gone(folder: RunFolder) -> None:
    with closing(sockets.listen(folder.socket)):
        pass
    assert folder.socket.is_socket()
    with pytest.raises(NoLinkError, match="no process trains"):
        Link(folder)
    with Channel(folder.socket, print), Link(folder) as link:
        assert not link.has_ended()
    assert not folder.socket.exists()


def test_a_socket_that_somebody_removed_is_made_again(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LOOK_SECONDS", 0.05)
    queue: SimpleQueue[cmd.Command] = SimpleQueue()
    with Channel(folder.socket, queue.put), Link(folder) as before:
        folder.socket.unlink()
        folder.socket.write_text("something else")
        deadline = time.monotonic() + 10
        while not folder.socket.is_socket():
            assert time.monotonic() < deadline
        with Link(folder) as link:
            link.send(cmd.Pause())
            before.send(cmd.Resume())
    assert (queue.get(timeout=5), queue.get(timeout=5)) == (cmd.Pause(), cmd.Resume())
    assert not folder.socket.exists()


def test_whoever_finds_the_socket_is_not_turned_away(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[bool] = []

    class Watched(socket.socket):
        def listen(self, backlog: int = 0, /) -> None:
            found.append(folder.socket.exists())
            super().listen(backlog)

    monkeypatch.setattr(sockets, "_new_socket", lambda: Watched(socket.AF_UNIX, socket.SOCK_STREAM))
    with closing(sockets.listen(folder.socket)):
        assert found == [False]
        sockets.connect(folder.socket, 1).close()
    assert {path.name for path in folder.path.iterdir() if path.is_socket()} == {folder.socket.name}


def test_a_path_of_any_length_will_do(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / ("a" * 120) / ("b" * 120))
    folder.create()
    queue: SimpleQueue[cmd.Command] = SimpleQueue()
    with Channel(folder.socket, queue.put), Link(folder) as link:
        link.send(cmd.Pause())
    assert queue.get(timeout=5) == cmd.Pause()


def test_there_is_a_bound_on_speakers_and_those_who_leave_make_room(
    folder: RunFolder, taken: SimpleQueue[cmd.Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "MOST_SPEAKERS", 3)
    speakers = [Link(folder) for _ in range(3)]
    for speaker in speakers:
        speaker.send(cmd.Pause())
    with Link(folder) as late, pytest.raises(NoLinkError):
        late.send(cmd.Pause())
    speakers.pop().close()
    deadline = time.monotonic() + 5
    while True:
        try:
            with Link(folder) as late:
                late.send(cmd.Resume())
            break
        except NoLinkError:
            assert time.monotonic() < deadline
    for speaker in speakers:
        speaker.close()


def test_more_who_knock_at_once_than_may_wait_are_all_let_in(folder: RunFolder) -> None:
    """As where many watchers connect again when a run goes on."""
    listener = sockets.listen(folder.socket)
    with closing(listener), ExitStack() as speakers:
        for _ in range(sockets.WAITING + 1):
            speakers.enter_context(closing(sockets.connect(folder.socket, 10)))
        with pytest.raises(BlockingIOError):
            sockets.connect(folder.socket, 0.01)
        opener = Timer(0.05, lambda: speakers.enter_context(listener.accept()[0]))
        opener.start()
        speakers.enter_context(closing(sockets.connect(folder.socket, 10)))
        opener.join()


def test_a_speaker_that_is_killed_leaves_the_others_alone(folder: RunFolder, taken: SimpleQueue[cmd.Command]) -> None:
    code = f"import socket,time; s=socket.socket(socket.AF_UNIX); s.connect({str(folder.socket)!r}); s.send(b'{{\"com')"
    killed = subprocess.Popen(
        [sys.executable, "-c", f"{code}; print(flush=True); time.sleep(60)"], stdout=subprocess.PIPE
    )
    with killed, Link(folder) as speaker:
        assert killed.stdout and killed.stdout.readline()
        killed.kill()
        speaker.send(cmd.Pause())
    assert taken.get(timeout=5) == cmd.Pause()


# waiting for an answer


def answer(command: cmd.Command, accepted: bool = True) -> ev.CommandAnswered:
    return ev.CommandAnswered(command=command.name, accepted=accepted, message="done", step=3, number=command.number)


def write(folder: RunFolder, *events: ev.Event) -> None:
    with JournalWriter(folder.journal) as writer:
        for event in events:
            writer.handle(event)


def test_the_answer_is_the_one_with_its_number_and_not_an_older_one(folder: RunFolder) -> None:
    command, other = cmd.Pause(), cmd.Pause()
    write(folder, answer(command, accepted=False))  # of another process, as numbers go
    with Channel(folder.socket, lambda taken: write(folder, answer(other), answer(taken))):
        assert ask(folder, command, 5).accepted


def test_a_journal_that_begins_with_the_answer_is_read(folder: RunFolder) -> None:
    with Channel(folder.socket, lambda taken: write(folder, answer(taken))):
        assert ask(folder, cmd.Pause(), 5).accepted


def test_an_end_instead_of_an_answer_is_told(folder: RunFolder) -> None:
    end = ev.SessionEnded(reason="completed", step=3, checkpoint="c")
    with Channel(folder.socket, lambda _: write(folder, end)), pytest.raises(NoLinkError, match="before it answered"):
        ask(folder, cmd.Pause(), 5)


def test_a_process_that_is_killed_is_not_waited_for(folder: RunFolder) -> None:
    open_channel = Channel(folder.socket, lambda _: Thread(target=open_channel.__exit__, args=(None,) * 3).start())
    with pytest.raises(NoLinkError, match="ended before it answered Pause"), open_channel:
        ask(folder, cmd.Pause(), 60)


def test_a_process_that_stands_still_has_not_ended(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "RECEIPT_SECONDS", 0.05)
    words = rf"process {os.getpid()} trains .* but stands still: .* may still be carried out"
    with folder.lock(), closing(sockets.listen(folder.socket)), pytest.raises(NoLinkError, match=words):
        ask(folder, cmd.Pause(), 5)


def test_who_waits_for_long_is_told_once(
    folder: RunFolder, taken: SimpleQueue[cmd.Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk has no room for answers; the run goes on with the order all the same."""
    monkeypatch.setattr(link, "SLOW_SECONDS", 0.0)
    told: list[bool] = []
    with pytest.raises(VsrppError, match="not answered in time"):
        ask(folder, cmd.Pause(), 0.2, lambda: told.append(True))
    assert told == [True]


def test_nobody_is_waited_for_longer_than_was_said(folder: RunFolder, taken: SimpleQueue[cmd.Command]) -> None:
    with pytest.raises(VsrppError, match="not answered in time"):
        ask(folder, cmd.Pause(), 0.1)


def test_where_no_process_listens_it_is_said_who_trains(folder: RunFolder) -> None:
    with folder.lock(), pytest.raises(NoLinkError, match=f"process {os.getpid()} trains .* takes no commands"):
        Link(folder)
