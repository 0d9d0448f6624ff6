"""Upscale films with awkward properties and look whether all but the pictures' size is as it was.

make faults                            the films made here
python -m tests.faults.films CLIP...   and these, each upscaled as a whole by a network that costs next to nothing

Prints one line of JSON. What a reader sees is told by PyAV, and by ffprobe where it is installed.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.probe import Facts, by_ffprobe, by_pyav, differences, has_ffprobe
from tests.vsrpp_core.apply.conftest import Film, run, shot, write_film, write_network
from vsrpp_core.apply.upscale.job_events import UpscaleFinished
from vsrpp_core.errors import VsrppError

SIDE = 48
UNEVEN = [0, 40, 75, 150, 160, 400, 433, 466, 500, 620, 640, 700]
"""Milliseconds."""


def _deep(count: int) -> list[Any]:
    return [picture.astype(np.uint16) * 257 for picture in shot(3, count, 2 * SIDE, 2 * SIDE)]


def _jumping(count: int) -> list[int]:
    """Times of a phone that drops frames: 33 or 34 ms, and now and then a gap."""
    random = np.random.default_rng(4)
    steps = random.choice([33, 33, 34, 67, 300], count - 1)
    return [0, *accumulate(int(step) for step in steps)]


TAGS = {"colorspace": 1, "color_range": 1, "color_primaries": 1, "color_trc": 1}
DEEP_TAGS = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 16}
PLAIN = shot(1, 12, SIDE, SIDE)

FILMS: dict[str, tuple[tuple[str, ...], Film]] = {
    "variable_rate": ((".mkv", ".mp4"), Film(PLAIN, UNEVEN, audio=("eng",))),
    "phone": ((".mp4", ".mkv"), Film(shot(2, 60, SIDE, SIDE), _jumping(60), audio=("und",), rotation=90)),
    "begins_late": ((".mkv", ".mp4"), Film(PLAIN, [t + 700 for t in UNEVEN], audio=("eng",))),
    "turned_90": ((".mp4", ".mov", ".mkv"), Film(PLAIN, rotation=90)),
    "turned_180": ((".mp4", ".mkv"), Film(PLAIN, rotation=180)),
    "turned_270": ((".mov", ".mkv"), Film(PLAIN, rotation=-90)),
    "ten_bits": (
        (".mkv", ".mp4"),
        Film(
            _deep(12),
            pixels="yuv420p10le",
            codec="libx265",
            options={"crf": "8", "x265-params": "log-level=none"},
            tags=DEEP_TAGS,
        ),
    ),
    "ten_bits_422": ((".mkv",), Film(_deep(12), pixels="yuv422p10le", tags=TAGS)),
    "full_range": ((".mp4", ".mkv"), Film(PLAIN, tags={**TAGS, "color_range": 2})),
    "standard_colours": (
        (".mp4", ".mkv"),
        Film(PLAIN, tags={"colorspace": 6, "color_range": 1, "color_primaries": 6, "color_trc": 6}),
    ),
    "no_sound": ((".mp4", ".mkv"), Film(PLAIN)),
    "two_sounds": ((".mp4", ".mkv"), Film(PLAIN, audio=("deu", "eng"))),
    "odd_size": ((".mkv", ".mp4"), Film(shot(1, 12, 45, 51), pixels="yuv444p", audio=("eng",))),
    "wide_pixels": ((".mkv", ".mp4"), Film(PLAIN, aspect=Fraction(16, 11))),
    "one_frame": ((".mkv", ".mp4"), Film(PLAIN[:1])),
    "two_frames": ((".mkv", ".mp4"), Film(PLAIN[:2])),
    "three_frames": ((".mkv", ".mp4"), Film(PLAIN[:3], audio=("eng",))),
    "four_frames": ((".mkv", ".mp4"), Film(PLAIN[:4])),
    "words_and_chapters": (
        (".mkv",),
        Film(
            shot(1, 20, SIDE, SIDE), audio=("eng",), subtitles=True, chapters=True, metadata={"title": "Ein Film – ü"}
        ),
    ),
    "chapters": (
        (".mp4", ".mov"),
        Film(shot(1, 20, SIDE, SIDE), audio=("eng",), chapters=True, metadata={"title": "A film"}),
    ),
    "cut": ((".mkv", ".mp4"), Film(shot(1, 9, SIDE, SIDE) + shot(2, 8, SIDE, SIDE), audio=("eng",))),
    "ffv1": ((".mkv",), Film(PLAIN, UNEVEN, codec="ffv1", options={})),
    "mpeg4": ((".mkv", ".mp4"), Film(PLAIN, codec="mpeg4", options={"b": "2M"})),
}
"""Suffixes of source and result, and the film; the first is also made into the others."""

Reader = Callable[[Path], Facts]


def readers() -> dict[str, Reader]:
    return {"PyAV": by_pyav, **({"ffprobe": by_ffprobe} if has_ffprobe() else {})}


def upscaled(checkpoint: Path, source: Path, out: Path, segment_seconds: float = 0.2) -> list[str]:
    """Differences between a film and what becomes of it, each with the reader that saw it."""
    *_, finished = run(checkpoint, source, out, segment_seconds=segment_seconds)
    assert isinstance(finished, UpscaleFinished)
    told = ["a work folder is left"] if any(out.parent.glob(".*.vsrpp")) else []
    for name, read in readers().items():
        told += [f"{name}: {difference}" for difference in differences(read(source), read(out))]
    return told


def _tried(checkpoint: Path, source: Path, out: Path, segment_seconds: float = 0.2) -> list[str]:
    try:
        return upscaled(checkpoint, source, out, segment_seconds)
    except VsrppError as error:
        return [f"refused: {error}"]


def main(clips: list[Path]) -> None:
    found: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        checkpoint = write_network(folder / "network.pth", adds=0.1)
        for name, (suffixes, film) in FILMS.items():
            for suffix in suffixes:
                source = write_film(folder / f"{name}{suffix}", film)
                for target in suffixes if suffix == suffixes[0] else (suffix,):
                    out = folder / f"{name}{suffix.replace('.', '_')}.out{target}"
                    found[f"{name}{suffix} to {target}"] = _tried(checkpoint, source, out)
        for clip in clips:
            begun = time.monotonic()
            found[clip.name] = _tried(checkpoint, clip, folder / f"{clip.stem}.out{clip.suffix}", segment_seconds=2)
            seconds[clip.name] = round(time.monotonic() - begun, 1)
    wrong = {name: told for name, told in found.items() if told}
    counts = {"tried": len(found), "held": len(found) - len(wrong)}
    result = {"faults": "films", **counts, "readers": list(readers()), "wrong": wrong, "clips": seconds}
    sys.stdout.write(json.dumps(result) + "\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
