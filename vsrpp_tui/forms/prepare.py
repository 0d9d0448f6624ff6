"""A preparation as typed into a form: what is wrong with it, and what the dataset will be.

The checks are those of ``vsrpp prepare``. They open files, so they are not for the screen's own thread.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vsrpp_core.errors import OptionError, SettingsError, VsrppError, command
from vsrpp_tui.forms.checked import Checked, Values, fault_of, text, ticked
from vsrpp_tui.forms.paths import read_path, read_paths

if TYPE_CHECKING:
    from vsrpp_core.prepare.recipe import Recipe

KEYS = {
    "patch": "dataset.patch",
    "height": "dataset.height",
    "frames": "dataset.frames",
    "per_minute": "dataset.patches_per_minute",
    "seed": "dataset.seed",
}
"""Fields that are settings of a recipe."""


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """``videos``, or the file of a ``recipe`` that names them; ``settings`` change what it says."""

    videos: tuple[Path, ...]
    recipe_file: Path | None
    out: Path
    settings: tuple[tuple[str, str], ...] = ()
    fresh: bool = False
    adds: bool = False
    """To the dataset that ``out`` is."""

    @property
    def command(self) -> str:
        """The shell command that does the same work, or resumes it."""
        recipe = ("--recipe", self.recipe_file) if self.recipe_file else ()
        settings = [word for key, value in self.settings for word in ("--set", f"{key}={value}")]
        add = ("--add",) if self.adds else ()
        return command("vsrpp", "prepare", *self.videos, *recipe, "--out", self.out, *add, *settings)

    def recipe(self) -> "Recipe":
        """Raises VsrppError."""
        from vsrpp_core.prepare.job.addition import recipe_for
        from vsrpp_core.prepare.recipe import Recipe

        if self.recipe_file:
            recipe = Recipe.load(self.recipe_file)
        elif self.adds:
            recipe = recipe_for(self.out, [str(path) for path in self.videos])
        else:
            recipe = Recipe.of(list(self.videos))
        return recipe.with_overrides(recipe.parse(self.settings))


def check(values: Values) -> Checked[PrepareRequest]:
    """Everything that can be known before any work."""
    notes: dict[str, str] = {}
    faults: dict[str, str] = {}
    request: PrepareRequest | None = None
    outlook: tuple[str, ...] = ()
    try:
        request = _request(values)
        recipe = _recipe(request)
        notes = _notes(recipe, values)
        outlook = _outlook(recipe, request)
    except OptionError as error:
        faults[error.option] = str(error)
    return Checked(None if faults else request, faults, notes, outlook)


def _request(values: Values) -> PrepareRequest:
    with fault_of("videos"):
        videos = read_paths(text(values, "videos"))
    file = _path(values, "recipe")
    if file and videos:
        raise OptionError("recipe", "a recipe names its videos itself; leave one of the two empty")
    adds, out = ticked(values, "add"), _path(values, "out")
    if not (file or videos or adds):
        raise OptionError("videos", "name videos, or folders of them; or a recipe below")
    if out is None:
        raise OptionError("out", "name the folder that the dataset is made in")
    with fault_of("out"):
        if not adds and out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OptionError("out", f"{out} is not empty; name a folder that does not exist yet, or tick add")
    settings = tuple((key, text(values, name)) for name, key in KEYS.items() if text(values, name))
    return PrepareRequest(tuple(videos), file, out, settings, ticked(values, "fresh"), adds)


def _path(values: Values, key: str) -> Path | None:
    with fault_of(key):
        return read_path(text(values, key)) if text(values, key) else None


def _recipe(request: PrepareRequest) -> "Recipe":
    """The recipe, whose videos are all there."""
    from vsrpp_core.prepare.sources import named_videos

    with fault_of("recipe" if request.recipe_file else "videos"):
        try:
            recipe = request.recipe()
        except SettingsError as error:
            raise _fault_of_setting(error, request) from None
        named_videos(recipe)
    return recipe


def _fault_of_setting(error: SettingsError, request: PrepareRequest) -> VsrppError:
    """The fault of a setting that was typed, if there is one, else ``error``."""
    names = {key: name for name, key in KEYS.items() if key in dict(request.settings)}
    for fault in error.faults:
        for key in fault.settings:
            if key in names:
                return OptionError(names[key], replace(fault, key=""))
    return error


def _notes(recipe: "Recipe", values: Values) -> dict[str, str]:
    """The value of each field that is left empty."""
    present = {setting.key: setting.value for setting in recipe.settings()}
    return {name: f"{present[key]}" for name, key in KEYS.items() if key in present and not text(values, name)}


def _outlook(recipe: "Recipe", request: PrepareRequest) -> tuple[str, ...]:
    from vsrpp_core.prepare.job.addition import addition_to
    from vsrpp_core.prepare.job.pipeline import interrupted_work
    from vsrpp_core.prepare.sources import named_videos, remarks

    with fault_of("out"):
        addition = addition_to(request.out, recipe) if request.adds else None
        if addition and not addition.videos:
            raise OptionError("videos", f"{request.out} has pairs of all these videos; name others")
    count, new = len(addition.videos if addition else named_videos(recipe)), "new " if addition else ""
    lines = [f"1 {new}video" if count == 1 else f"{count:,} {new}videos"]
    if len(recipe.category) > 1:
        lines.append(f"categories: {', '.join(recipe.category)}")
    with fault_of("out"):
        if interrupted_work(addition.folder if addition else request.out):
            lines.append("starts over" if request.fresh else "resumes an interrupted job")
    return (*lines, *remarks(recipe))
