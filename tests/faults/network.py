"""Run every kind of work where there is no network: it ends well, calls nobody, and listens where it is asked to alone.

python -m tests.faults.network                    Linux, with the right to make namespaces

In a namespace of its own only the loopback device is there, and each socket in it is one of ours.
"""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.job_kills import make_films
from tests.faults.tally import Tally
from tests.helpers import TINY, write_dataset
from vsrpp_tui.threads.tensorboard_server import TensorBoard

LISTENING = "0A"
"""As /proc/net/tcp has it."""
LOCAL = {"0100007F", "0" * 24 + "01000000"}
"""127.0.0.1 and ::1, as it has them on machines that store the last byte first."""

WATCH = """
import os, socket, sys

def note(event, given):
    if event in ("socket.connect", "socket.bind", "socket.sendto") and given[0].family == socket.AF_UNIX:
        return
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"):
        with open(os.environ["CALLS"], "a") as file:
            file.write(f"{event} {given[1:] if event != 'socket.getaddrinfo' else given}\\n")

sys.addaudithook(note)
"""
"""What each Python program does first."""

SETTINGS = {**TINY, "training.max_steps": 12, "data.workers": 2}


def listeners() -> list[str]:
    """Addresses in hexadecimal, of this namespace."""
    rows = [row.split() for kind in ("tcp", "tcp6") for row in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    return [row[1].split(":")[0] for row in rows if row[3] == LISTENING]


def commands(folder: Path) -> dict[str, Sequence[str]]:
    """By their verbs, each with what those before it made."""
    run, best, film = folder / "run", str(folder / "run/checkpoint_best.pth"), str(folder / "films/film0.mp4")
    settings = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    settings += ["--set", "cadence.best_from=0"]
    return {
        "train": (str(run), "--data", str(folder / "data"), *settings),
        "report": (str(run),),
        "check": (str(folder / "data"),),
        "cache": (str(folder / "data"),),
        "prepare": (str(folder / "films"), "--out", str(folder / "made"), "--patch", "96", "--per-minute", "240"),
        "evaluate": (best, film),
        "upscale": (best, film, str(folder / "out.mp4")),
        "export": (best, str(folder / "out.safetensors")),
        "doctor": (),
    }


def inside(folder: Path, verbs: Sequence[str]) -> Tally:
    """In the namespace."""
    tally = Tally("without a network")
    raise_loopback()
    write_dataset(folder / "data")
    if "prepare" in verbs:
        make_films(folder / "films", 2, 60)
    for verb, arguments in commands(folder).items():
        if verb not in verbs:
            continue
        heard, status, said = watched(folder, [sys.executable, "-m", "vsrpp_core", verb, *arguments])
        calls = (folder / "calls").read_text() if (folder / "calls").exists() else ""
        if heard or calls or status not in ((0, 1) if verb == "doctor" else (0,)):
            tally.failed(f"{verb}: status {status}, listens on {heard}, calls {calls!r}, says {said[-300:]}")
        else:
            tally.held(verb)
        (folder / "calls").unlink(missing_ok=True)
    if "tensorboard" in verbs:
        server = TensorBoard()
        server.start(folder / "run/logs")
        while server.is_running and not server.url:
            time.sleep(0.1)
        found = set(listeners())
        server.stop()
        if found and found <= LOCAL and not listeners():
            tally.held("tensorboard")
        else:
            tally.failed(f"TensorBoard listens on {found}, and after its end on {listeners()}")
    return tally


def watched(folder: Path, command: Sequence[str]) -> tuple[set[str], int, str]:
    """Where a program listens while it runs, its status and what it says."""
    heard: set[str] = set()
    (folder / "sitecustomize.py").write_text(WATCH)
    environment = {**os.environ, "CALLS": str(folder / "calls")}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", str(Path.cwd()))])
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        while process.poll() is None:
            heard |= set(listeners())
            time.sleep(0.05)
    return heard, process.returncode, (folder / "said").read_text()


def raise_loopback() -> None:
    with socket.socket() as any_socket:  # struct ifreq: a name and its flags; SIOCSIFFLAGS, IFF_UP
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))


def has_namespaces() -> bool:
    unshare = shutil.which("unshare")
    return bool(unshare) and subprocess.run([str(unshare), "-rn", "true"], capture_output=True).returncode == 0


def campaign(folder: Path, verbs: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Its line is printed by the process in the namespace."""
    command = ["unshare", "-rn", sys.executable, "-m", "tests.faults.network", str(folder), *verbs]
    return subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE)


def main() -> None:
    if len(sys.argv) > 1:
        sys.exit(not inside(Path(sys.argv[1]), sys.argv[2:]).tell())
    if not has_namespaces():
        sys.exit("the campaign without a network needs `unshare -rn`, which is not there or not allowed here")
    with tempfile.TemporaryDirectory() as folder:
        done = campaign(Path(folder), [*commands(Path()), "tensorboard"])
    sys.stdout.write(done.stdout)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
