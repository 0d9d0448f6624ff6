"""Decoded frames of a film, past damage, and where the damage is.

Separate from reading.py, which knows colours: here are containers, packets and decoders. A film is decoded with all
threads first. With frames decoded in parallel libav reports a fault late, and PyAV drops what the decoder still held,
so at the first sign of damage the film is decoded once more, by one thread, which knows the packet of each fault.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
from av.codec.context import Flags, ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags as FormatFlags
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vsrpp_core.errors import VsrppError
from vsrpp_core.video.images import is_animated_webp
from vsrpp_core.video.siting import take_unnamed_as_usual

Refuse = Callable[[VideoFrame, VideoStream, Path], None]

REORDERED = 16
"""Pictures by which a decoder may change the order of those stored; no codec allows more."""

MISSING_SHARE, MISSING_SECONDS = 0.1, 5.0
"""A file that ends earlier than it declares, by more than the smaller of the two, is cut short; less is rounding."""

WHOLE_FILE_DECLARED = frozenset({"matroska,webm", "flv", "asf"})
"""Formats that declare a duration in their header for the file, if not for each track."""

IN_FLIGHT = 64
"""Packets that a decoder may have taken without having given their frames; more, and some of them have none."""

UNMARKED = 300
"""A film whose first packets, as many, hold no keyframe does not mark them."""

BARE_SUFFIXES = frozenset({"", "bin", "dat", "raw", "es"})
"""Beside those that libav knows, names that promise nothing."""

SILENT = frozenset({"hevc"})
"""Codecs of which libav skips a damaged picture without a word; every packet of them has one."""


class BrokenVideoError(VsrppError):
    """Decoding cannot continue; the frames that came before are good."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Frames left out in a row: the number of the first in the film, from 1, its time in seconds, how many, and why."""

    frame: int
    seconds: float
    count: int
    reason: str

    def __str__(self) -> str:
        many = "frame is" if self.count == 1 else "frames are"
        return f"damaged at frame {self.frame:,}, {self.seconds:.2f} s ({self.reason}): {self.count:,} {many} left out"


class _DoubtError(Exception):
    """A sign of damage while frames are decoded in parallel."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video's container and its first video stream that is not a cover; VsrppError where there is none."""
    if path.is_dir():
        raise VsrppError(f"{path} is a folder, not a video; name a file")
    if path.exists() and not path.is_file():  # opening it could wait for ever
        raise VsrppError(f"{path} is a pipe or a device, which can be read only once; save it as a file first")
    av.logging.set_level(None)  # libav would write onto the caller's screen
    try:
        # The absolute path, or "a:b.mp4" would be read as a protocol; "ignore", as tags are often not UTF-8.
        container = av.open(str(path.absolute()), metadata_errors="ignore")
    except FileNotFoundError:
        raise VsrppError(f"{path} does not exist; check the path") from None
    except PermissionError:
        raise VsrppError(f"{path} cannot be read; check its permissions") from None
    except (FFmpegError, OSError) as error:
        raise VsrppError(f"{path} is not a video that can be read ({reason_of(error)}); leave it out") from None
    with container:
        if container.format.name == "webp_pipe" and is_animated_webp(path.read_bytes()):
            raise VsrppError(f"{path} is an animated WebP, which cannot be read as a film; convert it to GIF or MP4")
        stream = pictures_of(container)
        if stream is None:
            raise VsrppError(f"{path} has no video stream; leave it out")
        if stream.codec_context is None:
            raise VsrppError(f"{path} is in a video codec that cannot be decoded here; convert it to another")
        stream.thread_type = ThreadType.AUTO
        take_unnamed_as_usual(stream)
        yield container, stream


def is_without_header(container: InputContainer, path: Path) -> bool:
    """Whether the bare pictures of a damaged file were found: a stream without times, by a name that promises them."""
    bare = FormatFlags.no_timestamps in FormatFlags(container.format.flags)
    return bare and path.suffix[1:].lower() not in container.format.extensions | BARE_SUFFIXES


def left_out_by_edits(container: InputContainer, stream: VideoStream) -> float:
    """Seconds of stored pictures that a list of edits does not show, 0 where they are few; of MP4 and its kin."""
    if "mp4" not in container.format.name.split(",") or not stream.average_rate:
        return 0.0
    stored, shown = float(stream.frames / stream.average_rate), declared_seconds(container, stream)
    return stored - shown if _ends_early(shown, stored) else 0.0


def pictures_of(container: InputContainer) -> VideoStream | None:
    """The first video stream that is not a cover."""
    return next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)


def decoded(
    path: Path,
    refuse: Refuse,
    *,
    seek: int | None = None,
    threads: int = 0,
    keep_suspects: bool = False,
    on_damage: Callable[[Damage], None] | None = None,
) -> Generator[VideoFrame, None, None]:
    """Frames in the order of showing, each checked by ``refuse``, from a keyframe before the time ``seek``.

    Damaged frames are left out, and so are those up to the next keyframe, which may show traces, unless
    ``keep_suspects``. ``on_damage`` hears of it as soon as the next frame is known; without it the first damage raises
    BrokenVideoError after the frames before it, as do a size that changes, data that ends, and a file cut short.
    """
    count = 0
    with suppress(_DoubtError), opened(path) as (container, stream):
        stream.codec_context.thread_count = threads
        packets = _Packets(container, stream, seek)
        for frame in _checked(_in_parallel(packets, stream), stream, path, refuse):
            yield frame
            count += 1
        packets.refuse_early_end(path)
        return
    with opened(path) as (container, stream):
        stream.thread_type, stream.codec_context.thread_count = ThreadType.SLICE, 1
        packets = _Packets(container, stream, seek)
        careful = _Careful(packets, stream, path, keep_suspects, on_damage)
        yield from islice(_checked(careful.frames(), stream, path, refuse), count, None)
        packets.refuse_early_end(path)


def first_frame(
    container: InputContainer,
    stream: VideoStream,
    path: Path,
    refuse: Refuse,
    on_damage: Callable[[Damage], None] | None = None,
) -> VideoFrame:
    """The first good frame of an opened film; VsrppError where there is none."""
    stream.thread_type, stream.codec_context.thread_count = ThreadType.SLICE, 1
    careful = _Careful(_Packets(container, stream, None), stream, path, False, on_damage)
    for frame in _checked(careful.frames(), stream, path, refuse):
        return frame
    raise VsrppError(f"{path} holds no frame that can be decoded; leave it out or export it again")


def _checked(frames: Iterator[VideoFrame], stream: VideoStream, path: Path, refuse: Refuse) -> Iterator[VideoFrame]:
    size: tuple[int, int] | None = None
    for count, frame in enumerate(frames):
        refuse(frame, stream, path)
        size = size or (frame.width, frame.height)
        if (frame.width, frame.height) != size:
            raise BrokenVideoError(f"{path} changes its size after frame {count}; cut it there into two files")
        yield frame


class _Packets:
    """The packets of the video stream, and how far they reach."""

    def __init__(self, container: InputContainer, stream: VideoStream, seek: int | None) -> None:
        self._container, self._stream = container, stream
        self._begin: int | None = stream.start_time
        self._end: int | None = None
        if seek is not None:
            container.seek(seek, stream=stream)

    def __iter__(self) -> Iterator["av.Packet[VideoStream]"]:
        """The last is empty: it makes the decoder give what it holds."""
        for packet in self._container.demux(self._stream):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None:
                end = time + (packet.duration or 0)
                self._begin = time if self._begin is None else min(self._begin, time)
                self._end = end if self._end is None else max(self._end, end)
            if packet.size or time is None:  # an empty one with a time is a picture that a recorder missed
                yield packet

    def seconds(self, time: int | None) -> float:
        """From the beginning of the film."""
        assert self._stream.time_base is not None
        return float((time - (self._begin or 0)) * self._stream.time_base) if time is not None else 0.0

    def refuse_early_end(self, path: Path) -> None:
        """A file cut between two packets decodes without an error; only its duration shows it."""
        declared = declared_seconds(self._container, self._stream)
        begin = self._begin or 0
        if self._stream.duration is None:  # Matroska's tag: of libav the time of the end, of others the length
            begin = min(begin, 0)
        assert self._stream.time_base is not None
        reached = float((self._end - begin) * self._stream.time_base) if self._end is not None else 0.0
        if not declared and self._container.format.name in WHOLE_FILE_DECLARED:
            declared = (self._container.duration or 0) / av.time_base
            if _ends_early(reached, declared):
                reached = max(reached, _seconds_of_all_tracks(path))
        if self._end is not None and _ends_early(reached, declared):
            raise BrokenVideoError(f"{path} ends after {reached:.1f} of {declared:.1f} seconds; get an undamaged copy")


def _ends_early(reached: float, declared: float) -> bool:
    return declared - reached > min(MISSING_SHARE * declared, MISSING_SECONDS)


def _seconds_of_all_tracks(path: Path) -> float:
    """How far any track reaches: sound may continue after the last picture."""
    end = 0.0
    with opened(path) as (container, _), suppress(FFmpegError):
        for packet in container.demux():
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None:
                end = max(end, float((time + (packet.duration or 0)) * packet.time_base))
    return end


def _in_parallel(packets: _Packets, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames up to the first sign of damage, which raises _DoubtError."""
    if stream.codec_context.name in SILENT:
        stream.codec_context.flags |= Flags.output_corrupt
    sent = got = 0
    awaited: set[int] = set()
    first_key: int | None = None
    try:
        for packet in packets:
            if packet.is_corrupt:
                raise _DoubtError
            frames = packet.decode()
            if not packet.size and len(frames) < sent - got <= IN_FLIGHT:  # PyAV stops there at an error, and hides it
                raise _DoubtError
            sent, got = sent + bool(packet.size), got + len(frames)
            if stream.codec_context.name in SILENT and packet.pts is not None:
                first_key = packet.pts if first_key is None and packet.is_keyframe else first_key
                awaited.update([packet.pts] if first_key is not None and packet.pts >= first_key else [])
            for frame in frames:
                if frame.is_corrupt or (frame.pts is not None and any(pts < frame.pts for pts in awaited)):
                    raise _DoubtError
                awaited.discard(frame.pts or 0)
                yield frame
    except FFmpegError:
        raise _DoubtError from None


@dataclass(frozen=True, slots=True)
class _Sent:
    """A packet: its number, its time, that of the newest keyframe, and the numbers of that and of the one before it."""

    number: int
    pts: int | None
    key_pts: int | None
    key: int | None
    key_before: int | None

    def follows(self, other: "_Sent") -> bool:
        """Whether it is shown after another one, or where that is not known, stored after it."""
        if self.pts is None or other.pts is None:
            return self.number > other.number
        return self.pts > other.pts

    @property
    def since(self) -> int | None:
        """The number of the keyframe from which on all must be sound for this one to be sound."""
        is_leading = self.pts is not None and self.key_pts is not None and self.pts < self.key_pts
        return self.key_before if is_leading else self.key


class _Careful:
    """Frames decoded by one thread, each with the packet it came in."""

    def __init__(
        self,
        packets: _Packets,
        stream: VideoStream,
        path: Path,
        keep_suspects: bool,
        on_damage: Callable[[Damage], None] | None,
    ) -> None:
        self._packets, self._stream, self._path = packets, stream, path
        self._keep_suspects, self._on_damage = keep_suspects, on_damage
        self._waiting: dict[int, _Sent] = {}
        self._damaged: dict[int, str] = {}
        self._newest = -1
        self._lost: list[tuple[_Sent, str]] = []
        self._run: list[tuple[_Sent, str]] = []
        self._places = 0
        self._stopped: FFmpegError | None = None

    def frames(self) -> Iterator[VideoFrame]:
        held: deque[tuple[VideoFrame, _Sent]] = deque()
        for frame, sent in self._decoded():
            held.append((frame, sent))
            if len(held) > REORDERED:
                yield from self._good(*held.popleft(), {s.number for _, s in held})
        while held:
            yield from self._good(*held.popleft(), {s.number for _, s in held})
        if self._stream.codec_context.name in SILENT:
            for sent in self._waiting.values():
                self._lose(sent, "its picture is missing")
        self._run += self._lost
        self._tell()
        if self._stopped:
            raise BrokenVideoError(
                f"{self._path} cannot be read after frame {self._places} ({reason_of(self._stopped)}); "
                "get an undamaged copy"
            )

    def _good(self, frame: VideoFrame, sent: _Sent, later: set[int]) -> Iterator[VideoFrame]:
        if self._stream.codec_context.name in SILENT:
            for other in [s for n, s in self._waiting.items() if n < sent.number and n not in later]:
                self._lose(self._waiting.pop(other.number), "its picture is missing")
        for number in [n for n in self._damaged if n < (sent.key_before or 0)]:
            del self._damaged[number]
        before = [entry for entry in self._lost if sent.follows(entry[0])]
        self._lost = [entry for entry in self._lost if entry not in before]
        self._run += before
        if frame.is_corrupt and sent.since is not None:
            self._damaged.setdefault(sent.number, "damaged data")
        if sent.number in self._damaged:
            self._run.append((sent, self._damaged[sent.number]))
        elif sent.since is not None and any(sent.since <= n < sent.number for n in self._damaged):
            if self._keep_suspects:
                yield from self._told(frame)
            else:
                self._run.append((sent, "it builds on damaged data"))
        elif not frame.is_corrupt:
            yield from self._told(frame)

    def _told(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        self._tell()
        self._places += 1
        yield frame

    def _tell(self) -> None:
        if not self._run:
            return
        (first, reason), count = self._run[0], len(self._run)
        damage = Damage(self._places + 1, self._packets.seconds(first.pts), count, reason)
        if self._on_damage is None:
            place = f"at frame {damage.frame:,}, {damage.seconds:.2f} s ({reason})"
            raise BrokenVideoError(f"{self._path} cannot be decoded {place}; get an undamaged copy")
        self._on_damage(damage)
        self._places += count
        self._run = []

    def _lose(self, sent: _Sent, reason: str) -> None:
        """Before the first keyframe there is nothing to lose."""
        if sent.since is not None:
            self._damaged[sent.number] = reason
            self._lost.append((sent, reason))

    def _decoded(self) -> Iterator[tuple[VideoFrame, _Sent]]:
        context = self._stream.codec_context
        context.copy_opaque = True
        if context.name in SILENT:
            context.flags |= Flags.output_corrupt
        sent = _Sent(-1, None, None, None, None)
        try:
            for packet in self._packets:
                if packet.size:
                    packet.opaque = sent.number + 1
                    sent = self._note(packet, sent)
                try:
                    frames = packet.decode()
                except FFmpegError as error:
                    if self._waiting.pop(sent.number, None):
                        self._lose(sent, reason_of(error))
                    continue
                yield from ((frame, self._sent(frame, sent)) for frame in frames)
        except FFmpegError as error:
            self._stopped = error
            with suppress(FFmpegError):
                yield from ((frame, self._sent(frame, sent)) for frame in context.decode(None))

    def _sent(self, frame: VideoFrame, newest: _Sent) -> _Sent:
        return self._waiting.pop(frame.opaque, newest) if isinstance(frame.opaque, int) else newest

    def _note(self, packet: "av.Packet[VideoStream]", before: _Sent) -> _Sent:
        number, time = before.number + 1, packet.pts
        if packet.is_keyframe or (before.key is None and number == UNMARKED):
            sent = _Sent(number, time, time, number, before.key)
        else:
            sent = _Sent(number, time, before.key_pts, before.key, before.key_before)
        self._waiting[number] = sent
        self._waiting.pop(number - IN_FLIGHT, None)
        if packet.is_corrupt and sent.since is not None:
            self._damaged[number] = "incomplete data"
        return sent


def declared_seconds(container: InputContainer, stream: VideoStream) -> float:
    """Duration of the stream by its container, 0 where that is not declared for the stream itself."""
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
        whole = container.duration / av.time_base if container.duration else seconds
        return min(seconds, whole)  # an edit list shows less than is stored
    return _matroska_seconds(stream.metadata.get("DURATION", ""))


def _matroska_seconds(text: str) -> float:
    """Matroska writes a stream's duration as a tag, HH:MM:SS.fraction; 0 for anything else."""
    parts = text.split(":")
    if len(parts) != 3 or not all(part.replace(".", "", 1).isdigit() for part in parts):
        return 0.0
    hours, minutes, seconds = map(float, parts)
    return 3600 * hours + 60 * minutes + seconds


def reason_of(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".").lower()
