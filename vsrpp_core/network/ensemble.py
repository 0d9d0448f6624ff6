"""One stack seen in several ways, whose pictures are turned back and averaged: geometric self-ensemble.

A network has learned each picture and its reflections as well as the others, so what it makes of them differs by its
errors alone, and these partly cancel out. R. Timofte, R. Rothe, L. Van Gool, "Seven ways to improve example-based
single image super resolution", CVPR 2016, section 3.5.
"""

from dataclasses import dataclass

from torch import Tensor

from vsrpp_core.messages.kinds import Ensemble


@dataclass(frozen=True, slots=True)
class View:
    """Reflects the last dimensions, height and width, and then exchanges them."""

    reflected: tuple[int, ...] = ()
    transposed: bool = False

    def of(self, frames: Tensor) -> Tensor:
        """[..., h, w] to [..., h, w] or, transposed, [..., w, h]."""
        seen = frames.flip(self.reflected) if self.reflected else frames
        return seen.mT.contiguous() if self.transposed else seen

    def undone(self, picture: Tensor) -> Tensor:
        """A picture of what ``of`` gave, as it was."""
        straight = picture.mT if self.transposed else picture
        return straight.flip(self.reflected) if self.reflected else straight


REFLECTIONS = ((-2, -1), (-1,), (-2,), ())
VIEWS: dict[Ensemble, tuple[View, ...]] = {
    1: (View(),),
    2: (View((-2, -1)), View()),
    4: tuple(View(reflected) for reflected in REFLECTIONS),
    8: tuple(View(reflected, transposed) for transposed in (True, False) for reflected in REFLECTIONS),
}
"""As it is; with it turned by half, which of two gains most; all reflections; these and their transposes. The stack as
it is comes last, so that what is said of tiles is said of its own.
"""
