"""How upscaled pictures are stored (codec, pixel format, colours) and the encoder that stores them.

Separate so that all choices made for the user are in one place. The same settings open the encoder of each segment
and the stream of the finished file, whose header then fits them all.
"""

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from vsrpp_core.apply.upscale.source import Picture, Pixels, SourceInfo
from vsrpp_core.data.stacked import SCALE
from vsrpp_core.errors import OptionError
from vsrpp_core.video.decoding import reason_of
from vsrpp_core.video.reading import BT709, SWSCALE_FLAGS, turned
from vsrpp_core.video.siting import OPTION as SITING_OPTION
from vsrpp_core.video.siting import UNNAMED, Sited, Siting

CodecName = Literal["libx264", "libx265", "libsvtav1", "ffv1", "h264_nvenc", "hevc_nvenc", "av1_nvenc", "png"]
NVENC: tuple[CodecName, ...] = ("h264_nvenc", "hevc_nvenc", "av1_nvenc")
"""Encoders that are circuits of an NVIDIA card; whether this card has them shows when one is opened."""
CODECS: tuple[CodecName, ...] = ("libx264", "libx265", "libsvtav1", "ffv1", *NVENC)
DEFAULT_CRF = {"libx264": 16, "libx265": 18, "libsvtav1": 20, "h264_nvenc": 18, "hevc_nvenc": 20, "av1_nvenc": 24}
"""Finer than the encoders' own defaults: the detail that the network added should survive."""

HIGHEST_CRF = {"libx264": 51, "libx265": 51, "libsvtav1": 63, **dict.fromkeys(NVENC, 51)}
LOWEST_CRF = dict.fromkeys(NVENC, 1)
"""0 would leave the quality to NVENC."""
DEFAULT_PRESET = {"libx264": "medium", "libx265": "medium", "libsvtav1": "6", **dict.fromkeys(NVENC, "p6")}
X26_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
X26_NUMBERS = tuple(map(str, range(len(X26_PRESETS))))
PRESETS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("libx264", "libx265"), (*X26_PRESETS, *X26_NUMBERS)),
    "libsvtav1": tuple(map(str, range(-2, 14))),
    **dict.fromkeys(NVENC, tuple(f"p{number}" for number in range(1, 8))),
}
PRESETS_TOLD: dict[str, str] = {"libsvtav1": "0 to 13", **dict.fromkeys(NVENC, "p1 to p7")}
X264_SAME_EVERY_TIME = {"mbtree": "0"}
"""With macroblock trees and B-frames x264 (core 165) made up to 31 different films in 60 encodings of the same small
pictures, even with one thread; without the trees, one. The result must not depend on where a job was interrupted."""

QUIET = {"libx265": "log-level=none:info=0"}
"""x265 writes on stderr by itself; without ``info=0`` its header would name the machine's processor."""

SVT_ERRORS_ONLY = "1"
"""SVT-AV1 prints its settings on stderr; the level is read from the environment only."""

REAL_TIME = (1, 2)
"""SCHED_FIFO and SCHED_RR of Linux."""

SAME_QUALITY = {"rc": "vbr", "b": "0"}
"""NVENC takes ``cq`` as the quality only where no bitrate is asked for."""

NVENC_DEEP = {"yuv420p10le": "p010le"}
"""NVENC's layout of 10 bits; in H.264 the cards before Blackwell have none."""

H264_SIDE = 4096
"""The most that hardware decoders of H.264 support; larger pictures become H.265."""

X265_SIDE = 64
"""x265 (4.2) writes out of bounds where both sides of a picture are smaller than this, its largest block."""

SITINGS: dict[CodecName, frozenset[Siting]] = {
    "libx264": frozenset(get_args(Siting)),
    "libx265": frozenset(get_args(Siting)),
    "libsvtav1": frozenset(("left", "topleft")),
}
"""Where a codec's own headers can place 4:2:0 chroma; of others the containers may lose what it says."""

MASTERING_BYTES = 88
HDR_WORDS: dict[CodecName, tuple[str, str, str, bool]] = {
    "libx264": ("x264-params", "mastering-display", "cll", False),
    "libx265": ("x265-params", "master-display", "max-cll", False),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light", True),
}
"""How encoders take static HDR metadata: their own option, its two words, and whether numbers are plain."""

RGB_MATRIX = 0
DEEP_PIXELS, PIXELS = "rgb48le", "rgb24"


@dataclass(frozen=True, slots=True)
class EncodingRequest:
    """What the user asked for; None: chosen by the source."""

    codec: CodecName | None = None
    crf: float | None = None
    preset: str | None = None
    pixels: str | None = None


@dataclass(frozen=True, slots=True)
class Encoding:
    """Everything an encoder is opened with."""

    codec: CodecName
    options: dict[str, str]
    pixels: str
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    aspect: Fraction
    colorspace: int
    color_range: int
    primaries: int
    transfer: int
    siting: Siting
    """Of subsampled chroma."""
    turn: bytes = b""
    """The display matrix to apply, for images, which cannot carry one."""

    def fingerprint(self) -> dict[str, Any]:
        """Everything that determines the encoded bits, in values that JSON keeps."""
        plain = {key: str(value) if isinstance(value, Fraction) else value for key, value in asdict(self).items()}
        return plain | {"turn": self.turn.hex(), "PyAV": av.__version__}

    def add_to(self, container: OutputContainer) -> VideoStream:
        """A stream for encoded pictures, with the header of the encoder."""
        stream = container.add_stream(self.codec, rate=self.rate, options=dict(self.options))
        assert isinstance(stream, VideoStream)
        self._set(stream.codec_context)
        stream.time_base = self.time_base
        return stream

    def encoder(self) -> "Encoder":
        context = av.CodecContext.create(self.codec, "w")
        assert isinstance(context, VideoCodecContext)
        context.options = dict(self.options)
        context.framerate = self.rate
        context.flags |= Flags.global_header
        self._set(context)
        open_encoder(context)
        return Encoder(self, context)

    def refuse_without_card(self) -> None:
        """OptionError where the encoder needs a card that is not there, or that cannot encode this."""
        if self.codec not in NVENC:
            return
        try:
            self.encoder()
        except (FFmpegError, ValueError) as error:
            raise OptionError(
                "codec",
                f"{self.codec} needs an NVIDIA card whose NVENC takes {self.width}x{self.height} {self.pixels}, and "
                f"its driver; it cannot be opened here ({reason_of(error)}); choose another --codec or --pixels",
            ) from None

    def _set(self, context: VideoCodecContext) -> None:
        context.width, context.height, context.pix_fmt = self.width, self.height, self.pixels
        context.time_base, context.sample_aspect_ratio = self.time_base, self.aspect
        context.colorspace, context.color_range = self.colorspace, self.color_range
        context.color_primaries, context.color_trc = self.primaries, self.transfer


class Encoder:
    """Pictures in, packets out. Each segment has its own encoder, so it starts with a keyframe and stands alone."""

    def __init__(self, encoding: Encoding, context: VideoCodecContext) -> None:
        self._encoding, self._context = encoding, context
        self._converter, self._sited = VideoReformatter(), Sited(encoding.siting)
        self._durations: dict[int, int] = {}

    def encode(self, rgb: Pixels, picture: Picture) -> Iterator["Packet[Any]"]:
        """``rgb`` [height, width, 3] at the time of ``picture``."""
        self._durations[picture.pts] = picture.duration
        frame = self._frame(rgb)
        frame.pts, frame.time_base = picture.pts, self._encoding.time_base
        yield from self._timed(self._context.encode(frame))

    def finish(self) -> Iterator["Packet[Any]"]:
        yield from self._timed(self._context.encode(None))

    def _frame(self, rgb: Pixels) -> VideoFrame:
        encoding = self._encoding
        data: Any = np.ascontiguousarray(turned(rgb, encoding.turn))
        frame = VideoFrame.from_ndarray(data, format=DEEP_PIXELS if rgb.dtype == np.uint16 else PIXELS)
        if not encoding.pixels.startswith(("rgb", "gbr", "bgr")):
            frame = self._converter.reformat(
                self._sited(frame),
                format=encoding.pixels,
                dst_colorspace=encoding.colorspace,
                dst_color_range=encoding.color_range,
                interpolation=SWSCALE_FLAGS,
            )
        elif frame.format.name != encoding.pixels:
            frame = self._converter.reformat(frame, format=encoding.pixels, interpolation=SWSCALE_FLAGS)
        frame.colorspace, frame.color_range = encoding.colorspace, encoding.color_range
        frame.color_primaries, frame.color_trc = encoding.primaries, encoding.transfer
        return frame

    def _timed(self, packets: list["Packet[Any]"]) -> Iterator["Packet[Any]"]:
        for packet in packets:
            assert packet.pts is not None
            packet.duration = self._durations.pop(packet.pts)
            yield packet


def open_encoder(context: VideoCodecContext) -> None:
    """Open it at ordinary priority; its first use would open it as well, but in real time."""
    os.environ.setdefault("SVT_LOG", SVT_ERRORS_ONLY)
    with _ordinary_priority():
        context.open()


@contextmanager
def _ordinary_priority() -> Iterator[None]:
    """Reset threads that are scheduled in real time within it.

    SVT-AV1 requests it for its own threads and the caller's, and gets it where root runs the program: everything else
    on the machine would stall, and every program started afterwards would inherit it.
    """
    if sys.platform != "linux":
        yield
        return
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for task in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                if os.sched_getscheduler(int(task.name)) in REAL_TIME:
                    os.sched_setscheduler(int(task.name), policy, param)


def choose_encoding(
    info: SourceInfo, request: EncodingRequest, size: tuple[int, int] | None = None
) -> tuple[Encoding, list[str]]:
    """The encoding for a source, and sentences on what cannot be kept. OptionError for a request that cannot be met.

    ``size`` (width, height) is that of the result, by default three times the source's. The shape of its pixels is such
    that the picture keeps its own.
    """
    width, height = size or (SCALE * info.width, SCALE * info.height)
    aspect = info.aspect * Fraction(info.width, info.height) / Fraction(width, height)
    turn = info.matrix if request.codec == "png" else b""
    height, width = turned(np.empty((height, width, 0), np.uint8), turn).shape[:2]
    codec = request.codec or _default_codec(info, max(width, height))
    _refuse_unknown(codec)
    pixels, notes = (request.pixels, []) if request.pixels else _pixel_format(codec, info, width, height)
    _refuse_pixels(codec, pixels, width, height)
    if codec == "libx265" and max(width, height) < X265_SIDE:
        raise OptionError(
            "codec", f"libx265 cannot encode pictures as small as {width}x{height}; choose another with --codec"
        )
    if codec not in HDR_WORDS and (_mastering(info, plain=True) or _light_level(info)):
        notes = [*notes, f"{codec} cannot hold the mastering display and light level metadata of HDR: left out"]
    siting = _siting(codec, pixels, info)
    is_rgb = pixels.startswith(("rgb", "gbr", "bgr"))
    colorspace = RGB_MATRIX if is_rgb else info.colorspace or BT709
    return Encoding(
        codec,
        _options(codec, request, info) | ({SITING_OPTION: siting} if siting else {}),
        pixels,
        width,
        height,
        info.rate,
        info.time_base,
        aspect,
        colorspace,
        2 if is_rgb or pixels.startswith("yuvj") else info.color_range,
        info.primaries,
        info.transfer,
        siting or UNNAMED,
        turn,
    ), notes


def _default_codec(info: SourceInfo, side: int) -> CodecName:
    return "libx264" if side < X265_SIDE or (info.bits == 8 and side <= H264_SIDE) else "libx265"


def _refuse_unknown(codec: CodecName) -> None:
    try:
        av.Codec(codec, "w")
    except ValueError:
        raise OptionError("codec", f"this build of PyAV has no encoder {codec}; choose another with --codec") from None


def _formats(codec: CodecName) -> list[str]:
    return [pixels.name for pixels in av.Codec(codec, "w").video_formats or []]


def _pixel_format(codec: CodecName, info: SourceInfo, width: int, height: int) -> tuple[str, list[str]]:
    """Bits and chroma of the source as far as the codec supports them, and a note on what is lost."""
    if codec == "png":
        return ("rgb48be" if info.bits > 8 else "rgb24"), []
    source, notes = av.VideoFormat(info.pixels, info.width, info.height), list[str]()
    chroma = _chroma(source)
    odd_width, odd_height = width % 2, height % 2
    if chroma != "444" and (odd_width or (odd_height and chroma == "420")):
        notes.append(
            f"{width}x{height} is odd, which halved chroma cannot store: stored as 4:4:4, "
            "which some players do not decode in hardware"
        )
        chroma = "444"
    elif source.is_rgb:
        notes.append(
            "RGB has full chroma, so it is stored as 4:4:4, which some players do not decode in hardware; "
            "--pixels yuv420p halves it"
        )
    bits = 8 if info.bits <= 8 else 10 if info.bits <= 10 else 12
    suffix = {8: "", 10: "10le", 12: "12le"}
    candidates = [f"yuv{c}p{suffix[b]}" for b in (bits, 10, 8) if b <= bits for c in (chroma, "444", "420")]
    if codec in ("hevc_nvenc", "av1_nvenc"):
        candidates = [NVENC_DEEP.get(name, name) for name in candidates]
    pixels = next(name for name in candidates if name in _formats(codec))
    if pixels != candidates[0]:
        notes.append(f"{codec} has no {candidates[0]}: stored as {pixels}")
    return pixels, notes


def _chroma(source: Any) -> str:
    """4:4:4, 4:2:2 or 4:2:0, whichever holds all the source's chroma; grey needs none."""
    if source.is_rgb or len(source.components) < 3:
        return "444" if source.is_rgb else "420"
    wide = source.chroma_width(64) == 64
    high = source.chroma_height(64) == 64
    return "444" if wide else "422" if high else "420"


def _siting(codec: CodecName, pixels: str, info: SourceInfo) -> Siting | None:
    """Where subsampled chroma is placed: as in the source where the codec can name it, else as players assume."""
    across, down = _subsampling(pixels)
    if (across, down) == (1, 1):
        return None
    return info.siting if down > 1 and info.siting in SITINGS.get(codec, ()) else UNNAMED


def _subsampling(pixels: str) -> tuple[int, int]:
    """Columns and lines of luma for one of chroma."""
    chosen = av.VideoFormat(pixels, 64, 64)
    return 64 // chosen.chroma_width(64), 64 // chosen.chroma_height(64)


def _refuse_pixels(codec: CodecName, pixels: str, width: int, height: int) -> None:
    if pixels not in _formats(codec):
        raise OptionError("pixels", f"{codec} has no pixel format {pixels}; it has {', '.join(_formats(codec))}")
    across, down = _subsampling(pixels)
    if width % across or height % down:
        raise OptionError(
            "pixels", f"{width}x{height} is odd, which {pixels} cannot store; leave --pixels out, or take yuv444p"
        )


def _options(codec: CodecName, request: EncodingRequest, info: SourceInfo) -> dict[str, str]:
    options: dict[str, str] = {}
    if codec in DEFAULT_CRF:
        crf = DEFAULT_CRF[codec] if request.crf is None else request.crf
        low, high = LOWEST_CRF.get(codec, 0), HIGHEST_CRF[codec]
        if not low <= crf <= high:
            raise OptionError("crf", f"--crf {crf:g} is not between {low} and {high}, the range of {codec}")
        options["cq" if codec in NVENC else "crf"] = f"{crf:g}"
        options["preset"] = request.preset or DEFAULT_PRESET[codec]
        if options["preset"] not in PRESETS[codec]:
            known = PRESETS_TOLD.get(codec) or ", ".join(X26_PRESETS)
            raise OptionError("preset", f"--preset {request.preset} is not a preset of {codec}; it has {known}")
    elif request.crf is not None or request.preset:
        raise OptionError("codec", f"{codec} is lossless and takes neither --crf nor --preset")
    if codec == "libx264":
        options |= X264_SAME_EVERY_TIME
    if codec in NVENC:
        options |= SAME_QUALITY
    if codec in HDR_WORDS:
        params, display_word, light_word, plain = HDR_WORDS[codec]
        named = {display_word: _mastering(info, plain), light_word: _light_level(info)}
        values = [QUIET.get(codec, ""), *(f"{word}={value}" for word, value in named.items() if value)]
        options |= {params: text} if (text := ":".join(filter(None, values))) else {}
    if codec == "ffv1":
        options |= {"level": "3", "slices": "16", "slicecrc": "1"}
    return options


def _mastering(info: SourceInfo, plain: bool) -> str:
    """The mastering display in the words of encoders: primaries in 1/50000, luminance in 1/10000 cd/m², or ``plain``.

    libav's structure is ten fractions (red, green, blue and white x and y, least and most luminance) with two flags
    saying which part is present. Empty where it is not all there.
    """
    if len(info.mastering) < MASTERING_BYTES:
        return ""
    values = struct.unpack("=22i", info.mastering[:MASTERING_BYTES])
    if not (values[20] and values[21]):
        return ""
    parts = [Fraction(n, d or 1) for n, d in zip(values[:20:2], values[1:20:2], strict=True)]
    units = [Fraction(1) if plain else Fraction(50_000)] * 8 + [Fraction(1) if plain else Fraction(10_000)] * 2
    scaled = [part * unit for part, unit in zip(parts, units, strict=True)]
    rx, ry, gx, gy, bx, by, wx, wy, low, high = [f"{float(v):.5f}" if plain else str(round(v)) for v in scaled]
    return f"G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({high},{low})"


def _light_level(info: SourceInfo) -> str:
    """The most and the mean of the light, cd/m², of libav's two whole numbers; or nothing."""
    return ",".join(map(str, struct.unpack("=2I", info.light_level[:8]))) if len(info.light_level) >= 8 else ""
