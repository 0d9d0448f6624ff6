"""Damage checkpoints, fill the disk while they are saved, and lose what was not flushed: what is acknowledged loads.

python -m tests.faults.checkpoint_files           1,000 damaged files, 100 full disks, 500 crashes of the machine
"""

import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from tests.faults.tally import Tally
from tests.helpers import files_of_at_most, make_info, make_state
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.errors import VsrppError
from vsrpp_core.run import files
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.sidecar import CheckpointInfo

PAGE = 4096


def save(store: CheckpointStore, step: int) -> CheckpointInfo:
    return store.save(make_state(step), lambda name, size: make_info(step, name=name, size=size))


def is_same(a: Any, b: Any) -> bool:
    """Equal to the bit, tensors included."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(is_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(is_same, a, b))
    return type(a) is type(b) and repr(a) == repr(b)  # NaN is itself


# damage


def flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def zeroed(content: bytes, chance: random.Random) -> bytes:
    """A page that was never written: zeros."""
    at = chance.randrange(len(content)) // PAGE * PAGE
    return content[:at] + bytes(len(content[at : at + PAGE])) + content[at + PAGE :]


def shortened(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


DAMAGE = (flipped, zeroed, shortened)


def damaged(folder: Path, count: int) -> Tally:
    """Every damaged file is refused in a sentence, unless all that is read of it is as it was saved."""
    tally, chance = Tally("damaged checkpoints"), random.Random(1)
    store = CheckpointStore(RunFolder(folder))
    path = folder / save(store, 7).name
    content, whole = path.read_bytes(), checkpoints.load(path)
    for number in range(count):
        damage = DAMAGE[number % len(DAMAGE)]
        path.write_bytes(changed := damage(content, chance))
        try:
            state = checkpoints.load(path)
        except VsrppError:
            tally.held("refused")
        except Exception as error:
            tally.failed(f"trial {number}, {damage.__name__}: {type(error).__name__}: {error}")
        else:
            if is_same(state, whole):
                tally.held("unchanged" if changed == content else "in bytes that nothing reads")
            else:
                tally.failed(f"trial {number}, {damage.__name__}: loads as something else")
    return tally


# a full disk


def full_disks(folder: Path, count: int) -> Tally:
    """A save that the disk takes only the first bytes of is told, and leaves the checkpoint before as it was."""
    tally, store = Tally("full disks"), CheckpointStore(RunFolder(folder))
    store.mark_best(save(store, 1))
    size = (folder / "checkpoint_step_1.pth").stat().st_size
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for number in range(count):
        limit = size * number // count
        try:
            with files_of_at_most(limit):
                save(store, 1 if number % 2 else 2)
        except CheckpointError as error:
            after = {path.name: path.read_bytes() for path in folder.iterdir()}
            if after == before:
                tally.held("told")
            else:
                tally.failed(f"full after {limit:,} bytes: {sorted(after)} is left ({error})")
        except Exception as error:
            tally.failed(f"full after {limit:,} bytes: {type(error).__name__}: {error}")
        else:
            tally.failed(f"full after {limit:,} bytes: taken for saved")
    return tally


# a machine that crashes


@dataclass
class Recorder:
    """What reaches a disk, in order: names with their content, flushes, and what was acknowledged in between."""

    folder: Path
    done: list[tuple[str, str, bytes]] = field(default_factory=list)

    def note(self, kind: str, path: Path | str, content: bytes = b"") -> None:
        if Path(path) == self.folder or Path(path).parent == self.folder:
            self.done.append((kind, Path(path).name, content))

    @contextmanager
    def recording(self) -> Iterator[None]:
        sync, replace, unlink, link = files.sync, os.replace, Path.unlink, Path.symlink_to

        def synced(path: Path) -> None:
            if path.is_file():
                self.note("write", path, path.read_bytes())  # its bytes, and at once that they are flushed
            self.note("flush", path)
            sync(path)

        def replaced(source: Path, target: Path) -> None:
            self.note("rename", target, Path(source).name.encode())
            replace(source, target)

        def unlinked(path: Path, missing_ok: bool = False) -> None:
            self.note("remove", path)
            unlink(path, missing_ok)

        def linked(path: Path, target: str) -> None:
            self.note("link", path, str(target).encode())
            link(path, target)

        with (
            mock.patch.object(files, "sync", synced),
            mock.patch("os.replace", replaced),
            mock.patch.object(Path, "unlink", unlinked),
            mock.patch.object(Path, "symlink_to", linked),
        ):
            yield


def crash(done: list[tuple[str, str, bytes]], chance: random.Random, folder: Path) -> None:
    """Fill ``folder`` with what a disk may hold after these operations: what was not flushed may be lost.

    Names since the last flush of the folder may each have reached the disk or not, in their order; content that was not
    flushed may be missing, cut off or zeros.
    """
    names: dict[str, tuple[str, bytes]] = {}
    pending: list[tuple[str, str, bytes]] = []
    flushed: set[str] = set()
    for kind, name, content in done:
        if kind == "flush" and name == "run":
            for each in pending:
                _apply(names, *each)
            pending = []
        elif kind == "flush":
            flushed.add(name)
        elif kind != "acknowledge":
            flushed -= {name} if kind == "write" else set()
            pending.append((kind, name, content))
    kept = pending[: chance.randrange(len(pending) + 1)]
    for kind, name, content in kept:
        lost = kind == "write" and name not in flushed
        _apply(
            names,
            kind,
            name,
            chance.choice((b"", content[: len(content) // 2], bytes(len(content)))) if lost else content,
        )
    for name, (kind, content) in names.items():
        if kind == "link":
            (folder / name).symlink_to(content.decode())
        else:
            (folder / name).write_bytes(content)


def _apply(names: dict[str, tuple[str, bytes]], kind: str, name: str, content: bytes) -> None:
    if kind == "rename":
        if (source := content.decode()) in names:
            names[name] = names.pop(source)
    elif kind == "remove":
        names.pop(name, None)
    else:
        names[name] = (kind, content)


def crashes(folder: Path, count: int) -> Tally:
    """Saves, best links and a step that is saved again; at any prefix the newest acknowledged checkpoint loads."""
    tally, chance = Tally("crashes of the machine"), random.Random(2)
    run = folder / "run"
    run.mkdir()
    recorder, store = Recorder(run), CheckpointStore(RunFolder(run))
    with recorder.recording():
        for step in (1, 2, 3, 2, 4, 5):
            info = save(store, step)
            recorder.done.append(("acknowledge", str(step), b""))
            if step % 2 == 0:
                store.mark_best(info)
    done = recorder.done
    for number in range(count):
        end = chance.randrange(len(done) + 1) if number >= len(done) else number
        acknowledged = [name for kind, name, _ in done[:end] if kind == "acknowledge"]
        shutil.rmtree(run)
        run.mkdir()
        crash(done[:end], chance, run)
        tally_crash(tally, run, acknowledged, end)
    return tally


def tally_crash(tally: Tally, run: Path, acknowledged: list[str], end: int) -> None:
    wanted = {int(step) for step in acknowledged}
    try:
        store = CheckpointStore(RunFolder(run))
        store.clean()
        store.describe_missing()
        loaded = {state["progress"]["step"] for _, state in store.readable(10**9) if isinstance(state, dict)}
        broken = [name for name, state in store.readable(10**9) if not isinstance(state, dict)]
    except Exception as error:
        tally.failed(f"after {end} operations: {type(error).__name__}: {error}")
        return
    if wanted <= loaded and not broken:
        tally.held("newest loads")
    else:
        tally.failed(f"after {end} operations: {sorted(wanted)} acknowledged, {sorted(loaded)} load, {broken} do not")


CAMPAIGNS: dict[Callable[[Path, int], Tally], int] = {damaged: 1000, full_disks: 100, crashes: 500}


def main() -> None:
    held = True
    for campaign, count in CAMPAIGNS.items():
        with tempfile.TemporaryDirectory() as folder:
            held &= campaign(Path(folder), count).tell()
    sys.exit(not held)


if __name__ == "__main__":
    main()
