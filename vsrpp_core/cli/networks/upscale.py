"""``vsrpp upscale``: films as much larger as the network makes them."""

import argparse
import math
import os
from contextlib import closing
from threading import Event
from typing import TYPE_CHECKING

from vsrpp_core.cli.shared.console import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    Progressed,
    ProgressView,
    Terminal,
    complain,
    on_signals,
    same_command,
)
from vsrpp_core.cli.shared.options import CHECKPOINT_HELP, add_ensemble, add_precision
from vsrpp_core.errors import UsageError
from vsrpp_core.messages.describe import describe
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.messages.pace import clock
from vsrpp_core.run.names import place

if TYPE_CHECKING:
    from vsrpp_core.apply.upscale.job_events import UpscaleEvent
    from vsrpp_core.apply.upscale.jobs import Options


def add_options(parser: argparse.ArgumentParser) -> None:
    from vsrpp_core.apply.upscale.encoding import CODECS, DEFAULT_CRF, DEFAULT_PRESET, H264_SIDE
    from vsrpp_core.apply.upscale.jobs import SEGMENT_SECONDS
    from vsrpp_core.video.clock import DEFAULT_FPS

    parser.add_argument("checkpoint", type=place, metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument("sources", nargs="+", type=place, metavar="IN", help="videos, folders of images, or of videos")
    parser.add_argument("out", type=place, metavar="OUT", help="a video file (.mkv, .mp4, .mov) or a folder")
    parser.add_argument("--preview", metavar="TIME", help="upscale only this much of each, e.g. 5s or 1:30")
    parser.add_argument("--start", metavar="TIME", help="where to begin, e.g. 90s or 1:02:30")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT when the new one is complete")
    parser.add_argument("--fresh", action="store_true", help="start over instead of resuming an interrupted job")
    parser.add_argument("--force", action="store_true", help="accept interlaced and damaged videos as they are")
    parser.add_argument("--drop-tracks", action="store_true", help="leave out tracks that OUT's format cannot hold")
    parser.add_argument("--png", action="store_true", help="make a folder of PNG images of a video")
    parser.add_argument(
        "--fps", metavar="RATE", help=f"of a folder of images that becomes a video (default {DEFAULT_FPS:g})"
    )
    parser.add_argument(
        "--codec",
        choices=CODECS,
        help=f"default libx264; libx265 for more than 8 bits or {H264_SIDE} pixels; *_nvenc: an NVIDIA card's",
    )
    x264, svt, nvenc = (DEFAULT_PRESET[codec] for codec in ("libx264", "libsvtav1", "hevc_nvenc"))
    by_codec = ", ".join(f"{crf} {codec}" for codec, crf in DEFAULT_CRF.items())
    parser.add_argument("--crf", type=float, help=f"quality, lower is better (default {by_codec})")
    parser.add_argument(
        "--preset", help=f"effort of the encoder (default {x264}; {svt} for libsvtav1, {nvenc} for NVENC)"
    )
    parser.add_argument("--pixels", metavar="FORMAT", help="pixel format, e.g. yuv420p10le (default: as the source)")
    parser.add_argument(
        "--to", metavar="WxH", help="resample the network's pictures to this size, e.g. 1920x1080 (default: leave them)"
    )
    parser.add_argument(
        "--tile", type=int, default=0, help="largest part at once, LR pixels a side (default 0: by the memory)"
    )
    segment = f"{SEGMENT_SECONDS:g}s"
    parser.add_argument(
        "--segment",
        metavar="TIME",
        default=segment,
        help=f"how much of a film an interruption costs at most (default {segment})",
    )
    add_ensemble(parser)
    add_precision(parser, "auto")


def run(options: argparse.Namespace) -> int:
    os.environ.setdefault("SVT_LOG", "1")  # errors only; it would write onto the screen
    from vsrpp_core.apply.upscale.job_events import UpscaleFailed, UpscaleFinished
    from vsrpp_core.apply.upscale.jobs import plan
    from vsrpp_core.apply.upscale.upscale import upscale

    settings, stopping, ended, failed = _settings(options), Event(), 0, 0
    planned = plan(options.sources, options.out, options.png, options.overwrite, settings.span)
    terminal = Terminal()
    # after a signal the current frame is finished; a second Ctrl-C costs nothing, as what counts is on the disk
    with ProgressView(terminal) as view, on_signals(stopping.set):
        terminal.say(*planned.notes)
        for out in planned.skipped:
            terminal.say(f"{out} already exists and is kept; use --overwrite to make it again")
        with closing(upscale(options.checkpoint, planned.jobs, settings)) as events:
            for event in events:
                _show(event, terminal, view)
                failed += isinstance(event, UpscaleFailed)
                ended += isinstance(event, UpscaleFailed | UpscaleFinished)
                if stopping.is_set():
                    break
    if stopping.is_set() and ended < len(planned.jobs):
        terminal.say(f"Stopped. Finished work is kept; continue with: {same_command()}")
        return EXIT_INTERRUPTED
    return EXIT_FAILED if failed else EXIT_DONE


def _settings(options: argparse.Namespace) -> "Options":
    from vsrpp_core.apply.upscale.encoding import EncodingRequest
    from vsrpp_core.apply.upscale.jobs import Options, read_length, read_rate, read_seconds, read_size
    from vsrpp_core.apply.upscale.source import Span

    length = None if options.preview is None else read_length("preview", options.preview)
    start = 0.0 if options.start is None else read_seconds("start", options.start)
    if options.tile < 0:
        raise UsageError("--tile must not be negative")
    return Options(
        EncodingRequest(options.codec, options.crf, options.preset, options.pixels),
        options.precision,
        Span(start, length),
        None if options.fps is None else read_rate("fps", options.fps),
        None if options.to is None else read_size("to", options.to),
        options.tile,
        read_length("segment", options.segment),
        overwrite=options.overwrite,
        fresh=options.fresh,
        force=options.force,
        drop_tracks=options.drop_tracks,
        ensemble=options.ensemble,
    )


def _show(event: "UpscaleEvent", terminal: Terminal, view: ProgressView) -> None:
    from vsrpp_core.apply.upscale import job_events as up

    match event:
        case up.UpscaleStarted():
            resumed = f"; resumes after {event.resumed_from:,} frames" if event.resumed_from else ""
            terminal.say(
                f"{event.name}: {event.size}, {event.codec} {event.pixels}, on {event.device} in {event.precision}"
                + resumed
            )
        case up.UpscaleProgress(stage="reading"):
            label = f"{event.name}: {event.stage}"
            view.show(Progressed(label, event.done, event.total, unit="frame ", seconds_left=math.nan))
        case up.UpscaleProgress():
            view.show(
                Progressed(f"{event.name}: {event.stage}", event.done, event.total, unit="frame ", rate_unit="fps")
            )
        case up.UpscaleFinished(is_kept=True):
            terminal.say(f"{event.out} was already finished by an earlier run of this job; use --fresh to redo it")
        case up.UpscaleFinished():
            frames = event.frames - event.resumed_from
            rate = f", {frames / event.seconds:.2f} fps" if frames and event.seconds else ""
            terminal.say(f"{event.out}: {event.frames:,} frames in {clock(event.seconds)}{rate}")
        case up.UpscaleFailed():
            complain(f"vsrpp: {event.name} is left out: {event.error}")
        case WarningRaised():
            terminal.say(describe(event).in_full)
