"""Degradations of real old footage: blur, noise, subsampled chroma, combing, a codec.

Separate from data/resize.py, whose two protocols are fixed by the field: everything here is drawn from ranges, once per
stack, so that all its frames suffer the same, as the frames of one film do.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from av.codec.context import CodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace
from scipy.ndimage import gaussian_filter1d, zoom

from vsrpp_core.prepare.frames import TO_YCC, Stack, levels
from vsrpp_core.prepare.old_footage import FILM_FRAMES, bled, copied, dotted, off_levels, ringing, telecined
from vsrpp_core.prepare.recipe import DegradationPart
from vsrpp_core.video.reading import SWSCALE_FLAGS
from vsrpp_core.video.siting import Sited

Applied = dict[str, Any]
Step = tuple[str, Any, Callable[[Stack], Stack]]


def degrade_real(stack: Stack, random: np.random.Generator, part: DegradationPart) -> tuple[Stack, list[Applied]]:
    """LR frames [T, h, w, 3], degraded, and the steps applied, in order.

    Depends only on the state of ``random``: everything is drawn first, always the same number of draws.
    """
    clean = random.random() < part.clean_share
    steps = _draw_steps(random, part)
    order = random.permutation(len(steps)) if part.shuffle else np.arange(len(steps))
    if clean:
        return stack, []
    chosen = [step for place in order if (step := steps[place]) is not None]
    for _, _, apply in chosen:
        stack = apply(stack)
    return stack, [{"step": name, **values} for name, values, _ in chosen]


def _draw_steps(random: np.random.Generator, part: DegradationPart) -> list[Step | None]:
    happens, codec = random.random(4), random.random()
    sigma = [round(float(v), 3) for v in random.uniform(part.blur[0], part.blur[1], 2)]
    noise = round(float(random.uniform(part.noise[0], part.noise[1])), 3)
    grey, seed = bool(random.random() < part.noise_grey_share), int(random.integers(2**31))
    combs = round(float(random.uniform(part.interlace[0], part.interlace[1])), 3)
    crf = round(float(random.uniform(part.h264_crf[0], part.h264_crf[1])), 1)
    quantizer = round(float(random.uniform(part.mpeg2_quantizer[0], part.mpeg2_quantizer[1])))
    steps: list[Step | None] = [
        ("blur", {"sigma": sigma}, lambda s: blurred(s, *sigma)) if happens[0] < part.blur_share else None,
        ("noise", {"sigma": noise, "grey": grey}, lambda s: noisy(s, noise, grey, seed))
        if happens[1] < part.noise_share
        else None,
        ("chroma", {}, half_colour) if happens[2] < part.chroma_share else None,
        ("interlace", {"strength": combs}, lambda s: combed(s, combs)) if happens[3] < part.interlace_share else None,
        None,
    ]
    if codec < part.h264_share:
        steps[4] = ("h264", {"crf": crf}, lambda s: recompressed(s, "libx264", crf))
    elif codec < part.h264_share + part.mpeg2_share:
        steps[4] = ("mpeg2", {"quantizer": quantizer}, lambda s: recompressed(s, "mpeg2video", quantizer))
    return [*_draw_old(random, part), *steps]


def _draw_old(random: np.random.Generator, part: DegradationPart) -> list[Step | None]:
    """Nothing, and no draw, in recipes without them: what those made before they were known stays as it was."""
    shares = (
        *(part.telecine_share, part.dots_share, part.ringing_share),
        *(part.bleed_share, part.levels_share, part.generations_share),
    )
    if not any(shares):
        return []
    happens = random.random(len(shares)) < shares

    def within(span: list[float]) -> float:
        return round(float(random.uniform(span[0], span[1])), 3)

    phase, dots, kept, reach = int(random.integers(FILM_FRAMES)), *map(within, (part.dots, part.ringing, part.bleed))
    black, white, turn = within(part.black), within(part.white), float(random.uniform(0, 2 * np.pi))
    off = within(part.tint)
    tint = [round(off * float(share), 2) for share in (np.cos(turn), np.sin(turn))]
    copies, seed = round(within(part.generations)), int(random.integers(2**31))
    steps: list[Step] = [
        ("telecine", {"phase": phase}, lambda s: telecined(s, phase)),
        ("dots", {"strength": dots}, lambda s: dotted(s, dots)),
        ("ringing", {"kept": kept}, lambda s: ringing(s, kept)),
        ("bleed", {"reach": reach}, lambda s: bled(s, reach)),
        ("levels", {"black": black, "white": white, "tint": tint}, lambda s: off_levels(s, black, white, tint)),
        ("generations", {"copies": copies}, lambda s: copied(s, copies, seed)),
    ]
    return [step if chosen else None for step, chosen in zip(steps, happens, strict=True)]


def blurred(stack: Stack, vertical: float, horizontal: float) -> Stack:
    soft = gaussian_filter1d(stack.astype(np.float32), vertical, axis=1, mode="nearest")
    return levels(gaussian_filter1d(soft, horizontal, axis=2, mode="nearest"))


def noisy(stack: Stack, sigma: float, grey: bool, seed: int) -> Stack:
    shape = (*stack.shape[:3], 1) if grey else stack.shape
    grain = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return levels(stack + np.float32(sigma) * grain)


def half_colour(stack: Stack) -> Stack:
    """Y'CbCr (BT.601) with chroma averaged over 2×2 pixels and enlarged again linearly."""
    ycc = stack @ TO_YCC.T
    padded = np.pad(ycc[..., 1:], ((0, 0), (0, stack.shape[1] % 2), (0, stack.shape[2] % 2), (0, 0)), mode="edge")
    t, h, w, _ = padded.shape
    small = padded.reshape(t, h // 2, 2, w // 2, 2, 2).mean(axis=(2, 4))
    large = zoom(small, (1, 2, 2, 1), order=1, mode="nearest", grid_mode=True)
    ycc[..., 1:] = large[:, : stack.shape[1], : stack.shape[2]]
    return levels(ycc @ np.linalg.inv(TO_YCC).T)


def combed(stack: Stack, strength: float) -> Stack:
    """Every other line partly from the next frame, as a bad deinterlacer leaves it; the last from the one before."""
    other = np.concatenate([stack[1:], stack[-2:-1]])[:, 1::2].astype(np.float32)
    out = stack.copy()
    out[:, 1::2] = levels((1 - strength) * stack[:, 1::2] + strength * other)
    return out


def recompressed(stack: Stack, codec: str, quality: float) -> Stack:
    """Encoded and decoded again, as a short film of its own, with chroma at half the resolution."""
    height, width = stack.shape[1:3]
    frames = np.pad(stack, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    encoder: Any = CodecContext.create(codec, "w")
    encoder.height, encoder.width = frames.shape[1:3]
    encoder.pix_fmt, encoder.framerate, encoder.time_base = "yuv420p", Fraction(25), Fraction(1, 25)
    encoder.thread_count = 1  # the output of x264 depends on the number of threads
    level = str(quality if codec == "libx264" else round(quality))
    encoder.options = (
        {"crf": level, "preset": "medium", "x264-params": "scenecut=0:mbtree=0:log-level=none"}
        if codec == "libx264"
        else {"qmin": level, "qmax": level, "bf": "0"}
    )
    decoder: Any = CodecContext.create("h264" if codec == "libx264" else codec, "r")
    decoder.thread_count = 1
    sited = Sited("left")  # where both decoders expect it
    shown: list[VideoFrame] = []
    for packet in [p for n, f in enumerate(frames) for p in encoder.encode(_ycc(f, n, sited))] + encoder.encode(None):
        shown += decoder.decode(packet)
    shown += decoder.decode(None)
    pictures = [_rgb(frame) for frame in shown]
    assert len(pictures) == len(stack), f"{codec} gave {len(pictures)} of {len(stack)} frames"
    return np.stack(pictures)[:, :height, :width]


def _ycc(picture: Stack, number: int, sited: Sited) -> VideoFrame:
    frame = sited(VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
    frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU601, interpolation=SWSCALE_FLAGS)
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


def _rgb(frame: VideoFrame) -> Stack:
    shown = frame.reformat(format="gbrp", src_colorspace=Colorspace.ITU601, interpolation=SWSCALE_FLAGS)
    return shown.to_ndarray()  # type: ignore[return-value]
