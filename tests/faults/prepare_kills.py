"""Kill a preparation at random moments until it was killed often enough, and see whether it ends as if undisturbed.

python -m tests.faults.prepare_kills              20 kills, on films made on the spot
python -m tests.faults.prepare_kills FOLDER 20    the videos of a folder

Prints one JSON line. A kill is SIGKILL: nothing of the program runs after it.
"""

import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from tests.preloaded import started
from vsrpp_core.data.resize import imresize

KILLS = 20
OPTIONS = ["--patch", "96", "--frames", "3", "--per-minute", "240", "--degradation", "real"]
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Campaign:
    """``different`` names files that are not as in the undisturbed result; ``rounds`` is how often it was begun."""

    kills: int
    rounds: int
    files: int
    different: tuple[str, ...]
    leftovers: tuple[str, ...]


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


def campaign(clips: Path, folder: Path, kills: int) -> Campaign:
    """Made undisturbed, with one worker; then with two, killed ``kills`` times, each time gone on with."""
    plain, killed = folder / "plain", folder / "killed"
    began = time.monotonic()
    _finish(_start(clips, plain, 1))
    longest = time.monotonic() - began
    chance, done, rounds = random.Random(1), 0, 1
    while done < kills:
        if _kill(clips, killed, chance.uniform(0, longest / 2)):
            done += 1
        elif done < kills:  # it was complete before its time had come
            shutil.rmtree(killed)
            rounds += 1
    if not killed.is_dir():
        _finish(_start(clips, killed, 2))
    wanted, found = _digests(plain), _digests(killed)
    different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    leftovers = sorted(path.name for path in folder.iterdir() if path not in (plain, killed) and path != clips)
    return Campaign(done, rounds, len(wanted), tuple(different), tuple(leftovers))


def _start(clips: Path, out: Path, workers: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "vsrpp_core", "prepare", str(clips), "--out", str(out), *OPTIONS]
    command += ["--workers", str(workers)]
    return started(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _finish(process: "subprocess.Popen[str]") -> None:
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def _kill(clips: Path, out: Path, seconds: float) -> bool:
    """Whether it was killed, ``seconds`` after it began to work, before it was complete."""
    draft, begun = out.with_name(f".{out.name}.prepare"), time.monotonic()
    with _start(clips, out, 2) as process:
        try:
            while not (draft / "journal").is_dir() and process.poll() is None:
                assert time.monotonic() < begun + START_SECONDS, "it does not begin"
                time.sleep(0.01)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                return not out.is_dir()
        finally:
            process.kill()
        assert process.returncode == 0, process.stderr.read() if process.stderr else ""
    return False


def _digests(out: Path) -> dict[str, str]:
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else KILLS
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        work.mkdir()
        clips = Path(sys.argv[1]) if len(sys.argv) > 1 else make_films(Path(folder) / "films", 4)
        result = campaign(clips, work, kills)
    held = 0 if result.different or result.leftovers else result.kills
    names = {
        "faults": "prepare_kills",
        "tried": result.kills,
        "held": held,
        "rounds": result.rounds,
        "files": result.files,
    }
    counts = {"different_files": len(result.different), "leftovers": len(result.leftovers)}
    sys.stdout.write(json.dumps({**names, **counts}) + "\n")
    sys.exit(bool(result.different or result.leftovers))


if __name__ == "__main__":
    main()
