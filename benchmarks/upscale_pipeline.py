"""Upscaling with decoder, network and encoder beside each other, against each part alone and all in turn.

    python benchmarks/upscale_pipeline.py [--pictures 500] [--size 160 90] [--codec libx264] [--rounds 3]

The network is taken out: one costs nothing, another sleeps for as long as encoding a picture takes, as the host does
while a card computes. Decoding alone, jobs on one thread and jobs on three take turns; encoding is what a job on one
thread spends on it. Of jobs the time is taken that their pictures take, without opening and joining. libav's own
threads are left as they are. One JSON line: medians in seconds; jobs over the slower of their own encoding and network,
which a machine that is busy slows alike; and jobs over those on one thread.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.upscale_memory import write
from vsrpp_core.apply.stacks import windows
from vsrpp_core.apply.upscale import upscale as job
from vsrpp_core.apply.upscale.beside import Behind
from vsrpp_core.apply.upscale.encoding import CODECS, CodecName, EncodingRequest
from vsrpp_core.apply.upscale.job_events import UpscaleProgress, UpscaleStarted
from vsrpp_core.apply.upscale.jobs import Options, plan
from vsrpp_core.apply.upscale.source import Pixels, VideoFilm
from vsrpp_core.network.model import SCALE

PREPARED = 100
"""Upscaled pictures, which the network that is not there gives in turn."""


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, film = write(Path(folder), options.pictures, *reversed(options.size))
        bench = Bench(checkpoint, film, options.codec)
        times: dict[str, list[float]] = defaultdict(list)
        for _ in range(options.rounds):
            times["decoding"].append(bench.decoding())
            times["in_turn_free"].append(bench.pictures(in_turn=True))
            times["encoding"].append(Beside.seconds)
            sleep = times["encoding"][-1] / options.pictures
            for name, seconds in (("free", 0.0), ("as_encoding", sleep)):
                times[f"beside_{name}"].append(bench.pictures(seconds))
                times[f"slower beside {name}"].append(max(Beside.seconds, seconds * options.pictures))
            times["in_turn_as_encoding"].append(bench.pictures(sleep, in_turn=True))
    print(json.dumps(report(times, options)))


def report(times: dict[str, list[float]], options: argparse.Namespace) -> dict[str, Any]:
    def ratio(name: str, slower: str) -> float:
        """Median over the rounds."""
        return round(statistics.median(a / b for a, b in zip(times[name], times[slower], strict=True)), 3)

    return {
        "benchmark": "upscale_pipeline",
        "codec": options.codec,
        "film": [*options.size, options.pictures],
        "seconds": {name: round(statistics.median(values), 2) for name, values in times.items()},
        "over_the_slower": {name: ratio(f"beside_{name}", f"slower beside {name}") for name in ("free", "as_encoding")},
        "over_one_thread": {name: ratio(f"beside_{name}", f"in_turn_{name}") for name in ("free", "as_encoding")},
        "share_of_decoding": ratio("decoding", "encoding"),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=2, default=(160, 90), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--codec", choices=CODECS, default="libx264")
    return parser.parse_args()


class Bench:
    """Jobs of one film with a network that is not there."""

    def __init__(self, checkpoint: Path, film: Path, codec: CodecName) -> None:
        self._checkpoint, self._film = checkpoint, film
        self._options = Options(EncodingRequest(codec), "fp32", overwrite=True)
        frames = islice(VideoFilm(film).pictures(0), PREPARED)
        self._prepared = [picture.rgb.repeat(SCALE, 0).repeat(SCALE, 1) for picture in frames]

    def decoding(self) -> float:
        """Seconds that reading takes, in the network's stacks."""
        begin = time.perf_counter()
        for _ in windows(VideoFilm(self._film).pictures(0), 5):
            pass
        return time.perf_counter() - begin

    def pictures(self, sleep: float = 0.0, in_turn: bool = False) -> float:
        """Seconds that all pictures of a job take whose network takes ``sleep`` for each."""
        pictures = cycle(self._prepared)

        def started(*given: object) -> Callable[[], Pixels]:
            time.sleep(sleep)
            return lambda: next(pictures)

        parts: dict[str, Any] = {"started": started, "Behind": InTurn if in_turn else Beside}
        if in_turn:
            parts["ahead"] = lambda items, length: items
        jobs = plan([self._film], self._film.with_name("out.mkv"), overwrite=True).jobs
        with mock.patch.multiple(job, **parts):
            for event in job.upscale(self._checkpoint, jobs, self._options):
                if isinstance(event, UpscaleStarted):
                    begin = time.perf_counter()
                elif isinstance(event, UpscaleProgress) and event.stage == "joining" and event.done == 1:
                    end = time.perf_counter()
        return end - begin


class Beside(Behind[Any]):
    """``seconds`` is what the work of the newest took."""

    seconds = 0.0

    def __init__(self, length: int) -> None:
        super().__init__(length)
        Beside.seconds = 0.0

    def do(self, work: Callable[[], object]) -> Iterator[object]:
        return super().do(lambda: self._timed(work))

    def _timed(self, work: Callable[[], object]) -> None:
        begin = time.perf_counter()
        work()
        Beside.seconds += time.perf_counter() - begin


class InTurn(Beside):
    """Without a thread."""

    def do(self, work: Callable[[], object]) -> Iterator[object]:
        self._timed(work)
        return iter(())


if __name__ == "__main__":
    main()
