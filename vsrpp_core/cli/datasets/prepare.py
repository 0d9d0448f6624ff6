"""``vsrpp prepare``: a dataset from videos, by a recipe that the options override."""

import argparse
import math
import os
import sys
from contextlib import closing
from threading import Event
from typing import TYPE_CHECKING, get_args

from vsrpp_core.cli.shared.console import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    Progressed,
    ProgressView,
    Terminal,
    on_signals,
    same_command,
)
from vsrpp_core.cli.shared.options import add_settings, settings_of
from vsrpp_core.errors import UsageError
from vsrpp_core.messages.pace import clock
from vsrpp_core.run.names import listed, place

if TYPE_CHECKING:
    from vsrpp_core.prepare.job.prepare_events import PrepareProgress
    from vsrpp_core.prepare.recipe import Recipe

OPTIONS = {
    "patch": "dataset.patch",
    "scale": "dataset.scale",
    "frames": "dataset.frames",
    "frame_step": "dataset.frame_step",
    "height": "dataset.height",
    "per_minute": "dataset.patches_per_minute",
    "patches": "dataset.patches",
    "val_share": "validation.share",
    "seed": "dataset.seed",
    "degradation": "degradation.kind",
    "workers": "work.workers",
}
"""Options and the settings of a recipe that they override."""

TYPED = ("patch",)
"""Options whose texts the recipe reads itself."""

HELP = {
    "dataset.patch": "ground truth, pixels, multiples of 3: side of a square, or WIDTHxHEIGHT, e.g. 960x540",
    "dataset.height": "shrink higher frames to this height first, which hides the noise of web video; 0: leave them",
    "degradation.kind": "LR frames by bicubic alone, or like old footage",
}
"""Where the recipe's description is too short, or needs the lines around it."""

EXAMPLE_HEAD = """\
# A recipe for `vsrpp prepare --recipe FILE --out ROOT`. What is left out keeps its default, so most of this can go.

# Other kinds of footage, and videos for which something is different, look like this:
#
# [category.space]
# paths = ["~/space", "~/more/*.mkv"]
# weight = 0.5
#
# [[video]]
# path = "*credits*.mkv"
# start = "1:30"
# end = "1:40:00"

"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "videos", nargs="*", type=place, metavar="VIDEO", help="videos, folders of them, or patterns of either"
    )
    parser.add_argument("--out", type=place, metavar="ROOT", help="dataset folder to make")
    parser.add_argument("--recipe", type=place, metavar="FILE", help="what to make of which videos, in TOML")
    parser.add_argument("--recipe-example", action="store_true", help="print a recipe of all defaults, and exit")
    parser.add_argument(
        "--add",
        action="store_true",
        help="add pairs of videos that the dataset ROOT has nothing of, also while it is trained on; by its own recipe "
        "where none is given",
    )
    parser.add_argument("--fresh", action="store_true", help="start over instead of resuming what was interrupted")
    _add_recipe_settings(parser)
    add_settings(parser, "a setting of the recipe, e.g. skip.text=false; may be repeated")


def _add_recipe_settings(parser: argparse.ArgumentParser) -> None:
    """OPTIONS, as the recipe defines and explains them."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: small products, and threads already at work
    from vsrpp_core.prepare.recipe import Recipe

    for option, key in OPTIONS.items():
        section, name = key.split(".")
        field = type(getattr(Recipe(), section)).model_fields[name]
        what, default = HELP.get(key, field.description), field.default
        shown = default if isinstance(default, str) else f"{default:g}"
        parser.add_argument(
            f"--{option.replace('_', '-')}",
            type=str if option in TYPED else type(default),
            choices=get_args(field.annotation) or None,
            help=f"{what} (default {shown})",
        )


def run(options: argparse.Namespace) -> int:
    from vsrpp_core.prepare.job.addition import addition_to
    from vsrpp_core.prepare.job.existing import finished
    from vsrpp_core.prepare.job.pipeline import add, interrupted_work, prepare
    from vsrpp_core.prepare.job.prepare_events import PrepareReport
    from vsrpp_core.prepare.recipe import Recipe
    from vsrpp_core.prepare.sources import remarks

    if options.recipe_example:
        sys.stdout.write(EXAMPLE_HEAD + Recipe.of(["~/films"]).to_toml())
        return EXIT_DONE
    if options.out is None:
        raise UsageError("--out is missing; name the dataset's folder with --out ROOT")
    terminal, recipe, stopping = Terminal(), _recipe(options), Event()
    addition = addition_to(options.out, recipe) if options.add else None
    if addition and not addition.videos:
        terminal.say(f"{options.out} has pairs of all these videos; nothing was added")
        return EXIT_DONE
    if not addition and not options.fresh and (made := finished(recipe, options.out)):
        terminal.say(str(made))
        return EXIT_DONE
    terminal.say(*remarks(recipe))
    with ProgressView(terminal) as view, on_signals(stopping.set):
        if not options.fresh and (begun := interrupted_work(addition.folder if addition else options.out)):
            terminal.say(f"resuming {begun}")
        work = add(recipe, options.out, addition, options.fresh) if addition else None
        with closing(work or prepare(recipe, options.out, options.fresh)) as steps:
            for step in steps:
                if isinstance(step, PrepareReport):
                    terminal.say(str(step), f"took {clock(step.seconds)}; look at {step.out / 'contact_sheet.png'}")
                    if addition:
                        terminal.say("a training on this dataset takes them up where its next epoch begins")
                    return EXIT_DONE
                view.show(_progressed(step))
                if stopping.is_set():
                    break
    terminal.say(f"Stopped. Finished work is kept; continue with: {same_command()}")
    return EXIT_INTERRUPTED


def _recipe(options: argparse.Namespace) -> "Recipe":
    from vsrpp_core.prepare.job.addition import recipe_for
    from vsrpp_core.prepare.recipe import DEFAULT_CATEGORY, Category, Recipe

    videos = [str(path) for path in options.videos]
    if options.add and not options.recipe:
        recipe = recipe_for(options.out, videos)
    else:
        recipe = Recipe.load(options.recipe) if options.recipe else Recipe()
        if videos and recipe.category:
            raise UsageError(
                f"{options.recipe} names videos itself; leave those on the command line out, or its categories"
            )
        if videos:
            recipe = recipe.model_copy(update={"category": {DEFAULT_CATEGORY: Category(paths=videos)}})
    given = {key: value for name, key in OPTIONS.items() if (value := getattr(options, name)) is not None}
    typed = recipe.parse((OPTIONS[name], given.pop(OPTIONS[name])) for name in TYPED if OPTIONS[name] in given)
    overrides = {**settings_of(options, recipe), **given, **typed}
    made = recipe.with_overrides(overrides)
    unused = [key for key in overrides if key.startswith("degradation.") and key != "degradation.kind"]
    if unused and made.degradation.kind == "clean":
        raise UsageError(f"{listed(unused)} would change nothing, as LR frames are clean; add --degradation real")
    return made


def _progressed(step: "PrepareProgress") -> Progressed:
    labels = {"looking": "looking at videos", "cutting": "cutting, seconds", "finishing": "finishing, pairs"}
    if step.stage != "cutting":
        return Progressed(step.stage, step.done, step.total, labels[step.stage], seconds_left=math.nan)
    figures = f"{step.videos_done} of {step.videos} videos, {len(step.working)} at work, {step.patches:,} pairs"
    return Progressed(
        step.stage, step.done, step.total, labels[step.stage], figures=figures, seconds_left=step.seconds_left
    )
