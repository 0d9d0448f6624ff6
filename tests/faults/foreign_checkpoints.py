"""Give hostile and foreign files to everything that reads weights: none is executed, none is taken for half of one.

python -m tests.faults.foreign_checkpoints        about 100 files, each through every reader
"""

import copy
import io
import os
import pickle
import random
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as save_tensors

from tests.faults.tally import Tally
from tests.helpers import make_state
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.legacy_checkpoint import read_original
from vsrpp_core.checkpoint.stored_network import read_exported, read_stored
from vsrpp_core.errors import VsrppError
from vsrpp_core.session.import_run import import_run

MARK = "executed"
WRONG: tuple[Any, ...] = (None, "text", -1, 2.5, float("nan"), [], {}, True, torch.zeros(2), [[1]], {"a": 1}, b"bytes")


class Bomb:
    """Unpickled by a careless reader it makes a file."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self._call = call, arguments

    def __reduce__(self) -> Any:
        return self._call


def bombs() -> Iterator[Any]:
    yield Bomb(os.mkdir, MARK)
    yield Bomb(os.system, f"touch {MARK}")
    yield Bomb(eval, f"__import__('os').mkdir('{MARK}')")
    yield Bomb(exec, f"open('{MARK}', 'w')")


def hidden_bombs() -> Iterator[Any]:
    """In every part of a checkpoint."""
    for part in make_state():
        yield {**make_state(), part: next(bombs())}
    yield from bombs()
    yield {"model": make_state()["model"], "extra": {"deep": [next(bombs())]}}


def torch_files() -> Iterator[tuple[str, bytes]]:
    for number, value in enumerate(hidden_bombs()):
        yield f"bomb {number}", saved(value)
        yield f"bomb {number} of the old format", saved(value, zipped=False)
        yield f"bare bomb {number}", pickle.dumps(value)
    for value in (1, "text", [], {}, {"format": 2}, {"format": 10**9}, torch.zeros(3), make_state()["model"]):
        yield f"{type(value).__name__} {str(value)[:20]}", saved(value)


def other_files() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "text", b"hello\n" * 100
    yield "zeros", bytes(100_000)
    yield "picture", b"\x89PNG\r\n\x1a\n" + bytes(64)
    for names in (
        ("a.txt",),
        ("../../escape", "/absolute"),
        ("archive/data.pkl",),
        ("x/data.pkl", "x/version", "x/data/0"),
    ):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for name in names:
                archive.writestr(name, b"cos\nsystem\n(S'touch executed'\ntR.")
        yield f"archive of {names}", made.getvalue()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(50_000_000))
    yield "zip bomb", made.getvalue()
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("../escape"))
    yield "tar", made.getvalue()
    made = io.BytesIO()
    np.savez(made, a=np.zeros(3), b=np.array([{"a": 1}], dtype=object))
    yield "numpy archive", made.getvalue()
    yield "deep pickle", b"\x80\x02" + b"]" * 100_000 + b"."


def tensor_files() -> Iterator[tuple[str, bytes]]:
    """safetensors with headers that lie."""
    plain = save_tensors({"a": torch.zeros(4)}, {"format": "vsrpp-network", "format_version": "1", "n_feats": "x"})
    yield "safetensors of something else", plain
    yield "safetensors cut off", plain[:-5]
    for length in (0, 2**63, 2**64 - 1):
        yield f"safetensors with a header of {length}", length.to_bytes(8, "little") + plain[8:]
    for header in (
        *("{}", "[]", "null", '{"__metadata__": 3}'),
        '{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}',
        '{"__metadata__": {"format": "vsrpp-network", "format_version": "1"}}',
    ):
        yield f"safetensors of {header[:30]}", len(header).to_bytes(8, "little") + header.encode() + bytes(4)


def mutants(count: int) -> Iterator[tuple[str, bytes]]:
    """A whole checkpoint of which one value, at any depth, is missing or another."""
    chance = random.Random(3)
    for number in range(count):
        state = make_state()
        state = copy.deepcopy(state)
        at: Any = state
        path = []
        while True:
            key = chance.choice(list(at))
            path.append(str(key))
            if not isinstance(at[key], dict) or not at[key] or chance.random() < 0.3:
                break
            at = at[key]
        if chance.random() < 0.4:
            del at[key]
        else:
            at[key] = chance.choice(WRONG)
        yield f"mutant {number} at {'.'.join(path)}", saved(state)


def saved(value: Any, zipped: bool = True) -> bytes:
    made = io.BytesIO()
    torch.save(value, made, _use_new_zipfile_serialization=zipped)
    return made.getvalue()


READERS: dict[str, Callable[[Path], object]] = {
    "checkpoint": checkpoints.load,
    "network": read_stored,
    "export": read_exported,
    "original": read_original,
}


def campaign(folder: Path, n_mutants: int) -> Tally:
    tally = Tally("foreign checkpoints")
    here = Path.cwd()
    os.chdir(folder)
    try:
        for what, content in (*torch_files(), *other_files(), *tensor_files(), *mutants(n_mutants)):
            for suffix in (".pth", ".safetensors"):
                _try(tally, folder, what, content, suffix)
    finally:
        os.chdir(here)
    return tally


def _try(tally: Tally, folder: Path, what: str, content: bytes, suffix: str) -> None:
    path, run = folder / f"file{suffix}", folder / "run"
    path.write_bytes(content)
    wrong, read = [], []
    readers: dict[str, Callable[[Path], object]] = {**READERS, "import": partial(import_run, run=run)}
    for name, reader in readers.items():
        try:
            reader(path)
            if name != "original":
                read.append(name)
        except VsrppError:
            pass
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {str(error)[:100]}")
    if (folder / MARK).exists():
        wrong.append("it was executed")
    if any(run.glob("*.pth")) and "import" not in read:
        wrong.append("half imported")
    if read and not what.startswith("mutant"):
        wrong.append(f"taken by {read}")
    shutil.rmtree(run, ignore_errors=True)
    if wrong:
        tally.failed(f"{what}{suffix}: {'; '.join(wrong)}")
    else:
        tally.held("taken, as what was changed may be" if read else "refused")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not campaign(Path(folder), 60).tell())


if __name__ == "__main__":
    main()
