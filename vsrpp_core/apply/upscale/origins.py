"""Of which film each result in a folder was made, so that another film of the same name is not taken as done.

Separate from marks.py, whose marks live until several films are replaced: this is known of a folder for good, one line
for each result. Results of before are judged by what can be seen of them: their size and length.
"""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from vsrpp_core.apply.upscale.source import Span
from vsrpp_core.data.stacked import SCALE
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import fingerprint, read_json, sync
from vsrpp_core.video.clock import DEFAULT_FPS
from vsrpp_core.video.decoding import declared_seconds, opened
from vsrpp_core.video.video_files import list_folder

NAME = ".vsrpp-sources.jsonl"
FEW_PICTURES, SHARE = 2.5, 0.1
"""A result may be this much longer or shorter than its film: the last picture's time, and damage that was accepted."""


def record(made: Path, out: Path, source: Path, span: Span) -> None:
    """That ``made``, which becomes ``out``, is of this part of ``source``; of several lines the last one that fits."""
    origin = {"source": os.fspath(source.absolute()), **_identity(source, span)}
    line, path = {"result": out.name, "size": _size(made), **origin}, out.parent / NAME
    with path.open("ab") as file:
        file.write((json.dumps(line) + "\n").encode())
    sync(path)


def other_origin(out: Path, source: Path, span: Span) -> str:
    """What ``out`` was made of, in words, where it was not made of this part of ``source``; empty where it may be."""
    is_of = {"result": out.name, "size": _size(out)}
    lines = [line for line in _lines(out.parent / NAME) if is_of.items() <= line.items()]
    if not lines:
        return "" if _may_be(out, source) else "another film: its size or length does not fit"
    made = lines[-1]
    identity = _identity(source, span)
    if made.get("fingerprint") != identity["fingerprint"]:
        return str(made.get("source"))
    return "" if made.get("part") == identity["part"] else f"another part of {source} (--start, --preview)"


def _identity(source: Path, span: Span) -> dict[str, Any]:
    return {"fingerprint": _content(source), "part": [span.start, span.length]}


def _size(result: Path) -> int:
    """Bytes of a file, files of a folder."""
    return sum(1 for _ in result.iterdir()) if result.is_dir() else result.stat().st_size


def _content(source: Path) -> str:
    if not source.is_dir():
        return fingerprint(source)
    digest = sha256()
    for file in list_folder(source).images:
        digest.update(f"{file.name} {fingerprint(file)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        found = [read_json(line) for line in path.read_bytes().split(b"\n")[:-1]]
    except (OSError, ValueError):  # none, or not ours
        return []
    return [line for line in found if isinstance(line, dict)]


def _may_be(out: Path, source: Path) -> bool:
    """By size and length, where both can be read."""
    if out.is_dir() or source.is_dir():
        return True
    try:
        with opened(source) as (film, stream), opened(out) as (result, made):
            rate = float(stream.average_rate or DEFAULT_FPS)
            length, other = declared_seconds(film, stream), declared_seconds(result, made)
            is_larger = (made.width, made.height) == (
                SCALE * stream.width,
                SCALE * stream.height,
            )  # others are recorded
    except VsrppError:
        return True
    differs = abs(length - other) > max(FEW_PICTURES / rate, SHARE * length) if length and other else False
    return is_larger and not differs
