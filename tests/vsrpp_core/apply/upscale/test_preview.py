"""The picture of a job at work, and what is known of one beforehand: neither may change what comes out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.vsrpp_core.apply.conftest import Film, run, shot, tracks, write_film
from vsrpp_core.apply.upscale.inspect import inspect_job
from vsrpp_core.apply.upscale.job_events import UpscaleFinished, UpscalePreview, UpscaleStarted
from vsrpp_core.apply.upscale.jobs import Job, Options, read_length, read_rate, read_seconds
from vsrpp_core.apply.upscale.preview import DETAIL_HEIGHT, DETAIL_WIDTH, WHOLE_SIDE, Previews
from vsrpp_core.apply.upscale.source import Picture
from vsrpp_core.errors import OptionError, UsageError
from vsrpp_core.run.pictures.comparison_picture import most_different_window, read_parts


def test_previews_change_no_bit_and_none_are_made_unasked(network: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 12), audio=("eng",)))
    plain = run(network, source, tmp_path / "plain.mkv")
    seen = run(network, source, tmp_path / "seen.mkv", preview_every=0.0)
    assert tracks(tmp_path / "plain.mkv") == tracks(tmp_path / "seen.mkv")
    assert not any(isinstance(event, UpscalePreview) for event in plain)
    assert [event.frame for event in seen if isinstance(event, UpscalePreview)] == list(range(1, 13))
    assert isinstance(seen[-1], UpscaleFinished) and [p.name for p in tmp_path.glob(".*")] == []


def test_a_preview_shows_both_pictures_and_where_they_differ_most(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    small = random.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    large = np.array(Image.fromarray(small).resize((900, 600), Image.Resampling.BICUBIC))
    large[420:480, 700:760] = 255 - large[420:480, 700:760]
    shown = Previews(tmp_path, 0.0, b"").write("film.mkv", 7, Picture(small, 0, 0), large)
    assert (shown.name, shown.frame) == ("film.mkv", 7)
    lr, ki = read_parts(shown.whole, 2)
    assert lr.size == ki.size == (WHOLE_SIDE, WHOLE_SIDE * 600 // 900)
    lr, ki = read_parts(shown.detail, 2)
    assert lr.size == (DETAIL_WIDTH, DETAIL_HEIGHT) and not np.array_equal(np.asarray(lr), np.asarray(ki))
    left, top, right, bottom = most_different_window(
        Image.fromarray(small).resize((900, 600)), Image.fromarray(large), DETAIL_WIDTH, DETAIL_HEIGHT
    )
    assert left <= 730 < right and top <= 450 < bottom


def test_a_preview_comes_when_it_is_due(tmp_path: Path) -> None:
    now = [0.0]
    previews = Previews(tmp_path, 4.0, b"", clock=lambda: now[0])
    assert previews.is_due and not Previews(tmp_path, None, b"").is_due
    previews.write("film", 1, Picture(np.zeros((4, 4, 3), np.uint8), 0, 0), np.zeros((12, 12, 3), np.uint8))
    due = []
    for now[0] in (3.9, 4.0):
        due.append(previews.is_due)
    assert due == [False, True]


def test_deep_pictures_and_a_turn_that_is_none_are_shown_all_the_same(tmp_path: Path) -> None:
    tilted = np.array([46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30], np.int32).tobytes()
    previews = Previews(tmp_path, 0.0, tilted)
    deep = np.full((12, 24, 3), 0x80FF, np.uint16)
    shown = previews.write("film", 1, Picture(deep[:4, :8], 0, 0), deep)
    assert {value for part in read_parts(shown.whole, 2) for value in np.asarray(part).ravel()} == {0x80}


def test_a_job_becomes_what_its_inspection_says(network: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "film.mkv", Film(shot(1, 9)))
    seen = inspect_job(Job(source, tmp_path / "out.mkv", False), Options())
    started = next(event for event in run(network, source, tmp_path / "out.mkv") if isinstance(event, UpscaleStarted))
    assert (seen.size, seen.codec, seen.format) == (started.size, started.codec, started.pixels)
    assert (seen.frames, seen.pixels, seen.can_resume) == (9, 24 * 32, False)
    with pytest.raises(UsageError, match="already exists"):
        inspect_job(Job(source, tmp_path / "out.mkv", False), Options())


def test_times_and_rates_are_read_as_people_write_them() -> None:
    assert [read_seconds("start", text) for text in ("5", "5s", "1:30", "1:02:03.5")] == [5, 5, 90, 3723.5]
    assert str(read_rate("fps", "24000/1001")) == "24000/1001"
    for reader, text in ((read_seconds, "soon"), (read_length, "0"), (read_rate, "1/0"), (read_rate, "5000")):
        with pytest.raises(OptionError, match=r"^--that ") as caught:
            reader("that", text)
        assert caught.value.option == "that"
