"""Settings of a preparation: every fault at once."""

import pytest

from vsrpp_core.data.recipe import PrepareSettings
from vsrpp_core.errors import UsageError


def test_every_fault_of_the_settings_is_told() -> None:
    with pytest.raises(UsageError) as error:
        PrepareSettings(
            patch=100, n_frames=4, scale_height=50, patches_per_minute=0, val_share=1, seed=-1, min_texture=-1,
            min_motion=float("nan"),
        )  # fmt: skip
    assert str(error.value).count(";") == 7
