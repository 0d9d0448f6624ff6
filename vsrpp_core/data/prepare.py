"""From videos to a dataset: windows within scenes, patches worth learning from, LR made from ground truth.

A dataset appears whole: it is written beside its place and renamed when the last pair is there.
"""

import json
import os
import re
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from vsrpp_core.data.degrade import Region, downscale3, imresize
from vsrpp_core.data.scenes import CutDetector, thumbnail
from vsrpp_core.data.stacked import SCALE, DatasetFolder, Split, write_pair
from vsrpp_core.data.video import VIDEO_SUFFIXES, DamagedVideo, Frame, VideoInfo, frames, probe
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.run.files import TEMPORARY_PREFIX, write_text_atomically

PATCHES_PER_WINDOW = 3
"""Patches of one window share its decoding, yet lie apart."""

CANDIDATES = 4
"""Places looked at for each patch; the one with most texture is taken."""

MARGIN = 3 * SCALE
"""Ground-truth pixels downscaled around a patch and cut off again: more than the kernel reaches (2 LR pixels), so that
LR is what downscaling the whole frame would give."""

MANIFEST = "dataset.json"


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """How a dataset is cut from videos; UsageError naming every setting out of range."""

    patch: int = 540
    """Side of the ground truth, pixels; a multiple of 3."""
    n_frames: int = 5
    scale_height: int | None = None
    """Frames are shrunk to this height first, never enlarged; hides the noise of compressed video."""
    patches_per_minute: float = 60.0
    val_share: float = 0.1
    """Share of the videos kept for validation; of a single video, the share of its end."""
    val_per_video: int = 12
    seed: int = 0
    min_texture: float = 2.0
    """Mean |gradient| of the grey ground truth, levels of 255, that a patch must have."""
    min_motion: float = 0.05
    """Mean |difference| of neighbouring frames, levels of 255, below which they count as the same picture."""

    def __post_init__(self) -> None:
        faults = []
        if self.patch < 48 or self.patch % SCALE:
            faults.append(f"--patch {self.patch} must be a multiple of {SCALE}, at least 48")
        if self.n_frames < 3 or self.n_frames % 2 == 0:
            faults.append(f"--frames {self.n_frames} must be odd, at least 3")
        if self.scale_height is not None and self.scale_height < self.patch:
            faults.append(f"--height {self.scale_height} is less than the patch's {self.patch}")
        if not 0 < self.patches_per_minute <= 100_000:
            faults.append(f"--per-minute {self.patches_per_minute:g} must be above 0")
        if not 0 < self.val_share < 1:
            faults.append(f"--val-share {self.val_share:g} must lie between 0 and 1")
        if self.seed < 0:
            faults.append(f"--seed {self.seed} must not be negative")
        if faults:
            raise UsageError("; ".join(faults))


@dataclass(frozen=True, slots=True)
class PrepareProgress:
    video: str
    video_index: int
    """From 1."""
    videos: int
    frames_done: int
    frames_total: int
    """As the file tells it; 0 where it does not."""
    patches: int
    """Of all videos so far."""


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """What came of it; ``str()`` is a few lines for a person."""

    root: Path
    train: int
    val: int
    val_videos: tuple[str, ...]
    skipped: dict[str, int]
    """Reason and how many patches it cost."""
    notes: tuple[str, ...]
    """Videos left out or broken off, and anything else worth knowing."""

    def __str__(self) -> str:
        lines = [f"{self.root}: {self.train:,} training and {self.val:,} validation pairs"]
        lines.append(f"validation from {', '.join(self.val_videos)}")
        lines += [f"skipped: {count:,} patches with {reason}" for reason, count in sorted(self.skipped.items())]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


@dataclass
class _Tally:
    """What is counted on the way."""

    pairs: Counter[Split] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def prepare(videos: list[Path], out: Path, settings: PrepareSettings) -> Iterator[PrepareProgress | PrepareReport]:
    """Make a dataset from video files (or folders of them); progress per frame, the report last.

    Everything that can be checked is checked before the first frame is decoded. Whole videos go to training or to
    validation; a single one is split in time. Closing the iterator early leaves nothing behind. Raises VsrppError.
    """
    _refuse_occupied(out)
    paths = _expand(videos)
    infos, notes = _probe_all(paths, settings)
    splits = _assign(infos, settings)
    draft = _new_draft(out)
    try:
        tally = _Tally(notes=notes)
        folder = DatasetFolder(draft)
        for index, info in enumerate(infos, start=1):
            progress = PrepareProgress(info.path.name, index, len(infos), 0, info.frames, tally.pairs.total())
            for done in _take_video(info, splits[info.path], _stem(info.path, paths), folder, settings, tally):
                yield replace(progress, frames_done=done, patches=tally.pairs.total())
        _refuse_empty(tally)
        report = _report(out, infos, splits, tally)
        _write_manifest(draft, report, infos, settings)
        if out.is_dir():
            out.rmdir()
        draft.rename(out)
        yield report
    finally:
        shutil.rmtree(draft, ignore_errors=True)


# before any work


def _refuse_occupied(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise VsrppError(f"{out} already holds something; name a new folder with --out, nothing is mixed or deleted")


def _expand(videos: list[Path]) -> list[Path]:
    """Folders replaced by the video files in them; all that does not exist is named at once."""
    missing = [str(path) for path in videos if not path.exists()]
    if missing:
        raise VsrppError(f"not found: {', '.join(missing)}; check the names")
    paths: list[Path] = []
    for path in videos:
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES) if path.is_dir() else [path]
        paths += [p.resolve() for p in inside]
    unique = list(dict.fromkeys(paths))
    if not unique:
        raise VsrppError(f"no video files in {', '.join(map(str, videos))}; name videos or folders of them")
    return unique


def _probe_all(paths: list[Path], settings: PrepareSettings) -> tuple[list[VideoInfo], list[str]]:
    """What can be used, and for each video that cannot, why. VsrppError when none can."""
    infos, notes = [], []
    for path in paths:
        try:
            info = probe(path)
        except VsrppError as error:
            notes.append(f"left out: {error}")
            continue
        width, height = _working_size(info, settings)
        if min(width, height) < settings.patch:
            notes.append(f"left out: {path.name} is {width}x{height}, smaller than the patch of {settings.patch}")
        else:
            infos.append(info)
    if not infos:
        raise VsrppError(f"none of the {len(paths)} videos can be used; {'; '.join(notes)}")
    return infos, notes


def _working_size(info: VideoInfo, settings: PrepareSettings) -> tuple[int, int]:
    """Width and height of the frames patches are cut from: shrunk if asked for, a multiple of 3."""
    height = min(info.height, settings.scale_height or info.height)
    width = round(info.width * height / info.height)
    return width - width % SCALE, height - height % SCALE


def _assign(infos: list[VideoInfo], settings: PrepareSettings) -> dict[Path, Split | None]:
    """The side of each video, drawn by the seed; None for a single video, which is split in time."""
    if len(infos) == 1:
        return {infos[0].path: None}
    order = np.random.default_rng(settings.seed).permutation(len(infos))
    count = min(max(round(settings.val_share * len(infos)), 1), len(infos) - 1)
    val = {infos[int(place)].path for place in order[:count]}
    return {info.path: "val" if info.path in val else "train" for info in infos}


def _new_draft(out: Path) -> Path:
    """A folder beside ``out`` to write into; those of processes that were killed are removed."""
    out = out.absolute()
    pattern = re.compile(re.escape(TEMPORARY_PREFIX) + r"(\d+)-" + re.escape(out.name))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for entry in out.parent.iterdir():
            match = pattern.fullmatch(entry.name)
            if match and not psutil.pid_exists(int(match[1])):
                shutil.rmtree(entry)
        draft = out.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{out.name}")
        draft.mkdir()
    except OSError as error:
        raise VsrppError(f"{out} cannot be made ({error.strerror}); name a folder you may write to") from None
    return draft


def _stem(path: Path, paths: list[Path]) -> str:
    """A file name's beginning that is safe and differs between videos."""
    stem = re.sub(r"[^\w-]+", "_", path.stem)
    twins = [p for p in paths if re.sub(r"[^\w-]+", "_", p.stem) == stem]
    return stem if len(twins) == 1 else f"{stem}-{twins.index(path) + 1}"


# one video


def _take_video(
    info: VideoInfo,
    split: Split | None,
    stem: str,
    folder: DatasetFolder,
    settings: PrepareSettings,
    tally: _Tally,
) -> Iterator[int]:
    """Write the pairs of one video; yields the number of frames read so far."""
    taker = _WindowTaker(info, split, stem, folder, settings, tally)
    done = 0
    try:
        for done, frame in enumerate(frames(info.path), start=1):
            taker.feed(frame)
            yield done
    except DamagedVideo as error:
        tally.notes.append(str(error))
    if not taker.written:
        tally.notes.append(f"{info.path.name} gave no pairs in {done} frames")


class _WindowTaker:
    """Slides over a video and takes patches from windows of frames that belong together."""

    def __init__(
        self,
        info: VideoInfo,
        split: Split | None,
        stem: str,
        folder: DatasetFolder,
        settings: PrepareSettings,
        tally: _Tally,
    ) -> None:
        self._info, self._split, self._stem = info, split, stem
        self._folder, self._settings, self._tally = folder, settings, tally
        self._width, self._height = _working_size(info, settings)
        self._shrunk_height = min(info.height, settings.scale_height or info.height)
        self._shrunk_width = round(info.width * self._shrunk_height / info.height)
        self._cuts = CutDetector()
        self._window: deque[Frame] = deque(maxlen=settings.n_frames)
        self._random = np.random.default_rng((settings.seed, *stem.encode()))
        self._owed, self._count = 0.0, 0
        self._val_from = self._first_val_frame()
        self.written = 0

    def feed(self, frame: Frame) -> None:
        self._count += 1
        if frame.shape[:2] != (self._info.height, self._info.width) or self._cuts.begins_scene(thumbnail(frame)):
            self._window.clear()
        if self._count == self._val_from:
            self._window.clear()  # nothing is seen by both sides of a single video
        if frame.shape[:2] != (self._info.height, self._info.width):
            return  # a stream may change its size; those frames have no place in this dataset
        self._window.append(frame)
        self._owed += self._rate()
        if self._owed >= PATCHES_PER_WINDOW and len(self._window) == self._settings.n_frames:
            self._owed -= PATCHES_PER_WINDOW
            self._take_window()

    def _side(self) -> Split:
        if self._split:
            return self._split
        return "val" if self._count >= self._val_from else "train"

    def _first_val_frame(self) -> int:
        return round((1 - self._settings.val_share) * self._info.frames) if self._split is None else 0

    def _rate(self) -> float:
        """Patches owed per frame; validation takes a fixed number of a video, whatever its length."""
        rate = self._settings.patches_per_minute / 60 / self._info.fps
        if self._side() == "val" and self._info.frames:
            share = self._settings.val_share if self._split is None else 1.0
            rate = min(rate, self._settings.val_per_video / (share * self._info.frames))
        return rate

    def _take_window(self) -> None:
        regions: list[Region] = []
        centre = self._count - self._settings.n_frames // 2
        for _ in range(PATCHES_PER_WINDOW):
            region = self._choose(regions)
            if region is None:
                continue
            regions.append(region)
            self._write(region, centre)

    def _choose(self, taken: list[Region]) -> Region | None:
        """The place with most texture among a few drawn, away from those taken; None where nothing is worth it."""
        places = [
            place for place in (self._draw() for _ in range(CANDIDATES)) if not any(_overlap(place, t) for t in taken)
        ]
        if not places:
            return None  # the frame is too small for another patch: nothing was skipped
        textures = [_texture(self._grey(self._window[self._settings.n_frames // 2], place)) for place in places]
        best = int(np.argmax(textures))
        if textures[best] < self._settings.min_texture:
            self._tally.skipped["too little texture"] += 1
            return None
        if self._stands_still(places[best]):
            self._tally.skipped["frames that repeat"] += 1
            return None
        return places[best]

    def _draw(self) -> Region:
        """A place in the working frame, on the LR grid."""
        patch = self._settings.patch
        top = SCALE * int(self._random.integers((self._height - patch) // SCALE + 1))
        left = SCALE * int(self._random.integers((self._width - patch) // SCALE + 1))
        return Region(top, left, patch, patch)

    def _grey(self, frame: Frame, region: Region) -> NDArray[np.float32]:
        """The region in the frame as decoded, grey."""
        scale = self._info.height / self._shrunk_height
        rows = slice(int(region.top * scale), int((region.top + region.height) * scale))
        columns = slice(int(region.left * scale), int((region.left + region.width) * scale))
        return frame[rows, columns].astype(np.float32).mean(axis=2)

    def _stands_still(self, region: Region) -> bool:
        greys = [self._grey(frame, region) for frame in self._window]
        return any(
            float(np.abs(b - a).mean()) < self._settings.min_motion for a, b in zip(greys, greys[1:], strict=False)
        )

    def _write(self, region: Region, centre: int) -> None:
        side, index = self._side(), self._settings.n_frames // 2
        pairs = [self._cut(frame, region) for frame in self._window]
        name = f"{self._stem}_{centre:06d}_{region.left:04d}_{region.top:04d}.png"
        write_pair(self._folder, side, name, [lr for lr, _ in pairs], pairs[index][1])
        self._tally.pairs[side] += 1
        self.written += 1

    def _cut(self, frame: Frame, region: Region) -> tuple[Frame, Frame]:
        """LR and ground truth of a region; both as if the whole frame had been resized."""
        wide = _grown(region, self._height, self._width)
        if self._shrunk_height == self._info.height:
            part = frame[wide.rows, wide.columns]
        else:
            part = imresize(frame, self._shrunk_height, self._shrunk_width, wide)
        top, left = region.top - wide.top, region.left - wide.left
        truth = np.ascontiguousarray(part[top : top + region.height, left : left + region.width])
        low = downscale3(part)[
            top // SCALE : (top + region.height) // SCALE, left // SCALE : (left + region.width) // SCALE
        ]
        return low, truth


def _grown(region: Region, height: int, width: int) -> Region:
    """The region with its margin, within the frame; both are on the LR grid."""
    top, left = max(region.top - MARGIN, 0), max(region.left - MARGIN, 0)
    bottom = min(region.top + region.height + MARGIN, height)
    right = min(region.left + region.width + MARGIN, width)
    return Region(top, left, bottom - top, right - left)


def _overlap(a: Region, b: Region) -> bool:
    """Whether two patches share more than a quarter of their area."""
    rows = min(a.top, b.top) + a.height - max(a.top, b.top)
    columns = min(a.left, b.left) + a.width - max(a.left, b.left)
    return rows > 0 and columns > 0 and rows * columns > a.height * a.width / 4


def _texture(grey: NDArray[np.float32]) -> float:
    """Mean |forward difference|, down and across, levels of 255."""
    return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) / 2


# the end


def _refuse_empty(tally: _Tally) -> None:
    for side, words in (("train", "training"), ("val", "validation")):
        if not tally.pairs[side]:  # type: ignore[index]
            details = [f"{count} patches with {reason}" for reason, count in tally.skipped.items()] + tally.notes
            raise VsrppError(
                f"no {words} pairs came out ({'; '.join(details) or 'the videos are too short'}); "
                "give more or longer videos, or raise --per-minute"
            )


def _report(out: Path, infos: list[VideoInfo], splits: dict[Path, Split | None], tally: _Tally) -> PrepareReport:
    val = tuple(info.path.name for info in infos if splits[info.path] == "val")
    notes = list(tally.notes)
    if not val:
        val = (f"the end of {infos[0].path.name}",)
        notes.append("with one video, training and validation show the same material; two or more are better")
    return PrepareReport(out, tally.pairs["train"], tally.pairs["val"], val, dict(tally.skipped), tuple(notes))


def _write_manifest(root: Path, report: PrepareReport, infos: list[VideoInfo], settings: PrepareSettings) -> None:
    """How the dataset was made, for whoever finds it in a year."""
    record = {
        "videos": [str(info.path) for info in infos],
        "validation": list(report.val_videos),
        "settings": asdict(settings),
        "training_pairs": report.train,
        "validation_pairs": report.val,
    }
    write_text_atomically(root / MANIFEST, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
