"""Kill work on files at random moments, go on, and compare what comes of it with the undisturbed result.

python -m tests.faults.job_kills                  30 kills each of prepare, cache, check --fix and upscale
python -m tests.faults.job_kills 100 prepare      of one of them

A kill is SIGKILL: nothing of the program runs after it. Half of those of upscale wait for the joining.
"""

import hashlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from tests.faults.tally import Tally
from tests.helpers import write_dataset
from tests.preloaded import started
from tests.vsrpp_core.apply.conftest import Film, shot, write_film, write_network
from vsrpp_core.data.quarantine import REASONS_NAME
from vsrpp_core.data.resize import imresize
from vsrpp_core.run.names import listed

KILLS = 30
START_SECONDS = 120.0
CUTTING = ("--patch", "96", "--frames", "3", "--per-minute", "240", "--degradation", "real", "--workers", "2")
BAD_PAIRS = 150

Result = dict[str, str]
"""Names with what is there."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work in a folder of its own; what several share is beside it."""

    make: Callable[[Path], None]
    """Fill the empty folder."""
    arguments: Callable[[Path], Sequence[str]]
    is_begun: Callable[[Path], bool]
    is_late: Callable[[Path], bool]
    """Begun in the part that takes least of the time, for which every second kill waits."""
    is_done: Callable[[Path], bool]
    result: Callable[[Path], Result]
    statuses: tuple[int, ...] = (0,)
    """Of the command, also where all is done."""


def digests(folder: Path) -> Result:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# prepare


def make_films(folder: Path, count: int, frames: int = 100) -> Path:
    """Cameras that pan over random textures."""
    folder.mkdir(parents=True)
    for number in range(count):
        chance = np.random.default_rng(number)
        coarse = chance.integers(0, 256, (24, 32 + frames // 4, 3)).astype(np.uint8)
        wall = imresize(coarse, 120, 160 + 2 * frames)
        with av.open(str(folder / f"film{number}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": "12", "preset": "veryfast"})
            stream.height, stream.width, stream.pix_fmt = 120, 160, "yuv420p"
            for n in range(frames):
                picture = np.ascontiguousarray(wall[:, 2 * n : 2 * n + 160])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    return folder


def share_films(folder: Path) -> None:
    if not (films := folder.with_name("films")).exists():
        make_films(films, 3, 60)


PREPARE = Job(
    share_films,
    lambda folder: ("prepare", str(folder.with_name("films")), "--out", str(folder / "out"), *CUTTING),
    lambda folder: (folder / ".out.prepare/journal").is_dir(),
    lambda folder: (folder / ".out.prepare/selection.json").is_file(),
    lambda folder: (folder / "out").is_dir(),
    digests,
)


# cache


def make_pairs(folder: Path) -> None:
    """The same files at the same times, as those are part of a cache."""
    if not (pairs := folder.with_name("pairs")).exists():
        write_dataset(pairs, n_train=400)
    shutil.copytree(pairs, folder, dirs_exist_ok=True)


CACHE = Job(
    make_pairs,
    lambda folder: ("cache", str(folder)),
    lambda folder: any(folder.glob(".tmp-*")),
    lambda folder: any(path.stat().st_size > 1_000_000 for path in folder.glob(".tmp-*")),
    lambda folder: (folder / "Patches.cache").is_file(),
    digests,
)


# check --fix


def make_bad_pairs(folder: Path) -> None:
    write_dataset(folder, n_train=6)
    content = (folder / "Patches/LR/s000.png").read_bytes()
    for number in range(BAD_PAIRS):
        for side in ("LR", "GT"):
            (folder / f"Patches/{side}/bad{number:03d}.png").write_bytes(content[: 100 + number])


def kept_and_moved(folder: Path) -> Result:
    """What is left, and what is moved aside, each file with whether a reason is there; wherever it was moved to."""
    result = {name: content for name, content in digests(folder).items() if not name.startswith(".aside")}
    for moved in (folder / ".aside").glob("*"):
        reasons = (moved / REASONS_NAME).read_text().splitlines() if (moved / REASONS_NAME).exists() else []
        for name, content in digests(moved).items():
            if name != REASONS_NAME:
                result[f"aside {name}"] = f"{content} {'told' if name in reasons else 'without a reason'}"
    return result


FIX = Job(
    make_bad_pairs,
    lambda folder: ("check", "--fix", str(folder)),
    lambda folder: (folder / ".aside").is_dir(),
    lambda folder: len(list((folder / ".aside").glob("*/Patches/*/*"))) > BAD_PAIRS,
    lambda folder: not any(folder.glob("Patches/*/bad*")),
    kept_and_moved,
)


# upscale


def share_film(folder: Path) -> None:
    if not (network := folder.with_name("network.pth")).exists():
        write_network(network, adds=0.1)
        write_film(folder.with_name("film.mp4"), Film(shot(1, 90) + shot(2, 90), audio=("eng",)))


UPSCALE = Job(
    share_film,
    lambda folder: (
        *("upscale", str(folder.with_name("network.pth")), str(folder.with_name("film.mp4")), str(folder / "out.mp4")),
        *("--segment", "0.2s", "--precision", "fp32"),
    ),
    lambda folder: any(folder.glob(".out.mp4.vsrpp/segment_*")),
    lambda folder: any(path for path in folder.glob(".out.mp4.vsrpp/joined.mp4") if path.stat().st_size),
    lambda folder: (folder / "out.mp4").is_file(),
    digests,
    statuses=(0, 2),
)

JOBS = {"prepare": PREPARE, "cache": CACHE, "check --fix": FIX, "upscale": UPSCALE}


def campaign(job: Job, name: str, folder: Path, kills: int) -> Tally:
    """Each kill is told apart by whether the work was late; each result is compared as soon as it is complete."""
    tally, chance = Tally(f"kills of {name}"), random.Random(1)
    wanted, longest = undisturbed(job, folder / "work")
    shutil.rmtree(folder / "work")
    while tally.tried < kills:
        (folder / "work").mkdir(exist_ok=True)
        if not any((folder / "work").iterdir()):
            job.make(folder / "work")
        is_late = tally.tried % 2 == 1
        killed = kill(job, folder / "work", chance.uniform(0, longest / 10 if is_late else longest), is_late)
        wrong = ""
        if job.is_done(folder / "work") or tally.tried == kills - 1:
            finish(job, folder / "work")
            found = job.result(folder / "work")
            wrong = listed(sorted({key for key, _ in found.items() ^ wanted.items()}))
            shutil.rmtree(folder / "work")
        if wrong:
            tally.failed(f"{name}: other {wrong}")
        elif killed:
            tally.held("late" if is_late else "at any time")
    return tally


def undisturbed(job: Job, folder: Path) -> tuple[Result, float]:
    """The result, and how many seconds it took once begun."""
    folder.mkdir()
    job.make(folder)
    with start(job, folder) as process:
        wait_for(job.is_begun, folder, process)
        began = time.monotonic()
    assert process.returncode in job.statuses, process.returncode
    return job.result(folder), time.monotonic() - began


def finish(job: Job, folder: Path) -> None:
    with start(job, folder) as process:
        _, errors = process.communicate()
    assert process.returncode in job.statuses, errors


def kill(job: Job, folder: Path, seconds: float, is_late: bool) -> bool:
    """Whether it was killed, ``seconds`` after it began, before it ended."""
    with start(job, folder) as process:
        try:
            wait_for(job.is_late if is_late else job.is_begun, folder, process)
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return True
        assert process.returncode in job.statuses, process.stderr.read() if process.stderr else ""
        return False


def start(job: Job, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "vsrpp_core", *job.arguments(folder)]
    return started(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[Path], bool], folder: Path, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + START_SECONDS
    while not condition(folder) and process.poll() is None:
        assert time.monotonic() < end, "it does not begin"
        time.sleep(0.002)


def main() -> None:
    kills, names = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS, sys.argv[2:] or list(JOBS)
    held = True
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            held &= campaign(JOBS[name], name, Path(folder), kills).tell()
    sys.exit(not held)


if __name__ == "__main__":
    main()
