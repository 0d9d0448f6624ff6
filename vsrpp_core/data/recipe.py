"""What to cut out of videos: the settings of a preparation.

Separate from the work so that a command line or a screen can check them before anything is read.
"""

from dataclasses import dataclass

from vsrpp_core.data.stacked import SCALE, StackGeometry
from vsrpp_core.errors import UsageError

SMALLEST_PATCH = 24


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """What to cut. UsageError, listing every fault, where a setting cannot work.

    ``patch``: side of the ground truth in pixels, a multiple of 3. ``n_frames``: of a stack, odd. ``scale_height``:
    higher frames are shrunk to this height first, keeping their aspect; lower ones are left as they are.
    ``patches_per_minute``: windows tried per minute of video, each giving one patch or none. ``val_share``: of the
    videos. ``min_texture``: mean luma gradient of the LR centre frame, in 8-bit levels per pixel, below which a patch
    is skipped. ``min_motion``: mean absolute difference of two LR frames, in 8-bit levels, below which the second one
    repeats the first. Of places drawn evenly from 29 web clips, 480 lines high, 1 % lay below the default texture
    (sky, blurred walls) and 4 % below the default motion (still pictures, and tripod shots encoded without noise).
    """

    patch: int = 540
    n_frames: int = 5
    scale_height: int | None = None
    patches_per_minute: float = 60.0
    val_share: float = 0.1
    seed: int = 0
    min_texture: float = 1.5
    min_motion: float = 0.2

    def __post_init__(self) -> None:
        patch, height = self.patch, self.scale_height
        least = f"the patch must be a multiple of {SCALE} and at least {SMALLEST_PATCH}"
        pace = "the patches per minute must be more than 0"
        faults = [
            (patch < SMALLEST_PATCH or patch % SCALE, f"{least}, not {patch}"),
            (
                self.n_frames < 3 or self.n_frames % 2 == 0,
                f"the frames must be an odd number from 3, not {self.n_frames}",
            ),
            (
                height is not None and height < patch,
                f"the height {height} is less than the patch {patch} (give --patch a multiple of 3 up to {height})",
            ),
            (not 0 < self.patches_per_minute < float("inf"), f"{pace}, not {self.patches_per_minute:g}"),
            (not 0 < self.val_share < 1, f"the validation share must lie between 0 and 1, not {self.val_share:g}"),
            (self.seed < 0, f"the seed must be 0 or more, not {self.seed}"),
            (not self.min_texture >= 0, f"the least texture must be 0 or more, not {self.min_texture:g}"),
            (not self.min_motion >= 0, f"the least motion must be 0 or more, not {self.min_motion:g}"),
        ]
        found = [text for wrong, text in faults if wrong]
        if found:
            raise UsageError("cannot prepare with these settings: " + "; ".join(found))

    @property
    def geometry(self) -> StackGeometry:
        return StackGeometry(self.n_frames, self.patch // SCALE, self.patch // SCALE)
