"""HDR to BT.709, against the formulas of the recommendations."""

import numpy as np
import pytest

from vsrpp_core.video.tonemap import WHITE, compressed, hlg_scene, pq_coded, pq_light, tone_mapped


def coded(light: float) -> int:
    return round(65535 * float(pq_coded(np.array(light))))


def test_curves_pass_through_published_points() -> None:
    assert pq_light(np.array([0.0, 0.508078, 0.751827, 1.0])) == pytest.approx(
        [0, 100, 1000, 10_000], rel=1e-4, abs=1e-3
    )
    assert hlg_scene(np.array([0.0, 0.5, 0.75, 1.0])) == pytest.approx([0, 1 / 12, 0.26496, 1], abs=1e-4)
    light = np.geomspace(0.01, 10_000, 50)
    assert pq_light(pq_coded(light)) == pytest.approx(light, rel=1e-6)


def test_dark_is_kept_bright_is_compressed_and_order_stays() -> None:
    light = np.geomspace(0.1, 4000, 200)
    shown = compressed(light, 1000)
    assert shown[light < 80] == pytest.approx(light[light < 80])
    assert np.all(np.diff(shown) >= -1e-9) and shown[light >= 1000] == pytest.approx(WHITE, rel=1e-3)


@pytest.mark.parametrize("curve", ["PQ", "HLG"])
def test_grey_stays_grey_and_ends_are_black_and_white(curve) -> None:  # type: ignore[no-untyped-def]
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None].repeat(3, axis=2)
    shown = tone_mapped(ramp, curve, 1000).astype(int)
    assert np.abs(shown - shown[..., :1]).max() <= 1
    assert np.all(np.diff(shown[0, :, 0]) >= 0) and shown[0, 0, 0] == 0 and shown[0, -1, 0] == 255


def test_sdr_levels_of_pq_come_out_where_bt1886_has_them() -> None:
    for light in (10.0, 50.0):
        picture = np.full((1, 1, 3), coded(light), np.uint16)
        assert tone_mapped(picture, "PQ", 1000)[0, 0, 0] == pytest.approx(255 * (light / WHITE) ** (1 / 2.4), abs=1)


def test_a_bt709_colour_keeps_its_channels() -> None:
    """BT.709 red of 40 cd/m2 as BT.2020 light (BT.2087's matrix) comes back as red alone."""
    red = np.array([[[coded(40 * share) for share in (0.6274, 0.0691, 0.0164)]]], np.uint16)
    shown = tone_mapped(red, "PQ", 1000)[0, 0].astype(int)
    assert shown[0] == pytest.approx(255 * (40 / WHITE) ** (1 / 2.4), abs=2) and shown[1:].max() < 15
