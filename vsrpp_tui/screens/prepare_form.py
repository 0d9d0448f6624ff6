"""The form of a new dataset: which videos, and what is cut out of them; or a recipe that says so."""

from pathlib import Path

from vsrpp_tui.checked import Checked, Values
from vsrpp_tui.prepare_draft import PrepareRequest, check
from vsrpp_tui.screens.form import FormScreen
from vsrpp_tui.widgets.form import Field, Tick


class PrepareForm(FormScreen[PrepareRequest]):
    TITLE_WORDS = "make a dataset of videos"
    FIELDS = (
        Field("videos", "Videos", "files, folders of them, or patterns like *.mkv", "path", "~/films"),
        Field("recipe", "Recipe", "a TOML file with categories and all settings, in place of videos", "path", "none"),
        Field("out", "Dataset", "the folder to make", "path", "~/data/films"),
        Field("patch", "Patch", "side of the ground truth, pixels, a multiple of 3"),
        Field("height", "Height", "shrink higher frames first, e.g. 480: it hides the codec's noise"),
        Field("frames", "Frames", "of a stack, an odd number"),
        Field("per_minute", "Per minute", "patches taken from a minute of video"),
        Field("seed", "Seed", "of the choice of places; the same gives the same dataset"),
    )
    TICKS = (Tick("fresh", "anew", "throw away what an interrupted preparation left"),)
    SEVERAL = ("videos",)

    def __init__(self, values: Values, beside: Path) -> None:
        super().__init__(values, beside)

    def check(self, values: Values) -> Checked[PrepareRequest]:
        return check(values)
