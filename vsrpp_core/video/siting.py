"""Where the samples of subsampled chroma lie between those of luma.

Separate because PyAV shows neither a stream's chroma location nor a frame's: it is read from the header that libav
writes for a copy of the stream, and set by a filter. libswscale takes a frame that names none as sited in the centre,
a quarter of a chroma sample from where all players expect it.
"""

import io
import re
from fractions import Fraction
from typing import Literal

import av
from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

Siting = Literal["left", "center", "topleft", "top", "bottomleft", "bottom"]
"""libav's names: on the left column of luma or between two, on the upper or lower line or (left, center) between."""

UNNAMED: Siting = "left"
"""What players assume where nothing is named: the siting of MPEG-2 and all later video codecs."""

OPTION = "chroma_sample_location"
"""Of a codec context: for a decoder what frames carry whose stream names nothing, for an encoder what it names."""

PLACES: dict[tuple[int, int], Siting] = {
    (1, 1): "topleft",
    (1, 2): "left",
    (1, 3): "bottomleft",
    (2, 1): "top",
    (2, 2): "center",
    (2, 3): "bottom",
}
"""By the values of Matroska's ChromaSitingHorz and ChromaSitingVert, as libav writes them."""

ELEMENTS = re.compile(rb"\x55\xb7\x81([\x01-\x03])\x55\xb8\x81([\x01-\x03])")
ALWAYS_NAMED = "yuv4mpegpipe"
"""A format whose siting is always named, and whose streams Matroska does not take."""


def named_siting(stream: VideoStream) -> Siting | None:
    """What a stream, or its decoder, names as its siting."""
    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as container:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
    except (FFmpegError, ValueError):  # Matroska does not take it
        return None
    found = ELEMENTS.search(header.getvalue())
    return PLACES[found[1][0], found[2][0]] if found else None


def take_unnamed_as_usual(stream: VideoStream) -> None:
    """Let frames of a stream that names no siting carry the usual one; before the first is decoded."""
    if named_siting(stream) is None and stream.container.format.name != ALWAYS_NAMED:
        stream.codec_context.options = {**stream.codec_context.options, OPTION: UNNAMED}


class Sited:
    """Frames of one size and format with a siting, which libswscale gives to what it makes of them."""

    def __init__(self, siting: Siting) -> None:
        self._siting = siting
        self._graph: Graph | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """The same picture; what else it carries may be lost."""
        self._graph = self._graph or self._opened(frame)
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _opened(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        graph.threads = 1
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, av.time_base)
        )
        graph.link_nodes(source, graph.add("setparams", f"chroma_location={self._siting}"), graph.add("buffersink"))
        graph.configure()
        return graph
