"""A preparation as it is typed into a form: what is wrong with it, and what the dataset will be.

The checks are those of ``vsrpp prepare``. They open files, so they are not for the screen's own thread.
"""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vsrpp_core.errors import SettingsError, UsageError, VsrppError
from vsrpp_tui.forms.checked import Checked, FieldError, Values, refused, text, ticked
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

    @property
    def command(self) -> str:
        """What a shell is told to do, or to go on with, the same work."""
        words = ["vsrpp", "prepare", *map(str, self.videos)]
        words += ["--recipe", str(self.recipe_file)] if self.recipe_file else []
        words += ["--out", str(self.out)]
        words += [word for key, value in self.settings for word in ("--set", f"{key}={value}")]
        return shlex.join(words)

    def recipe(self) -> "Recipe":
        """VsrppError, of one field where it is known which."""
        from vsrpp_core.prepare.recipe import Recipe

        if self.recipe_file is None:
            return Recipe.of(list(self.videos), overrides=list(self.settings))
        return Recipe.load(self.recipe_file).with_overrides(list(self.settings))


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
    except FieldError as error:
        faults[error.field] = str(error)
    except OSError as error:
        fault = refused(error, values, ("videos", "recipe", "out"))
        faults[fault.field] = str(fault)
    return Checked(None if faults else request, faults, notes, outlook)


def _request(values: Values) -> PrepareRequest:
    try:
        videos = read_paths(text(values, "videos"))
    except UsageError as error:
        raise FieldError("videos", error) from None
    file = _path(values, "recipe")
    if file and videos:
        raise FieldError("recipe", "a recipe names its videos itself; leave one of the two empty")
    if not (file or videos):
        raise FieldError("videos", "name videos, or folders of them; or a recipe below")
    out = _path(values, "out")
    if out is None:
        raise FieldError("out", "name the folder that the dataset is made in")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FieldError("out", f"{out} holds something; name another folder, or one that is not there yet")
    settings = tuple((key, text(values, name)) for name, key in KEYS.items() if text(values, name))
    return PrepareRequest(tuple(videos), file, out, settings, ticked(values, "fresh"))


def _path(values: Values, key: str) -> Path | None:
    try:
        return read_path(text(values, key)) if text(values, key) else None
    except UsageError as error:
        raise FieldError(key, error) from None


def _recipe(request: PrepareRequest) -> "Recipe":
    """The recipe, whose videos are all there."""
    from vsrpp_core.prepare.sources import named_videos

    try:
        recipe = request.recipe()
    except SettingsError as error:
        raise _beside_its_field(error, request) from None
    except VsrppError as error:
        raise FieldError(_source_field(request), error) from None
    try:
        named_videos(recipe)
    except VsrppError as error:
        raise FieldError(_source_field(request), error) from None
    return recipe


def _source_field(request: PrepareRequest) -> str:
    return "recipe" if request.recipe_file else "videos"


def _beside_its_field(error: SettingsError, request: PrepareRequest) -> FieldError:
    """A fault of a setting that was typed, at its field; any other at what names the videos."""
    names = {key: name for name, key in KEYS.items() if key in dict(request.settings)}
    for fault in error.faults:
        for key in fault.settings:
            if key in names:
                return FieldError(names[key], replace(fault, key=""))
    return FieldError(_source_field(request), error)


def _notes(recipe: "Recipe", values: Values) -> dict[str, str]:
    """What a field that is left empty means."""
    present = {setting.key: setting.value for setting in recipe.settings()}
    return {name: f"{present[key]}" for name, key in KEYS.items() if key in present and not text(values, name)}


def _outlook(recipe: "Recipe", request: PrepareRequest) -> tuple[str, ...]:
    from vsrpp_core.prepare.pipeline import interrupted_work
    from vsrpp_core.prepare.sources import named_videos

    count = len(named_videos(recipe))
    lines = ["1 video" if count == 1 else f"{count:,} videos"]
    if len(recipe.category) > 1:
        lines.append(f"categories: {', '.join(recipe.category)}")
    if interrupted_work(request.out):
        lines.append("begun anew" if request.fresh else "work that was interrupted is gone on with")
    return tuple(lines)
