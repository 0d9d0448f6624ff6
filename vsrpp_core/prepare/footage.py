"""The frames of a video as preparing needs them: timed, numbered, deinterlaced, with a thumbnail, not yet converted.

Separate from video/reading.py, which yields every frame as RGB: here most frames are only examined in a thumbnail, and
converted when a window is cut out of them.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vsrpp_core.errors import VsrppError
from vsrpp_core.prepare.recipe import SourcePart
from vsrpp_core.video import reading
from vsrpp_core.video.clock import Clock, Oddities, in_time
from vsrpp_core.video.decoding import Damage, decoded, opened
from vsrpp_core.video.scenes import Thumbnail, thumbnail
from vsrpp_core.video.side_data import SideDataReader


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A frame of a video with its number, its time in seconds from the start, and a thumbnail."""

    number: int
    seconds: float
    thumbnail: Thumbnail
    frame: VideoFrame
    matrix: bytes


def refuse(part: SourcePart, frame: VideoFrame, stream: VideoStream, path: Path) -> None:
    """VsrppError for a frame that the recipe refuses."""
    if part.interlaced == "refuse":
        reading.refuse_interlaced(frame, path)
    if part.hdr == "refuse":
        reading.refuse_hdr(stream, path)


def timed_frames(
    path: Path,
    part: SourcePart,
    end: float,
    threads: int = 0,
    on_damage: Callable[[Damage], None] = lambda damage: None,
    odd: Oddities | None = None,
) -> Generator[TimedFrame, None, None]:
    """Every sound frame in order until ``end`` seconds; VsrppError and BrokenVideoError as in ``decoded``.

    ``odd`` is filled in as by ``in_time``.
    """
    with opened(path) as (container, stream):
        clock = Clock.of(container, stream)
    frames = decoded(path, lambda f, s, p: refuse(part, f, s, p), threads=threads, on_damage=on_damage)
    attached, origin = SideDataReader(), None
    for number, frame in enumerate(_deinterlaced(in_time(frames, clock, odd or Oddities()), path)):
        time = frame.time
        origin = time if origin is None else origin
        if time - origin >= end:
            return
        yield TimedFrame(number, time - origin, thumbnail(grey(frame)), frame, attached.display_matrix(frame))


def grey(frame: VideoFrame) -> NDArray[np.uint8]:
    """Coded luma [H, W], its upper 8 bits; for RGB as libswscale converts it."""
    name, component = frame.format.name, frame.format.components[0]
    packed = len(frame.planes) == 1 and not name.startswith("gray")
    if packed or component.bits < 8 or not name.startswith(("yuv", "nv1", "gray", "p0")):
        return frame.reformat(format="gray").to_ndarray()  # type: ignore[return-value]
    plane = frame.planes[0]
    rows: NDArray[Any] = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    if component.bits <= 8:
        return np.asarray(rows[:, : plane.width], np.uint8)
    shift = 8 if name.startswith("p0") else component.bits - 8
    order = ">u2" if name.endswith("be") else "<u2"
    return np.asarray(rows.view(order)[:, : plane.width] >> shift, np.uint8)


def rgb(timed: TimedFrame, path: Path, hdr: bool) -> NDArray[np.uint8 | np.uint16]:
    """The frame as a player shows it; HDR as 16-bit coded values."""
    picture = reading.to_rgb(timed.frame, VideoReformatter(), path, reading.DEEP_FORMAT if hdr else reading.RGB_FORMAT)
    return reading.turned(picture, timed.matrix, path)


def _deinterlaced(frames: Iterator[VideoFrame], path: Path) -> Iterator[VideoFrame]:
    """From the first interlaced frame on all go through bwdif, which passes progressive ones unchanged."""
    graph: Graph | None = None
    tags = (reading.UNSPECIFIED_COLORSPACE, 0)
    try:
        for frame in frames:
            if graph is None and not frame.interlaced_frame:
                yield frame
                continue
            graph = graph or _bwdif(frame)
            tags = (frame.colorspace, frame.color_range)
            graph.vpush(frame)
            yield from _pulled(graph, tags)
        if graph is not None:
            graph.vpush(None)
            yield from _pulled(graph, tags)
    except FFmpegError as error:
        raise VsrppError(f"{path} cannot be deinterlaced ({error.strerror}); deinterlace it first") from None


def _bwdif(frame: VideoFrame) -> Graph:
    """A full picture per frame, from its first field; progressive frames are left alone."""
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    filtered, sink = graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Graph, tags: tuple[int, int]) -> Iterator[VideoFrame]:
    """Frames that the filter has ready; it may drop the tags of matrix and range, so they are set again."""
    while True:
        try:
            frame = graph.vpull()
        except (BlockingIOError, EOFError):
            return
        frame.colorspace, frame.color_range = tags
        yield frame
