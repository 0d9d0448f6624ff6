"""From videos to a dataset of pairs, in the order of the work: check everything, write into a draft folder, name it.

The rules are elsewhere, each about one thing: ``recipe`` what is wanted, ``sources`` which videos, ``windows`` which of
their frames, ``patches`` which place in them and how it is cut.
"""

import hashlib
import os
import re
import shutil
from collections import Counter, deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from vsrpp_core.data import video
from vsrpp_core.data.patches import CannotWriteError, Outcome, cut_pair
from vsrpp_core.data.recipe import PrepareSettings
from vsrpp_core.data.scenes import scenes
from vsrpp_core.data.sources import Source, find_videos, survey
from vsrpp_core.data.stacked import SPLITS, DatasetFolder, Split, StackGeometry
from vsrpp_core.data.video import BrokenVideoError
from vsrpp_core.data.windows import Part, divide, part_of, windows_of
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import TEMPORARY_PREFIX

SKIPPED: tuple[Outcome, ...] = ("too little texture", "no motion")

WORKERS = 2
"""Threads that cut and write patches beside the one that decodes; each holds the frames of one window."""

PROGRESS_EVERY = 8


@dataclass(frozen=True, slots=True)
class PrepareProgress:
    """How far it is. ``video_index`` is from 1, ``frames_total`` an estimate or 0; ``patches`` are of all videos."""

    video: str
    video_index: int
    videos: int
    frames_done: int
    frames_total: int
    patches: int


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """What came out. ``skipped`` counts windows by reason; ``refused`` and ``notes`` are sentences about videos."""

    out: Path
    geometry: StackGeometry
    train: int
    val: int
    val_videos: tuple[str, ...]
    skipped: dict[str, int]
    refused: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.out}: {self.train:,} training and {self.val:,} validation pairs, {self.geometry}"]
        if self.val_videos:
            lines.append("kept for validation: " + ", ".join(self.val_videos))
        if self.skipped:
            lines.append("patches skipped: " + ", ".join(f"{n:,} {why}" for why, n in sorted(self.skipped.items())))
        lines += [f"left out: {sentence}" for sentence in self.refused]
        lines += [f"note: {sentence}" for sentence in self.notes]
        return "\n".join(lines)


def prepare(
    videos: list[Path], out: Path, settings: PrepareSettings
) -> Generator[PrepareProgress | PrepareReport, None, None]:
    """Make the dataset ``out`` from ``videos`` (files, or folders of them), telling how far it is; the report is last.

    Whole videos go to training or validation, at least one to each; a single video is divided in time. Windows of
    consecutive frames never cross a cut. The choice of videos, frames and places depends on the seed and the videos'
    names alone.

    Everything is checked first: UsageError for what is missing, VsrppError where ``out`` holds something or no video
    can be used. The pairs are written into a draft beside ``out`` that is renamed at the end and removed by whatever
    ends the work before. Frames are streamed; about 45 of them are in memory at a time (n_frames = 5).
    """
    out = out.resolve()
    paths = find_videos(videos)
    _check_output(out)
    sources, refused = survey(paths, settings)
    draft = _make_draft(out)
    try:
        preparation = _Preparation(sources, draft, settings)
        yield from preparation.run()
        report = preparation.report(out, refused)
        _rename(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # gone already where all went well
    yield report


# where it is written


def _check_output(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()):
        folder = DatasetFolder(out)
        pairs = len(folder.pairs("train")) + len(folder.pairs("val"))
        what = f"already holds {pairs:,} pairs" if pairs else "is not empty"
        raise VsrppError(f"{out} {what}; name another folder, or remove this one first")
    if out.exists() and not out.is_dir():
        raise VsrppError(f"{out} is a file; name a folder")


def _make_draft(out: Path) -> Path:
    prefix, suffix = f"{TEMPORARY_PREFIX}prepare-", f"-{out.name}"
    draft = out.with_name(f"{prefix}{os.getpid()}{suffix}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for path in out.parent.glob(f"{prefix}*"):
            owner = path.name.removeprefix(prefix).removesuffix(suffix)
            if path.name.endswith(suffix) and owner.isdigit() and not psutil.pid_exists(int(owner)):
                shutil.rmtree(path)  # of a preparation of this dataset that was killed
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
    except OSError as error:
        raise VsrppError(f"{out} cannot be made ({error.strerror}); check the path and its permissions") from None
    return draft


def _rename(draft: Path, out: Path) -> None:
    try:
        if out.is_dir():
            out.rmdir()  # succeeds only if it is still empty
        draft.rename(out)
    except OSError as error:
        raise VsrppError(f"{out} cannot be put in place ({error.strerror}); name another folder") from None


# the work


def _drawn(sources: list[Source], seed: int) -> list[Source]:
    """The order in which videos are taken, those for validation first: by the seed and their names alone."""
    return sorted(sources, key=lambda source: hashlib.sha256(f"{seed}/{source.label}".encode()).digest())


class _Preparation:
    """One run over all sources, with its counts."""

    def __init__(self, sources: list[Source], draft: Path, settings: PrepareSettings) -> None:
        self._sources = _drawn(sources, settings.seed)
        self._folder, self._settings = DatasetFolder(draft), settings
        self._val_wanted = min(max(1, round(settings.val_share * len(sources))), len(sources) - 1)
        self._val_videos: list[str] = []
        self._outcomes: Counter[Outcome] = Counter()
        self._refused: list[str] = []
        self._notes: list[str] = []

    def run(self) -> Iterator[PrepareProgress]:
        """Write the pairs of every source.

        Videos for validation come first, so that the next one takes the place of one that gives no patch.
        """
        with ThreadPoolExecutor(WORKERS) as pool:
            for index, source in enumerate(self._sources, start=1):
                if source.info.pixel_aspect != 1:
                    self._notes.append(f"{source.path.name} has pixels that are not square; they are kept as stored")
                parts = yield from self._parts(source)
                yield from self._cut_video(pool, index, source, parts)

    def report(self, out: Path, refused: list[str]) -> PrepareReport:
        """The report; VsrppError where nothing came out for training or for validation."""
        refused = refused + self._refused
        skipped: dict[str, int] = {why: self._outcomes[why] for why in SKIPPED if self._outcomes[why]}
        train, val = self._outcomes["train"], self._outcomes["val"]
        if not train or not val:
            reasons = [f"patches skipped: {count:,} {why}" for why, count in skipped.items()] + refused
            raise VsrppError(
                f"{train:,} training and {val:,} validation pairs came out of the videos "
                f"({'; '.join(reasons) or 'their scenes are too short'}); give more or longer videos, or another seed"
            )
        return PrepareReport(
            out=out,
            geometry=self._settings.geometry,
            train=train,
            val=val,
            val_videos=tuple(sorted(self._val_videos)),
            skipped=skipped,
            refused=tuple(refused),
            notes=tuple(self._notes),
        )

    def _parts(self, source: Source) -> Generator[PrepareProgress, None, list[Part]]:
        if len(self._sources) > 1:
            split: Split = "val" if len(self._val_videos) < self._val_wanted else "train"
            return [part_of(split, source, self._settings)]
        starts, count = yield from self._scene_starts(source)
        parts, note = divide(source, starts, count, self._settings)
        self._notes.append(note)
        return parts

    def _scene_starts(self, source: Source) -> Generator[PrepareProgress, None, tuple[list[int], int]]:
        """First frame of each scene but the first, and the number of frames; a look over the whole video."""
        starts: list[int] = []
        count = current = 0
        try:
            for scene, _ in scenes(video.frames(source.path)):
                if scene != current:
                    starts.append(count)
                    current = scene
                count += 1
                if count % PROGRESS_EVERY == 0:
                    yield self._progress(1, source, count, Counter())
        except BrokenVideoError:
            pass  # it breaks again, and is noted, when the patches are cut
        return starts, count

    def _cut_video(
        self, pool: ThreadPoolExecutor, index: int, source: Source, parts: list[Part]
    ) -> Iterator[PrepareProgress]:
        outcomes: Counter[Outcome] = Counter()
        pending: deque[Future[Outcome]] = deque()
        done = 0
        try:
            for done, windows in windows_of(source.path, parts, self._settings.n_frames):
                for window in windows:
                    pending.append(pool.submit(cut_pair, window, source, self._folder, self._settings))
                _collect(pending, outcomes, waiting=WORKERS)
                if done % PROGRESS_EVERY == 0:
                    yield self._progress(index, source, done, outcomes)
        except BrokenVideoError as error:
            self._notes.append(f"{error}; the frames before that were used")
        except CannotWriteError:
            raise
        except VsrppError as error:  # of the video: interlaced or HDR only further on
            _collect(pending, Counter(), waiting=0)
            _remove_pairs(self._folder, source)
            self._refused.append(str(error))
            return
        _collect(pending, outcomes, waiting=0)
        self._outcomes.update(outcomes)
        if outcomes["val"] and len(self._sources) > 1:
            self._val_videos.append(source.path.name)
        yield self._progress(index, source, done, Counter())

    def _progress(self, index: int, source: Source, done: int, current: Counter[Outcome]) -> PrepareProgress:
        return PrepareProgress(
            video=source.path.name,
            video_index=index,
            videos=len(self._sources),
            frames_done=done,
            frames_total=max(done, source.info.frames) if source.info.frames else 0,
            patches=sum(counts[split] for counts in (self._outcomes, current) for split in SPLITS),
        )


def _collect(pending: deque[Future[Outcome]], outcomes: Counter[Outcome], waiting: int) -> None:
    """Count what is done, in order, until at most ``waiting`` windows are left; raises what a worker raised."""
    while len(pending) > waiting:
        outcomes[pending.popleft().result()] += 1


def _remove_pairs(folder: DatasetFolder, source: Source) -> None:
    own = re.compile(re.escape(source.label) + r"_\d+_\d+_\d+\.png")
    for split in SPLITS:
        for pair in folder.pairs(split):
            if own.fullmatch(pair.name):
                pair.lr.unlink()
                pair.gt.unlink()
