"""The form of a new dataset: which videos, and what to cut out of them; or a recipe."""

from pathlib import Path

from vsrpp_tui.forms.checked import Checked, Values
from vsrpp_tui.forms.prepare import PrepareRequest, check
from vsrpp_tui.screens.shared.form_screen import FormScreen
from vsrpp_tui.widgets.fields import Field, Tick


class PrepareForm(FormScreen[PrepareRequest]):
    TITLE_WORDS = "make a dataset of videos"
    FIELDS = (
        Field("videos", "Videos", "files, folders of them, or patterns like *.mkv", "path", "~/films"),
        Field("recipe", "Recipe", "TOML with categories and settings, in place of videos", "path", "none"),
        Field("out", "Dataset", "the folder to make", "path", "~/data/films"),
        Field("patch", "Patch", "ground truth's side, or 960x540", placeholder="540"),
        Field("height", "Height", "shrink to it, e.g. 480: hides noise", placeholder="as they are"),
        Field("frames", "Frames", "of a stack, an odd number", placeholder="5"),
        Field("per_minute", "Per minute", "places tried in a minute of video", placeholder="60"),
        Field("seed", "Seed", "the same gives the same dataset", placeholder="0"),
    )
    TICKS = (
        Tick("add", "add", "add pairs of new videos to a dataset that exists, also while it is trained on"),
        Tick("fresh", "fresh", "discard what an interrupted preparation left"),
    )
    SEVERAL = ("videos",)

    def __init__(self, values: Values, beside: Path) -> None:
        super().__init__(values, beside)

    def check(self, values: Values) -> Checked[PrepareRequest]:
        return check(values)
