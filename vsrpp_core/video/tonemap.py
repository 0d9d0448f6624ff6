"""HDR pictures as a BT.709 screen shows them.

Separate from reading.py because it is arithmetic on arrays; libavfilter in the PyAV wheels has no zscale.

Coded values become light (PQ: SMPTE ST 2084; HLG: ITU-R BT.2100 with its system gamma), the light of the brightest
channel is compressed by the EETF of ITU-R BT.2390 and the others with it, so that no hue shifts; then BT.2020 becomes
BT.709 (ITU-R BT.2087) and light becomes coded values for a gamma of 2.4 (ITU-R BT.1886). Diffuse white of HDR,
203 cd/m2 (ITU-R BT.2408), becomes the white of SDR.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Curve = Literal["PQ", "HLG"]
Floats = NDArray[np.float32]

WHITE = 203.0
HLG_PEAK = 1000.0
"""cd/m2 of the screen that HLG is decoded for, to which its system gamma of 1.2 belongs."""
TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
LUMA_2020 = np.array([0.2627, 0.6780, 0.0593], np.float32)
STEPS = 4096
M1, M2, C1, C2, C3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def tone_mapped(picture: NDArray[np.uint16], curve: Curve, peak: float) -> NDArray[np.uint8]:
    """RGB [h, w, 3] of 16 bits as coded, to RGB of 8 bits; ``peak`` in cd/m2 becomes white."""
    light = _light(curve)[picture]
    if curve == "HLG":
        scene = np.maximum(light @ LUMA_2020, np.float32(1e-6))
        light = light * (np.float32(HLG_PEAK) * scene**0.2)[..., None]
    brightest = light.max(axis=-1)
    at = np.sqrt(brightest / 10_000) * (STEPS - 1)
    gain = np.interp(at, np.arange(STEPS), _gains(peak)).astype(np.float32)
    shown = np.clip((light * (gain / np.float32(WHITE))[..., None]) @ TO_709.T, 0, 1)
    return np.asarray(np.floor(255 * shown ** np.float32(1 / 2.4) + np.float32(0.5)), np.uint8)


def pq_light(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 of a PQ value in 0..1."""
    power = coded ** (1 / M2)
    return np.asarray(10_000 * (np.maximum(power - C1, 0) / (C2 - C3 * power)) ** (1 / M1))


def pq_coded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    power = (light / 10_000) ** M1
    return np.asarray(((C1 + C2 * power) / (1 + C3 * power)) ** M2)


def hlg_scene(coded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light of the scene in 0..1 of an HLG value in 0..1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)


def compressed(light: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """cd/m2 to cd/m2 up to ``WHITE``: the EETF of BT.2390 with a black of 0; ``peak`` and above is white."""
    top = pq_coded(np.array(peak))
    coded = np.minimum(pq_coded(light) / top, 1)
    most = float(pq_coded(np.array(min(WHITE, peak))) / top)
    knee = 1.5 * most - 0.5
    t = np.clip((coded - knee) / max(1 - knee, 1e-9), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    return pq_light(np.where(coded < knee, coded, spline) * top)


@lru_cache(maxsize=2)
def _light(curve: Curve) -> Floats:
    coded = np.arange(65536) / 65535
    return (pq_light(coded) if curve == "PQ" else hlg_scene(coded)).astype(np.float32)


@lru_cache(maxsize=8)
def _gains(peak: float) -> NDArray[np.float64]:
    """What light is multiplied by, at the squares of evenly spaced steps up to 10,000 cd/m2."""
    light = 10_000 * (np.arange(STEPS) / (STEPS - 1)) ** 2
    light[0] = 1e-4
    return compressed(light, peak) / light
