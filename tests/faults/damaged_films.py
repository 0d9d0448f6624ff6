"""Upscale and prepare damaged films: done, with what was lost told, or refused in a sentence.

python -m tests.faults.damaged_films              200 films, each through both
"""

import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import av

from tests.faults.checkpoint_files import flipped, shortened, zeroed
from tests.faults.tally import Tally
from tests.vsrpp_core.apply.conftest import Film, run, shot, write_film, write_network
from vsrpp_core.apply.upscale.job_events import UpscaleFinished
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.prepare.job.pipeline import prepare
from vsrpp_core.prepare.job.prepare_events import PrepareReport
from vsrpp_core.prepare.recipe import Recipe

SIDE, COUNT = 48, 40
KINDS = {
    ".mkv": Film(shot(1, COUNT, SIDE, SIDE), audio=("eng",)),
    ".mp4": Film(shot(2, COUNT, SIDE, SIDE), audio=("eng",)),
    ".ts": Film(shot(3, COUNT, SIDE, SIDE)),
    ".avi": Film(shot(4, COUNT, SIDE, SIDE), codec="mpeg4", options={"b": "2M"}),
    ".mov": Film(shot(5, COUNT, SIDE, SIDE), codec="mjpeg", pixels="yuvj420p", options={}),
}
SETTINGS = {"dataset.patch": 36, "dataset.frames": 3, "dataset.patches_per_minute": 6000, "work.workers": 1}


def dropped(source: Path, out: Path, chance: random.Random) -> None:
    """A copy that lacks some packets of the pictures, as a bad reception leaves it."""
    with av.open(str(source)) as film, av.open(str(out), "w") as made:
        stream = film.streams.video[0]
        target = made.add_stream_from_template(stream)
        for packet in film.demux(stream):
            if packet.dts is not None and chance.random() > 0.1:
                packet.stream = target
                made.mux(packet)


def damaged(folder: Path, count: int) -> Iterator[tuple[str, Path]]:
    """Films with what was done to them; each path is used again."""
    chance = random.Random(4)
    films = {suffix: write_film(folder / f"whole{suffix}", film) for suffix, film in KINDS.items()}
    ways = {"flipped": flipped, "zeroed": zeroed, "shortened": shortened}
    for number in range(count):
        suffix = chance.choice(list(films))
        path, way = folder / f"film{suffix}", chance.choice([*ways, "dropped"])
        if way == "dropped":
            dropped(films[suffix], path, chance)
        else:
            content = films[suffix].read_bytes()
            for _ in range(chance.choice((1, 3, 10)) if way != "shortened" else 1):
                content = ways[way](content, chance)
            path.write_bytes(content)
        yield f"{number}: {suffix} {way}", path


UNKNOWABLE = ("dropped", ".ts shortened")
"""What leaves no trace: whole packets that are missing, and the end of a stream that tells no length."""

VERBS = ("upscale", "upscale by force", "prepare")


def campaign(folder: Path, count: int, verbs: Sequence[str] = VERBS) -> Tally:
    tally = Tally("damaged films")
    network = write_network(folder / "network.pth", adds=0.1)
    whole = write_film(folder / "other.mkv", Film(shot(9, 60, SIDE, SIDE)))
    for number, (what, film) in enumerate(damaged(folder, count)):
        for verb in verbs:
            out = folder / f"{verb} {number}{film.suffix if film.suffix == '.mp4' else '.mkv'}"
            try:
                told, made = _prepared(film, whole, out) if verb == "prepare" else _upscaled(network, film, out, verb)
            except VsrppError as error:
                if "\n" in str(error):
                    tally.failed(f"{what}, {verb}: more than a sentence: {error}")
                else:
                    tally.held(f"{verb}: refused")
            except Exception as error:
                tally.failed(f"{what}, {verb}: {type(error).__name__}: {error}")
            else:
                lost = made < COUNT and verb != "prepare" and not any(word in what for word in UNKNOWABLE)
                if lost and not told:
                    tally.failed(f"{what}, {verb}: {made} of {COUNT} pictures without a word")
                else:
                    tally.held(f"{verb}: done, {'losses told' if told else 'nothing lost that shows'}")
    return tally


def _upscaled(network: Path, film: Path, out: Path, verb: str) -> tuple[bool, int]:
    events = run(network, film, out, force=verb.endswith("force"), drop_tracks=True)
    (finished,) = (event for event in events if isinstance(event, UpscaleFinished))
    return any(isinstance(event, WarningRaised) for event in events), finished.frames


def _prepared(film: Path, whole: Path, out: Path) -> tuple[bool, int]:
    with closing(prepare(Recipe.of([film, whole], SETTINGS), out)) as steps:
        (report,) = (step for step in steps if isinstance(step, PrepareReport))
    return bool(report.refused or report.notes), report.train + report.val


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not campaign(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 200).tell())


if __name__ == "__main__":
    main()
