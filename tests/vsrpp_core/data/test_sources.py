"""Which videos are taken, under which names, and at which size."""

from pathlib import Path

from vsrpp_core.data.recipe import PrepareSettings
from vsrpp_core.data.sources import _labels, find_videos, survey

from .conftest import MakeVideo, pan


def test_folders_are_expanded_and_nothing_is_taken_twice(make_video: MakeVideo, tmp_path: Path) -> None:
    two = [make_video("a.mp4", pan(1)), make_video("b.mp4", pan(2))]
    (tmp_path / "notes.txt").write_text("not a video")
    assert find_videos([tmp_path, two[0]]) == two


def test_equal_stems_give_different_names() -> None:
    paths = [Path("x/Clip 1.mp4"), Path("y/clip-1.mkv"), Path("z/ä?*.mp4"), Path("..mp4")]
    assert _labels(paths) == ["Clip-1", "clip-1-2", "ä", "video"]


def test_lower_videos_are_not_enlarged(make_video: MakeVideo) -> None:
    (source,), _ = survey([make_video("a.mp4", pan(1, 2))], PrepareSettings(patch=36, scale_height=100))
    assert (source.height, source.width) == (72, 96)
