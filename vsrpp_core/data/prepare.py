"""From videos to a dataset of pairs: which frames, which place in them, and for which of training and validation.

Separate from the modules it uses because they are rules about one thing each (a film's frames, its cuts, the
downscaling, the files of a pair) and this is the order of the work: check everything, then write into a draft folder,
then name it.

Patch borders are what the network meets in use. A frame is shrunk to ``scale_height``, cut to a multiple of 3 and
downscaled as a whole, and the patch is cut out of the results; for speed only the patch and as much around it as the
downscaling kernel reaches is computed, which gives the same pixels.
"""

import hashlib
import os
import re
import shutil
import zlib
from collections import Counter, deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.sparse import csr_array

from vsrpp_core.data import video
from vsrpp_core.data.degrade import downscale3, resize_weights
from vsrpp_core.data.scenes import is_repeat, scenes
from vsrpp_core.data.stacked import SCALE, DatasetFolder, Split, StackGeometry, write_pair
from vsrpp_core.data.video import BrokenVideoError, VideoInfo
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.run.files import TEMPORARY_PREFIX

Frame = NDArray[np.uint8]
Outcome = Literal["train", "val", "too little texture", "no motion"]
"""What became of a window: the split its pair was written to, or why there is none."""

SPLITS: tuple[Split, ...] = ("train", "val")
SKIPPED: tuple[Outcome, ...] = ("too little texture", "no motion")

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts"}
    | {".webm", ".wmv", ".y4m"}
)
"""What is taken from a folder; a file that is named is tried whatever it is called."""

MAX_VAL_PAIRS = 24
"""From one video, spread over it: validation is run again and again, and more of the same shots tell it nothing."""

CANDIDATES = 4
"""Places drawn per window, of which the most textured one that moves is taken: more would leave out whatever is not
the most detailed part of the picture, and smooth areas must be learned as well."""

MARGIN = 4
"""LR pixels computed around a patch; the kernel of the 3x downscaling reaches 2 of them."""

WORKERS = 2
"""Threads that cut and write patches beside the one that decodes; each holds the frames of one window."""

SMALLEST_PATCH = 24
DEFAULT_FPS = 25.0
"""Assumed where a container does not say."""

PROGRESS_EVERY = 8


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """What to cut. UsageError, listing every fault, where a setting cannot work.

    ``patch``: side of the ground truth in pixels, a multiple of 3. ``n_frames``: of a stack, odd. ``scale_height``:
    higher frames are shrunk to this height first, keeping their aspect; lower ones are left as they are.
    ``patches_per_minute``: windows tried per minute of video, each giving one patch or none. ``val_share``: of the
    videos. ``min_texture``: mean luma gradient of the LR centre frame, in 8-bit levels per pixel, below which a patch
    is skipped. ``min_motion``: mean absolute difference of two LR frames, in 8-bit levels, below which the second one
    repeats the first. Of places drawn evenly from 29 web clips, 480 lines high, 1 % lay below the default texture
    (sky, blurred walls) and 4 % below the default motion (still pictures, and tripod shots encoded without noise).
    """

    patch: int = 540
    n_frames: int = 5
    scale_height: int | None = None
    patches_per_minute: float = 60.0
    val_share: float = 0.1
    seed: int = 0
    min_texture: float = 1.5
    min_motion: float = 0.2

    def __post_init__(self) -> None:
        patch, height = self.patch, self.scale_height
        least = f"the patch must be a multiple of {SCALE} and at least {SMALLEST_PATCH}"
        pace = "the patches per minute must be more than 0"
        faults = [
            (patch < SMALLEST_PATCH or patch % SCALE, f"{least}, not {patch}"),
            (
                self.n_frames < 3 or self.n_frames % 2 == 0,
                f"the frames must be an odd number from 3, not {self.n_frames}",
            ),
            (height is not None and height < patch, f"the height {height} is less than the patch {patch}"),
            (not 0 < self.patches_per_minute < float("inf"), f"{pace}, not {self.patches_per_minute:g}"),
            (not 0 < self.val_share < 1, f"the validation share must lie between 0 and 1, not {self.val_share:g}"),
            (self.seed < 0, f"the seed must be 0 or more, not {self.seed}"),
            (not self.min_texture >= 0, f"the least texture must be 0 or more, not {self.min_texture:g}"),
            (not self.min_motion >= 0, f"the least motion must be 0 or more, not {self.min_motion:g}"),
        ]
        found = [text for wrong, text in faults if wrong]
        if found:
            raise UsageError("cannot prepare with these settings: " + "; ".join(found))

    @property
    def geometry(self) -> StackGeometry:
        return StackGeometry(self.n_frames, self.patch // SCALE, self.patch // SCALE)


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
    paths = _expanded(videos)
    _check_output(out)
    sources, refused = _survey(paths, settings)
    draft = _make_draft(out)
    try:
        preparation = _Preparation(sources, draft, settings)
        yield from preparation.run()
        report = preparation.report(out, refused)
        _rename(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # gone already where all went well
    yield report


# what is asked for


def _expanded(videos: list[Path]) -> list[Path]:
    """Files, and the video files of folders in the order of their names; none twice."""
    missing = [str(path) for path in videos if not path.exists()]
    if missing:
        raise UsageError(f"no such video: {', '.join(missing)}; check the paths")
    found: dict[Path, Path] = {}
    for path in videos:
        for file in _videos_of(path) if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    if not found:
        raise UsageError(f"no video files in {', '.join(map(str, videos))}; name files or folders that hold some")
    return list(found.values())


def _videos_of(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise VsrppError(f"{folder} cannot be read ({error.strerror}); check its permissions") from None
    return [p for p in entries if p.suffix.lower() in VIDEO_SUFFIXES and not p.name.startswith(".") and p.is_file()]


def _check_output(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()):
        folder = DatasetFolder(out)
        pairs = len(folder.pairs("train")) + len(folder.pairs("val"))
        what = f"already holds {pairs:,} pairs" if pairs else "is not empty"
        raise VsrppError(f"{out} {what}; name another folder, or remove this one first")
    if out.exists() and not out.is_dir():
        raise VsrppError(f"{out} is a file; name a folder")


@dataclass(frozen=True, slots=True)
class _Source:
    """A video that can be used. ``label`` names its pairs and is unlike any other's, ``height`` and ``width`` are the
    frames' after shrinking."""

    path: Path
    label: str
    info: VideoInfo
    height: int
    width: int

    @property
    def fps(self) -> float:
        return self.info.fps or DEFAULT_FPS


def _survey(paths: list[Path], settings: PrepareSettings) -> tuple[list[_Source], list[str]]:
    """The videos that can be used, and a sentence on each of the others; VsrppError where none can."""
    sources, refused, too_small = [], [], []
    for path, label in zip(paths, _labels(paths), strict=True):
        try:
            info = video.probe(path)
        except VsrppError as error:
            refused.append(str(error))
            continue
        height, width = _shrunk_size(info, settings.scale_height)
        if min(height, width) < settings.patch:
            too_small.append((height, width))
            refused.append(f"{path} gives frames of {width}×{height}, smaller than the patch of {settings.patch}")
        else:
            sources.append(_Source(path, label, info, height, width))
    if sources:
        return sources, refused
    if len(too_small) == len(paths):
        height, width = max(too_small, key=min)
        raise VsrppError(
            f"a patch of {settings.patch} fits into none of the videos, the largest of which gives frames of "
            f"{width}×{height}; choose a patch of at most {min(height, width) // SCALE * SCALE}"
        )
    raise VsrppError("none of the videos can be used: " + "; ".join(refused))


def _labels(paths: list[Path]) -> list[str]:
    """Of each file's stem what every file system takes as part of a name; numbered where two are alike."""
    labels: list[str] = []
    taken: set[str] = set()
    for path in paths:
        stem = re.sub(r"[^\w.-]+", "-", path.stem).strip("-.")[:60] or "video"
        label, number = stem, 1
        while label.lower() in taken:
            number += 1
            label = f"{stem}-{number}"
        taken.add(label.lower())
        labels.append(label)
    return labels


def _shrunk_size(info: VideoInfo, scale_height: int | None) -> tuple[int, int]:
    if scale_height is None or scale_height >= info.height:
        return info.height, info.width
    return scale_height, round(info.width * scale_height / info.height)


# where it is written


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


# which frames


@dataclass(slots=True)
class _Part:
    """A stretch of a video, frames ``first`` up to ``end`` (None: the last), and the pace of windows in it."""

    split: Split
    stride: float
    first: int = 0
    end: int | None = None
    limit: int | None = None
    _due: float = field(init=False)

    def __post_init__(self) -> None:
        self._due = self.first

    def takes(self, start: int, n_frames: int) -> bool:
        """Whether the window from frame ``start`` is wanted; asked in order, once per possible window."""
        past_end = self.end is not None and start + n_frames > self.end
        if start < self._due or past_end or self.limit == 0:
            return False
        while self._due <= start:  # windows missed at a cut are not made up for, they would lie too close
            self._due += self.stride
        if self.limit is not None:
            self.limit -= 1
        return True


@dataclass(frozen=True, slots=True)
class _Window:
    split: Split
    start: int
    frames: list[Frame]


def _part(split: Split, source: _Source, settings: PrepareSettings, first: int = 0, end: int | None = None) -> _Part:
    stride = max(1.0, source.fps * 60 / settings.patches_per_minute)
    if split == "train":
        return _Part(split, stride, first, end)
    length = (source.info.frames if end is None else end) - first
    return _Part(split, max(stride, length / MAX_VAL_PAIRS), first, end, limit=MAX_VAL_PAIRS)


def _windows(path: Path, parts: list[_Part], n_frames: int) -> Iterator[tuple[int, list[_Window]]]:
    """For every frame how many have been seen and the windows that end with it, at most one per part."""
    held: deque[Frame] = deque(maxlen=n_frames)
    current = 0
    for index, (scene, frame) in enumerate(scenes(video.frames(path))):
        if scene != current:
            held.clear()
            current = scene
        held.append(frame)
        start = index + 1 - n_frames
        full = len(held) == n_frames
        yield index + 1, [_Window(p.split, start, list(held)) for p in parts if full and p.takes(start, n_frames)]


def _drawn(sources: list[_Source], seed: int) -> list[_Source]:
    """The order in which videos are taken, those for validation first: by the seed and their names alone."""
    return sorted(sources, key=lambda source: hashlib.sha256(f"{seed}/{source.label}".encode()).digest())


def _divided(source: _Source, starts: list[int], count: int, settings: PrepareSettings) -> tuple[list[_Part], str]:
    """Parts of a single video of ``count`` frames and a sentence on how they were divided.

    Validation begins at the scene (of those at ``starts``) that leaves it nearest to its share, if one leaves it
    between half and double of that; else where the share begins, with a second left out before it.
    """
    wanted = settings.val_share * count
    fitting = [s for s in starts if wanted / 2 <= count - s <= min(2 * wanted, count / 2)]
    if fitting:
        border = end = min(fitting, key=lambda s: abs(count - s - wanted))
        how = "its last scenes are kept for validation"
    else:
        border = round(count - wanted)
        end = border - max(settings.n_frames, round(source.fps))
        how = "its last part is kept for validation, a second apart from the rest, as no scene begins near there"
    if end < settings.n_frames or count - border < settings.n_frames:
        raise VsrppError(f"{source.path} is too short to be divided for validation; give a second video")
    parts = [_part("train", source, settings, end=end), _part("val", source, settings, border, count)]
    return parts, f"{source.path.name} is the only video: {how}, so scores will look better than on other footage"


# the work


class _Preparation:
    """One run over all sources, with its counts."""

    def __init__(self, sources: list[_Source], draft: Path, settings: PrepareSettings) -> None:
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

    def _parts(self, source: _Source) -> Generator[PrepareProgress, None, list[_Part]]:
        if len(self._sources) > 1:
            split: Split = "val" if len(self._val_videos) < self._val_wanted else "train"
            return [_part(split, source, self._settings)]
        starts, count = yield from self._scene_starts(source)
        parts, note = _divided(source, starts, count, self._settings)
        self._notes.append(note)
        return parts

    def _scene_starts(self, source: _Source) -> Generator[PrepareProgress, None, tuple[list[int], int]]:
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
        self, pool: ThreadPoolExecutor, index: int, source: _Source, parts: list[_Part]
    ) -> Iterator[PrepareProgress]:
        outcomes: Counter[Outcome] = Counter()
        pending: deque[Future[Outcome]] = deque()
        done = 0
        try:
            for done, windows in _windows(source.path, parts, self._settings.n_frames):
                for window in windows:
                    pending.append(pool.submit(_cut, window, source, self._folder, self._settings))
                _collect(pending, outcomes, waiting=WORKERS)
                if done % PROGRESS_EVERY == 0:
                    yield self._progress(index, source, done, outcomes)
        except BrokenVideoError as error:
            self._notes.append(f"{error}; the frames before that were used")
        except _CannotWriteError:
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

    def _progress(self, index: int, source: _Source, done: int, current: Counter[Outcome]) -> PrepareProgress:
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


def _remove_pairs(folder: DatasetFolder, source: _Source) -> None:
    own = re.compile(re.escape(source.label) + r"_\d+_\d+_\d+\.png")
    for split in SPLITS:
        for pair in folder.pairs(split):
            if own.fullmatch(pair.name):
                pair.lr.unlink()
                pair.gt.unlink()


# one window


class _CannotWriteError(VsrppError):
    """The dataset cannot be written: the end of the preparation, not of a video."""


def _cut(window: _Window, source: _Source, folder: DatasetFolder, settings: PrepareSettings) -> Outcome:
    """Choose a place in a window and write its pair, or say why not."""
    top, left = _choose_place(window, source, settings)
    cut = [_patch(frame, source, top, left, settings.patch) for frame in window.frames]
    lr, half = [patch[0] for patch in cut], settings.n_frames // 2
    if _texture(lr[half][..., 1]) < settings.min_texture:
        return "too little texture"
    if any(is_repeat(a, b, settings.min_motion) for a, b in pairwise(lr)):
        return "no motion"
    name = f"{source.label}_{window.start + half:06d}_{left}_{top}.png"
    try:
        write_pair(folder, window.split, name, lr, cut[half][1])
    except OSError as error:
        where = folder.lr_folder(window.split)
        raise _CannotWriteError(f"{where} cannot be written ({error.strerror}); make room or name another") from None
    return window.split


def _choose_place(window: _Window, source: _Source, settings: PrepareSettings) -> tuple[int, int]:
    """Top and left of the patch in the shrunk frame, multiples of 3: of a few drawn the most textured that moves."""
    random = np.random.default_rng((settings.seed, zlib.crc32(source.label.encode()), window.start))
    rows, columns = (
        SCALE * random.integers((size - settings.patch) // SCALE + 1, size=CANDIDATES)
        for size in (source.height, source.width)
    )
    places = [(int(top), int(left)) for top, left in zip(rows, columns, strict=True)]
    return max(places, key=lambda place: _promise(window, source, place, settings))


def _promise(window: _Window, source: _Source, place: tuple[int, int], settings: PrepareSettings) -> tuple[bool, float]:
    """Whether a place moves throughout and its texture, from single samples an LR pixel apart: only to compare."""
    ratio = source.info.height / source.height
    step = max(1, round(SCALE * ratio))
    top, left, bottom, right = (round(ratio * edge) for edge in (*place, *(p + settings.patch for p in place)))
    looks = [frame[top:bottom:step, left:right:step, 1] for frame in window.frames]
    moves = not any(is_repeat(a, b, settings.min_motion) for a, b in pairwise(looks))
    return moves, _texture(looks[len(looks) // 2])


def _texture(grey: NDArray[np.uint8]) -> float:
    """Mean absolute step between neighbours, in levels, of [h, w]; green stands for luma, as in scenes.thumbnail."""
    levels = grey.astype(np.float32)
    return float(np.abs(np.diff(levels, axis=0)).mean() + np.abs(np.diff(levels, axis=1)).mean())


def _patch(frame: Frame, source: _Source, top: int, left: int, side: int) -> tuple[Frame, Frame]:
    """LR [side / 3, side / 3, 3] and ground truth [side, side, 3] of the patch at ``top``, ``left``."""
    reach = SCALE * MARGIN
    up, down = max(0, top - reach), min(source.height // SCALE * SCALE, top + side + reach)
    west, east = max(0, left - reach), min(source.width // SCALE * SCALE, left + side + reach)
    around = _shrunk(frame, source, (up, down), (west, east))
    row, column = (top - up) // SCALE, (left - west) // SCALE
    lr = downscale3(around)[row : row + side // SCALE, column : column + side // SCALE]
    return lr, np.ascontiguousarray(around[top - up : top - up + side, left - west : left - west + side])


def _shrunk(frame: Frame, source: _Source, rows: tuple[int, int], columns: tuple[int, int]) -> Frame:
    """``degrade.imresize(frame, source.height, source.width)``, only the given range of its rows and columns.

    With the same weights, but in single precision: one pixel in 100,000 rounds to the neighbouring level.
    """
    if frame.shape[:2] == (source.height, source.width):
        return frame[slice(*rows), slice(*columns)]
    vertical, ys = _some_weights(frame.shape[0], source.height, rows)
    horizontal, xs = _some_weights(frame.shape[1], source.width, columns)
    part = frame[ys, xs].astype(np.float32)
    tall = (vertical @ part.reshape(part.shape[0], -1)).reshape(-1, *part.shape[1:])
    turned = np.ascontiguousarray(tall.swapaxes(0, 1))
    full = (horizontal @ turned.reshape(turned.shape[0], -1)).reshape(-1, *turned.shape[1:]).swapaxes(0, 1)
    return np.array(np.clip(np.floor(full + np.float32(0.5)), 0, 255), np.uint8, order="C")


def _some_weights(n_in: int, n_out: int, outputs: tuple[int, int]) -> tuple[csr_array, slice]:
    """Rows of ``resize_weights`` for a range of outputs, without the inputs that none of them uses; the inputs left."""
    weights = _sparse_weights(n_in, n_out)[slice(*outputs)]
    inputs = slice(int(weights.indices.min()), int(weights.indices.max()) + 1)
    return weights[:, inputs], inputs


@lru_cache(maxsize=16)
def _sparse_weights(n_in: int, n_out: int) -> csr_array:
    """Sparse, as all but about ten weights of a row are 0: a third of the time of a dense product of the whole."""
    return csr_array(resize_weights(n_in, n_out).astype(np.float32))
