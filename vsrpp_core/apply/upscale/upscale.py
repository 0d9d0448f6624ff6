"""Upscaling videos and folders of images: windows, network, segments, file.

A job is a function of its source, its checkpoint and its options, and its state is on the disk: wherever and however
it ends, it resumes from its last finished segment and makes the same pictures.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from av.error import FFmpegError

from vsrpp_core.apply.load_network import load_network, started
from vsrpp_core.apply.stacks import lead, reach, windows
from vsrpp_core.apply.upscale import mux
from vsrpp_core.apply.upscale.beside import Behind, ahead
from vsrpp_core.apply.upscale.encoding import Encoding
from vsrpp_core.apply.upscale.inspect import encoding_of, open_film, sizes
from vsrpp_core.apply.upscale.job_events import (
    Stage,
    UpscaleEvent,
    UpscaleFailed,
    UpscaleFinished,
    UpscalePreview,
    UpscaleProgress,
    UpscaleStarted,
)
from vsrpp_core.apply.upscale.jobs import Job, Options
from vsrpp_core.apply.upscale.marks import Mark, Marks
from vsrpp_core.apply.upscale.origins import record
from vsrpp_core.apply.upscale.preview import Previews
from vsrpp_core.apply.upscale.segments import Segment, SegmentWriter, UpscaleFolder, clear_finished, put_in_place
from vsrpp_core.apply.upscale.source import Film, Picture, Pixels, SourceInfo, exact
from vsrpp_core.apply.upscale.tracks import LeftOut
from vsrpp_core.device.hardware import Hardware, choose_hardware
from vsrpp_core.errors import CHECK_DISK, WHAT_TO_DO, VsrppError
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.network.inference import PictureUpscaler
from vsrpp_core.network.model import VSRBidirectional3x

WAITING = 3
"""Stacks that are decoded ahead of the network, and pictures that wait behind it for the encoder: enough that pictures
which take one of the three longer than usual do not stop the others."""


def upscale(checkpoint: Path, jobs: list[Job], options: Options | None = None) -> Generator[UpscaleEvent, None, None]:
    """Do the jobs in turn. Closing the iterator stops after the current picture; finished segments are kept.

    VsrppError where a single job fails; of several, the others are done and each failure is an event. Of several that
    may overwrite, those that an earlier run finished with the same options are kept until all are done.
    """
    options = options or Options()
    for folder in {job.out.parent for job in jobs}:
        clear_finished(folder)
    hardware = choose_hardware(options.precision)
    hardware.apply()
    model = load_network(checkpoint, hardware)
    network = _Network(model, model.n_frames, hardware, options.tile, _digest(checkpoint))
    marks, failed = Marks([job.out for job in jobs], len(jobs) > 1 and options.overwrite, options.fresh), 0
    for number, job in enumerate(jobs, start=1):
        try:
            for event in _run(job, network, options, marks.of(job.out)):
                if number == len(jobs) and not failed and isinstance(event, UpscaleFinished):
                    marks.clear()  # before the event, as the caller may stop iterating then
                yield event
        except VsrppError as error:
            if len(jobs) == 1:
                raise
            failed += 1
            yield UpscaleFailed(job.source.name, str(error))


@dataclass(frozen=True, slots=True)
class _Network:
    model: VSRBidirectional3x
    n_frames: int
    hardware: Hardware
    tile: int
    digest: str


def _digest(checkpoint: Path) -> str:
    with checkpoint.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(job: Job, network: _Network, options: Options, mark: Mark | None) -> Iterator[UpscaleEvent]:
    if mark and (frames := _finished_frames(job, network, options, mark)):
        yield UpscaleFinished(job.source.name, job.out, frames, frames, 0.0, is_kept=True)
        return
    job.refuse_overwriting(options.overwrite)
    film = open_film(job, options)
    film.check()
    encoding, notes = encoding_of(job, film, options, network.model.scale)
    encoding.refuse_without_card()
    try:
        with UpscaleFolder(job.out) as work:
            left_out: list[LeftOut] = []
            if not job.is_pictures:
                left_out = mux.check(film, encoding, work, job.out.suffix.lower(), options.drop_tracks)
            yield from _as_warnings([*notes, *(f"{film.info.path}: {one}: left out" for one in left_out)])
            yield from _Task(job, film, encoding, work, network, options, mark, left_out).run()
    except (FFmpegError, OSError) as error:
        reason, what_to_do = error.strerror or error, WHAT_TO_DO.get(error.errno or 0, CHECK_DISK)
        raise VsrppError(
            f"{job.out} cannot be written ({reason}); {what_to_do}, then run the same command again: "
            "what is finished is kept"
        ) from error


def _finished_frames(job: Job, network: _Network, options: Options, mark: Mark) -> int:
    """Pictures of the result where an earlier run finished this very job; else 0."""
    if not mark.path.exists():
        return 0
    film = open_film(job, options)
    encoding, _ = encoding_of(job, film, options, network.model.scale)
    return mark.frames_of(_whole_job(job, _segments_of(film, encoding, network, options), options))


def _whole_job(job: Job, segments: dict[str, Any], options: Options) -> dict[str, Any]:
    """What determines the result, including its tracks."""
    own = {"name": job.source.name, "tracks left out": options.drop_tracks, "by force": options.force}
    return {**segments, **own}


def _segments_of(film: Film, encoding: Encoding, network: _Network, options: Options) -> dict[str, Any]:
    """What determines the segments, by the words that name a difference to the user."""
    return {
        "source": film.identity(),
        "checkpoint": network.digest,
        "precision": network.hardware.precision,
        **({"ensemble": options.ensemble} if options.ensemble > 1 else {}),
        "start or length": [options.span.start, options.span.length],
        "segment length": options.segment_seconds,
        **encoding.fingerprint(),
    }


def _as_warnings(notes: Iterable[str]) -> Iterator[WarningRaised]:
    for note in notes:
        yield WarningRaised(message=note)


@dataclass
class _Task:
    """One running job."""

    job: Job
    film: Film
    encoding: Encoding
    work: UpscaleFolder
    network: _Network
    options: Options
    mark: Mark | None
    left_out: list[LeftOut]

    def run(self) -> Iterator[UpscaleEvent]:
        started = time.monotonic()
        sink = _Sink(self.encoding, self.work, self.options.segment_seconds)
        segments = _segments_of(self.film, self.encoding, self.network, self.options)
        sink.resume_after(self.work.begin(segments, self.options.fresh, reach(self.network.n_frames)))
        resumed_from = sink.done
        yield self._started(resumed_from)
        try:
            yield from self._upscale(sink)
        finally:
            sink.discard()
        yield from self._join(sink)
        if self.mark:
            self.mark.write(_whole_job(self.job, segments, self.options), sink.done)
        self.work.remove()
        seconds = time.monotonic() - started
        yield UpscaleFinished(self.job.source.name, self.job.out, sink.done, resumed_from, seconds)

    def _upscale(self, sink: "_Sink") -> Iterator[UpscaleEvent]:
        """All remaining pictures: decoded, upscaled (here) and encoded on three threads.

        A picture counts as done when the encoder has been given it, which it is whatever comes after.
        """
        network, done = self.network, sink.done
        waiting = waiting_bytes(self.film.info, self.encoding)
        options = self.options
        upscaler = PictureUpscaler(network.hardware, network.tile, waiting, options.to, options.ensemble)
        previews = Previews(self.work.path, self.options.preview_every, self.film.info.matrix)
        if done:
            yield self._progress("reading", done, done)
        encoder: Behind[UpscalePreview] = Behind(WAITING)
        with closing(ahead(self._stacks(done), WAITING)) as stacks, encoder:
            for picture, rgb in self._upscaled(stacks, upscaler):
                done += 1
                yield from encoder.do(partial(self._store, sink, previews, picture, rgb))
                yield from upscaler.warnings()
                yield from self._notes()
                side = max(upscaler.tile or (0,))
                yield self._progress("upscaling", done, self.film.info.frames, sink.count + 1, side)
            yield from encoder.do(sink.end_segment)
            yield from encoder.rest()
        yield from self._notes()
        if not done:
            raise VsrppError(f"{self.film.info.path} has no pictures in that part; choose another --start")

    def _stacks(self, done: int) -> Generator[list[Picture], None, None]:
        """The windows of all pictures but those ``done``."""
        begin = max(0, done - lead(self.network.n_frames))
        with closing(self.film.pictures(begin)) as pictures:
            yield from windows(pictures, self.network.n_frames, skip=done - begin)

    def _upscaled(self, stacks: Iterable[list[Picture]], upscaler: PictureUpscaler) -> Iterator[tuple[Picture, Pixels]]:
        """A GPU is given the next picture before the last one is waited for."""
        model, path = self.network.model, self.film.info.path
        begun: deque[tuple[Picture, Callable[[], Pixels]]] = deque()
        for stack in stacks:
            frames = np.stack([picture.rgb for picture in stack])
            begun.append((stack[len(stack) // 2], started(upscaler, model, frames, path)))
            if len(begun) > upscaler.in_flight:
                picture, finished = begun.popleft()
                yield picture, finished()
        for picture, finished in begun:
            yield picture, finished()

    def _store(self, sink: "_Sink", previews: Previews, picture: Picture, rgb: Pixels) -> UpscalePreview | None:
        sink.add(rgb, picture)
        return previews.write(self.job.source.name, sink.done, picture, rgb) if previews.is_due else None

    def _join(self, sink: "_Sink") -> Iterator[UpscaleEvent]:
        made = self.work.path / f"joined{self.job.out.suffix.lower()}"
        parts = self.film, self.encoding, self.work, sink.count, made
        for written in mux.unpack(*parts) if self.job.is_pictures else mux.join(*parts, self.left_out):
            yield self._progress("joining", written, sink.done)
        yield from self._notes()
        if self.job.in_folder:
            record(made, self.job.out, self.job.source, self.options.span)
        put_in_place(made, self.job.out)

    def _started(self, done: int) -> UpscaleStarted:
        encoding, hardware = self.encoding, self.network.hardware
        size = sizes(self.film, encoding, self.options, self.network.model.scale)
        device, precision = hardware.description.name, hardware.precision
        name = self.job.source.name
        return UpscaleStarted(name, self.job.out, size, encoding.codec, encoding.pixels, device, precision, done)

    def _notes(self) -> Iterator[WarningRaised]:
        """Notes since the last call."""
        while self.film.notes:  # the thread that decodes may add to them meanwhile
            yield WarningRaised(message=self.film.notes.pop(0))

    def _progress(self, stage: Stage, done: int, total: int, segment: int = 0, tile: int = 0) -> UpscaleProgress:
        return UpscaleProgress(self.job.source.name, stage, done, max(done, total) if total else 0, segment, tile)


def waiting_bytes(info: SourceInfo, encoding: Encoding) -> int:
    """Memory of the pictures that wait on either side of the network, and of one that is being encoded."""
    pixels = info.width * info.height + encoding.width * encoding.height
    return (WAITING + 1) * 3 * pixels * (1 if info.bits <= 8 else 2)


class _Sink:
    """Writes upscaled pictures into segments of some seconds, ``count`` so far; ``done`` counts pictures."""

    def __init__(self, encoding: Encoding, work: UpscaleFolder, seconds: float) -> None:
        self._encoding, self._work, self._seconds = encoding, work, exact(seconds)
        self._writer: SegmentWriter | None = None
        self._begin = 0
        self.count = self.done = 0

    def resume_after(self, segments: Iterable[Segment]) -> None:
        for segment in segments:
            self.count, self.done = self.count + 1, segment.first + segment.frames

    def add(self, rgb: Pixels, picture: Picture) -> None:
        if self._writer is None or (picture.pts - self._begin) * self._encoding.time_base >= self._seconds:
            self.end_segment()
            self._writer, self._encoder = self._work.writer(self.count, self.done), self._encoding.encoder()
            self._begin = picture.pts
        self._writer.add(self._encoder.encode(rgb, picture))
        self.done += 1

    def end_segment(self) -> None:
        if self._writer is not None:
            self._writer.add(self._encoder.finish())
            segment = self._writer.finish()
            assert segment.first + segment.frames == self.done, "the encoder returned another number of pictures"
            self._writer = None
            self.count += 1

    def discard(self) -> None:
        """Drop the unfinished segment."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None
