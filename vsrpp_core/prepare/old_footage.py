"""What analogue video and its copies do to a picture: ringing, colours and their place, dots, fields, tapes.

Separate from degradation.py, which draws what happens, and has the steps that digital video suffers too. Values are
those of LR pixels and of 8-bit levels; Y'CbCr is BT.601.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter1d, map_coordinates, shift

from vsrpp_core.prepare.frames import TO_YCC, Stack, levels

TAPS = 8
"""To each side of a low pass: where its sinc is cut off is what rings."""

CARRIER = np.pi / 2
"""Phase of the colour subcarrier from one pixel to the next: at 720 pixels a line NTSC's has 3.8 for a period."""

FILM_FRAMES = 5
"""Of video, made of four of film by 3:2 pulldown: two of them have the fields of two frames of film."""


def ringing(stack: Stack, kept: float) -> Stack:
    """A sharp low pass that leaves the share ``kept`` of the resolution, in both directions: edges echo."""
    places = np.arange(-TAPS, TAPS + 1)
    kernel = kept * np.sinc(kept * places)
    soft = stack.astype(np.float32)
    for axis in (1, 2):
        soft = convolve1d(soft, kernel / kernel.sum(), axis=axis, mode="nearest")
    return levels(soft)


def bled(stack: Stack, reach: float) -> Stack:
    """Colour runs along the lines and arrives late: smeared by ``reach`` pixels, and half as many to the right."""
    ycc = stack @ TO_YCC.T
    late = shift(ycc[..., 1:], (0, 0, reach / 2, 0), order=1, mode="nearest")
    ycc[..., 1:] = gaussian_filter1d(late, reach, axis=2, mode="nearest")
    return _rgb(ycc)


def off_levels(stack: Stack, black: float, white: float, tint: list[float]) -> Stack:
    """Black at ``black``, white as much below 255 as ``white``, and Cb and Cr off by ``tint``."""
    ycc = stack @ TO_YCC.T
    ycc[..., 0] = black + ycc[..., 0] * (255 - white - black) / 255
    ycc[..., 1:] += tint
    return _rgb(ycc)


def dotted(stack: Stack, strength: float) -> Stack:
    """Dot crawl: where colour changes, a part of its carrier stays in the brightness, moving from frame to frame."""
    ycc = stack @ TO_YCC.T
    change = ycc[..., 1:] - gaussian_filter1d(ycc[..., 1:], 1.5, axis=2, mode="nearest")
    frames, height, width = stack.shape[:3]
    phase = CARRIER * np.arange(width) + np.pi * np.arange(height)[:, None] + np.pi * np.arange(frames)[:, None, None]
    ycc[..., 0] += 2 * strength * (change[..., 0] * np.sin(phase) + change[..., 1] * np.cos(phase))
    return _rgb(ycc)


def telecined(stack: Stack, phase: int) -> Stack:
    """The second and third of five frames, counted from ``phase``, have every other line of the frame that follows."""
    following = np.concatenate([stack[1:], stack[-2:-1]])
    mixed = [n for n in range(len(stack)) if (n + phase) % FILM_FRAMES in (1, 2)]
    out = stack.copy()
    out[mixed, 1::2] = following[mixed, 1::2]
    return out


def copied(stack: Stack, generations: int, seed: int) -> Stack:
    """A tape that was copied: each time softer along the lines, noisier, colours later and lines less steady."""
    random = np.random.default_rng(seed)
    for _ in range(generations):
        stack = bled(stack, 0.8)
        soft = gaussian_filter1d(stack.astype(np.float32), 0.4, axis=2, mode="nearest")
        grain = random.standard_normal((*stack.shape[:3], 1), np.float32)
        stack = levels(_jittered(soft, random) + np.float32(1.5) * grain)
    return stack


def _jittered(stack: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Each line moved by 0.2 pixels in the mean, neighbours alike, as a time base that drifts leaves them."""
    frames, height, width, _ = stack.shape
    drift = gaussian_filter1d(random.standard_normal((frames, height)), 2.0, axis=1, mode="nearest")
    drift *= 0.25 / max(float(drift.std()), 1e-6)
    rows = np.broadcast_to(np.arange(height)[:, None], (height, width))
    moved = np.empty_like(stack)
    for n, c in np.ndindex(frames, 3):
        columns = np.arange(width) + drift[n][:, None]
        moved[n, ..., c] = map_coordinates(stack[n, ..., c], [rows, columns], order=1, mode="nearest")
    return moved


def _rgb(ycc: NDArray[Any]) -> Stack:
    return levels(ycc @ np.linalg.inv(TO_YCC).T)
