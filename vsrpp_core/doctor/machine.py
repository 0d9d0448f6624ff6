"""Checks of the host: memory, open files, disks, terminal, codecs.

Separate from ``card.py`` because nothing here needs torch.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

import psutil
from filelock import FileLock
from rich.console import Console

from vsrpp_core.data.reader_count import BATCHES_ON_THE_WAY, SHARED_MEMORY
from vsrpp_core.doctor.findings import Codecs, Host, OpenFiles, Room, RunDisk, Screen, SharedMemory, Tmux
from vsrpp_core.run.disk import free_bytes
from vsrpp_core.run.files import nearest_folder
from vsrpp_core.run.locks import take

WRITTEN = 64 * 2**20
BLOCK = 4 * 2**20
TMUX_SECONDS = 2.0
DECODERS = ("h264", "hevc", "libdav1d", "vp9", "mpeg2video", "mpeg4", "prores", "dvvideo", "ffv1")
ENCODERS = ("libx264", "libx265", "libsvtav1", "ffv1")


def host() -> Host:
    memory = psutil.virtual_memory()
    return Host(psutil.cpu_count() or 1, memory.total, memory.available)


def shared_memory(workers: int, batch_bytes: int, path: Path = SHARED_MEMORY) -> SharedMemory | None:
    """None where the system has no such folder, or no workers are wanted."""
    if not workers or not path.is_dir():
        return None
    return SharedMemory(path, free_bytes(path), workers * BATCHES_ON_THE_WAY * batch_bytes, workers)


def open_files() -> OpenFiles | None:
    """None where the system has no such limit."""
    try:
        import resource
    except ImportError:
        return None
    allowed, at_most = resource.getrlimit(resource.RLIMIT_NOFILE)
    unbounded = resource.RLIM_INFINITY
    return OpenFiles(sys.maxsize if allowed == unbounded else allowed, -1 if at_most == unbounded else at_most)


def room(run: Path, wanted: int) -> Room | None:
    """None where the disk cannot be asked."""
    folder = nearest_folder(run)
    try:
        return Room(folder, free_bytes(folder), wanted)
    except OSError:
        return None


def run_disk(run: Path, checkpoint: int) -> RunDisk:
    """Tries the nearest folder that exists; leaves nothing behind."""
    folder = nearest_folder(run)
    try:
        with tempfile.TemporaryDirectory(prefix=".vsrpp-doctor-", dir=folder) as trial:
            speed = _write_speed(Path(trial) / "written", min(WRITTEN, free_bytes(folder) // 2))
            return RunDisk(folder, free_bytes(folder), checkpoint, speed, _has_links(Path(trial)), _has_locks(trial))
    except OSError as error:
        return RunDisk(folder, 0, checkpoint, math.nan, False, False, error.strerror or str(error))


def _write_speed(file: Path, size: int) -> float:
    block, start = bytes(BLOCK), time.monotonic()
    with file.open("wb") as written:
        for _ in range(0, size, BLOCK):
            written.write(block)
        written.flush()
        os.fsync(written.fileno())
    return size / max(time.monotonic() - start, 1e-9)


def _has_links(folder: Path) -> bool:
    """Whether a file can have two names, which a run's best checkpoint needs to cost no room."""
    try:
        os.link(folder / "written", folder / "link")
    except OSError:
        return False
    return True


def _has_locks(folder: str) -> bool:
    """Whether a lock keeps a second holder out."""
    first, second = FileLock(f"{folder}/lock", is_singleton=False), FileLock(f"{folder}/lock", is_singleton=False)
    try:
        return take(first) and not take(second)
    except (OSError, NotImplementedError):
        return False
    finally:
        first.release()
        second.release()


def screen() -> Screen:
    """The terminal on standard output, also where that is a pipe: TERM and the encoding are known all the same."""
    term = os.environ.get("TERM", "")
    multiplexer: Literal["", "tmux", "screen"] = (
        "tmux" if os.environ.get("TMUX") else "screen" if os.environ.get("STY") else ""
    )
    colours = {"standard": 16, "256": 256, "truecolor": 2**24, "windows": 16}
    system = Console(force_terminal=True).color_system
    output = sys.__stdout__ or sys.stdout  # an application may have put something else in its place
    return Screen(term, colours.get(system or "", 0), output.encoding or "", multiplexer, output.isatty())


def tmux() -> Tmux | None:
    """None outside of tmux, or where it does not answer."""
    if not os.environ.get("TMUX"):
        return None
    try:
        return Tmux(int(_tmux_option("-sv", "escape-time")), _tmux_option("-gv", "mouse") == "on")
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _tmux_option(scope: str, name: str) -> str:
    asked = subprocess.run(
        ["tmux", "show-options", scope, name], capture_output=True, text=True, timeout=TMUX_SECONDS, check=True
    )
    return asked.stdout.strip()


def codecs() -> Codecs:
    return Codecs(
        tuple(name for name in DECODERS if not _has_codec(name, "r")),
        tuple(name for name in ENCODERS if not _has_codec(name, "w")),
    )


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    import av  # which a look at the other things does not need

    try:
        av.Codec(name, mode)
    except ValueError:  # what PyAV's UnknownCodecError is
        return False
    return True
