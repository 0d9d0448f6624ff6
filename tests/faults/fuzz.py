"""Feed readers of small files with what no program wrote: each gives a value or refuses in a sentence, nothing else.

python -m tests.faults.fuzz 3600                  seconds, divided among the readers; by hypothesis
"""

import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.faults.tally import Tally
from tests.helpers import make_event, make_info
from vsrpp_core.apply.upscale.marks import Mark
from vsrpp_core.apply.upscale.origins import other_origin
from vsrpp_core.apply.upscale.segments import UpscaleFolder
from vsrpp_core.apply.upscale.source import Span
from vsrpp_core.data.disk_cache import CacheHeader, read_header
from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import journal
from vsrpp_core.messages.events import EVENT_TYPES
from vsrpp_core.prepare.job.existing import finished
from vsrpp_core.prepare.job.work_folder import Journal, PrepareFolder
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.legacy_settings import read_original_settings
from vsrpp_core.run.sidecar import info_of
from vsrpp_tui.user.preferences import read_preferences

Reader = Callable[[Path], object]
"""Reads the file that was written; VsrppError for what it refuses."""


def _config(path: Path) -> object:
    config = RunConfig.load(path)
    config.save(path)
    try:
        assert RunConfig.load(path) == config
    except VsrppError as error:
        raise AssertionError(f"what we write is refused: {error}") from None
    return config


def _recipe(path: Path) -> object:
    recipe = Recipe.load(path)
    written = recipe.to_toml()
    path.write_text(written, encoding="utf-8")
    try:
        assert Recipe.load(path).to_toml() == written  # in which a name that is no text has become a pattern
    except VsrppError as error:
        raise AssertionError(f"what we write is refused: {error}") from None
    return recipe


def _journal(path: Path) -> object:
    for event in journal.replay(path):
        journal.encode(event)
        assert all(hasattr(event, f.name) for f in fields(event))
    return None


def _run(path: Path) -> object:
    """The sidecar, as whoever lists a run reads it."""
    path.with_suffix(".pth").write_bytes(b"x" * 10)
    info = info_of(path.with_suffix(".pth"))
    RunFolder(path.parent).summary()
    return info and (info.step + info.size, math.isnan(info.loss), f"{info.kind}{info.name}")


def _job(path: Path) -> object:
    work = PrepareFolder(path.parent / "out")
    work.path.mkdir(exist_ok=True)
    (work.path / "selection.json").write_text("[]")
    (work.path / "job.json").write_bytes(path.read_bytes())
    work.open_for({"a": 1}, fresh=False)
    return None


def _cuts(path: Path) -> object:
    read = Journal(path, None)
    return read.ending, [cut.start + len(cut.name) for cut in read.cuts.values()]


def _segment(path: Path) -> object:
    work = UpscaleFolder(path.parent / "film.mkv")
    work.path.mkdir(exist_ok=True)
    (work.path / "segment_000000.packets").write_bytes(b"abcde")
    (work.path / "segment_000000.json").write_bytes(path.read_bytes())
    return [segment.frames + segment.size + segment.delay for segment in work.begin({}, fresh=False)]


def _origin(path: Path) -> object:
    out = path.parent / "film.mkv.out"
    out.write_bytes(b"12345")
    (path.parent / ".vsrpp-sources.jsonl").write_bytes(path.read_bytes())
    return other_origin(out, out, Span())


def _dataset(path: Path) -> object:
    """The files that describe one: manifest and videos are these bytes."""
    out = path.parent / "dataset"
    out.mkdir(exist_ok=True)
    for name in ("manifest.jsonl", "videos.jsonl"):
        (out / name).write_bytes(path.read_bytes())
    (out / "recipe.toml").write_text(Recipe.of([path]).to_toml())
    return finished(Recipe.of([path]), out)


def _mark(path: Path) -> object:
    mark = Mark(path)
    mark.path.write_bytes(path.read_bytes())
    return mark.frames_of({})


INFO = json.dumps(asdict(make_info()))
EVENTS = "\n".join(journal.encode(make_event(kind)) for kind in EVENT_TYPES.values())
CUT = {
    "name": "a.png",
    "start": 0,
    "scene": 0,
    "x": 1,
    "y": 2,
    "frames": [0],
    "seconds": [0.5],
    "degradation": [],
    "sizes": [1, 2],
}
SEGMENT = {"index": 0, "first": 0, "frames": 1, "crc": 0x8587D865, "packets": [[5, 0, 1, True]]}
ORIGIN = {"result": "film.mkv.out", "size": 5, "source": "a", "fingerprint": "b", "part": [0.0, None]}
VIDEO = {
    "video": "a.mkv",
    "category": "general",
    "bytes": 1,
    "fingerprint": "a",
    "version": 2,
    "split": "train",
    "name": "a.png",
}

READERS: dict[str, tuple[Reader, str]] = {
    "config.toml": (_config, '[training]\nbatch_size = 2\nmax_steps = 100\n[data]\nroot = "data"\n'),
    "recipe.toml": (_recipe, Recipe.of(["a.mkv"]).to_toml()),
    "events.jsonl": (_journal, EVENTS),
    "checkpoint_step_1.json": (_run, INFO),
    "job.json": (_job, '{"format": 1, "a": 1}'),
    "journal of cuts": (_cuts, json.dumps(CUT) + '\n{"ending": {"frames": 3, "starts": [1]}}\n'),
    "segment.json": (_segment, json.dumps(SEGMENT)),
    "sources.jsonl": (_origin, json.dumps(ORIGIN) + "\n"),
    "manifest.jsonl": (_dataset, json.dumps(VIDEO) + "\n"),
    "done": (_mark, '{"job": {}, "frames": 3, "result": [1, 2, 3]}'),
    "Patches.cache": (read_header, CacheHeader(0, StackGeometry(5, 8, 8), "a").encode().decode()),
    "train_config.json": (read_original_settings, '{"LR_MAX": 1e-4, "BATCH_SIZE": 4, "VAL_STEP_EVERY": 500}'),
    "tui.toml": (lambda path: read_preferences(path, list), 'theme = "dark"\n[keys]\n"run.stop" = "ctrl+s"\n'),
}  # fmt: skip
"""Files by their names: who reads them, and what a sound one is like."""

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from([10**400, -1, 0, 2**63])
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
DEEP = (b"[" * 5000, b'{"a":' * 5000)
strange = st.sampled_from(
    (b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"1e999", b"NaN", b"-", b'"', b"\n", b"\\ud800", b"9" * 5000, *DEEP)
)


@st.composite
def documents(draw: st.DrawFn, sound: str) -> bytes:
    """A sound document with some of its bytes replaced, with values of another kind, or of nothing but chance."""
    way = draw(st.sampled_from(("bytes", "pieces", "values", "other")))
    if way == "other":
        return draw(st.binary(max_size=60) | strange)
    content = sound.encode()
    if way == "values":
        return _with_other_values(draw, sound)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 12)) if way == "bytes" else draw(st.integers(0, len(content)))
        content = content[:at] + draw(st.binary(max_size=6) | strange) + content[at + length :]
    return content


def _with_other_values(draw: st.DrawFn, sound: str) -> bytes:
    """JSON with one value changed in each line, TOML with one line's value."""
    lines = sound.splitlines()
    place = draw(st.integers(0, len(lines) - 1))
    try:
        record = json.loads(lines[place])
    except ValueError:
        name, is_value, _ = lines[place].partition("=")
        lines[place] = f"{name}= {json.dumps(draw(values))}" if is_value else lines[place]
    else:
        key = draw(st.sampled_from(sorted(record)))
        record[key] = draw(values)
        if draw(st.booleans()):
            del record[draw(st.sampled_from(sorted(record)))]
        lines[place] = json.dumps(record)
    return "\n".join(lines).encode("utf-8", "backslashreplace") + b"\n"


def wrong_with(name: str, examples: int, start: int) -> str:
    """What a reader did wrong with one of so many documents, the smallest that does; or empty."""
    reader, sound = READERS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name

        @seed(start)
        @settings(
            max_examples=examples, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck), print_blob=False,
        )  # fmt: skip
        @given(documents(sound))
        def holds(content: bytes) -> None:
            path.write_bytes(content)
            try:
                reader(path)
            except VsrppError as error:
                assert "\n" not in str(error).strip(), f"more than a sentence: {error}"

        try:
            holds()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            content = path.read_bytes()
            return f"{name}: {type(error).__name__}: {str(error)[:200]} for {content[:200]!r}"
    return ""


def campaign(seconds: float, examples: int = 500) -> Tally:
    """Each reader in turn until its time is over; a fault ends that reader's turn."""
    tally, start = Tally("fuzzed readers"), random.SystemRandom().randrange(2**31)
    for name in READERS:
        end = time.monotonic() + seconds / len(READERS)
        while time.monotonic() < end:
            start += 1
            if wrong := wrong_with(name, examples, start):
                tally.failed(wrong)
                break
            for _ in range(examples):
                tally.held(name)
    return tally


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0
    sys.exit(not campaign(seconds).tell())


if __name__ == "__main__":
    main()
