"""The cut of one patch, against the whole frame resized."""

import numpy as np

from tests.vsrpp_core.conftest import MakeVideo, pan
from vsrpp_core.data.resize import downscaled, imresize
from vsrpp_core.prepare.patches import _patch
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.prepare.sources import named_videos, survey
from vsrpp_core.video import reading


def test_shrinking_is_imresize(make_video: MakeVideo) -> None:
    path = make_video("a.mp4", pan(1, 2))
    recipe = Recipe.of([path], {"dataset.patch": 36, "dataset.height": 50})
    ((_, source, _),) = survey(named_videos(recipe), recipe)
    frame = next(reading.frames(path))
    assert source and (source.height, source.width) == (50, 67)
    whole = imresize(frame, 50, 67)
    for top, left in ((0, 0), (12, 30), (6, 15)):
        lr, truth = _patch(frame, source, top, left, recipe)
        error = np.abs(truth.astype(int) - whole[top : top + 36, left : left + 36])
        assert error.max() <= 1 and (error > 0).mean() < 0.001
        wanted = downscaled(whole[:48, :66])[top // 3 :, left // 3 :][:12, :12]
        assert np.abs(lr.astype(int) - wanted).max() <= 1
