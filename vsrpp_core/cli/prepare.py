"""What ``vsrpp prepare`` makes of its options, and what it shows while it works.

Separate from console.py because a preparation has a recipe, and lasts long enough to be interrupted and gone on with.
"""

import argparse
import math
import os
import sys
import time
from contextlib import closing
from threading import Event
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TaskID

from vsrpp_core.cli.console import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    PLAIN_SECONDS,
    clock,
    on_signals,
    progress_line,
    same_command,
)
from vsrpp_core.errors import UsageError

if TYPE_CHECKING:
    from vsrpp_core.prepare.job_events import PrepareProgress
    from vsrpp_core.prepare.recipe import Recipe

OPTIONS = {
    "patch": "dataset.patch",
    "frames": "dataset.frames",
    "frame_step": "dataset.frame_step",
    "height": "dataset.height",
    "per_minute": "dataset.patches_per_minute",
    "patches": "dataset.patches",
    "seed": "dataset.seed",
    "val_share": "validation.share",
    "degradation": "degradation.kind",
    "workers": "work.workers",
}
"""Options and the settings of a recipe that they override."""


def show_preparation(options: argparse.Namespace, settings: list[tuple[str, str]]) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: small products, and threads already at work
    from vsrpp_core.prepare.existing import finished
    from vsrpp_core.prepare.job_events import PrepareReport
    from vsrpp_core.prepare.pipeline import interrupted_work, prepare
    from vsrpp_core.prepare.recipe import Recipe

    console = Console()
    if options.recipe_example:
        sys.stdout.write(EXAMPLE_HEAD + Recipe.of(["~/films"]).to_toml())
        return EXIT_DONE
    if options.out is None:
        raise UsageError("--out is missing; name the dataset's folder with --out ROOT")
    recipe, stopping = _recipe(options, settings), Event()
    if not options.fresh and (made := finished(recipe, options.out)):
        console.print(str(made), markup=False, highlight=False, soft_wrap=True)
        return EXIT_DONE
    with progress_line(console) as progress, on_signals(stopping.set):
        view = _View(console, progress)
        if not options.fresh and interrupted_work(options.out):
            view.say(f"going on with {interrupted_work(options.out)}")
        with closing(prepare(recipe, options.out, options.fresh)) as steps:
            for step in steps:
                if isinstance(step, PrepareReport):
                    view.end()
                    view.say(str(step))
                    view.say(f"took {clock(step.seconds)}; look at {step.out / 'contact_sheet.png'}")
                    return EXIT_DONE
                view.show(step)
                if stopping.is_set():
                    break
    view.say(f"stopped; what is finished stays. Go on with: {same_command()}")
    return EXIT_INTERRUPTED


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


def _recipe(options: argparse.Namespace, settings: list[tuple[str, str]]) -> "Recipe":
    from vsrpp_core.prepare.recipe import DEFAULT_CATEGORY, Category, Recipe

    recipe = Recipe.load(options.recipe) if options.recipe else Recipe()
    if options.videos and recipe.category:
        raise UsageError(
            f"{options.recipe} names videos itself; leave those on the command line out, or its categories"
        )
    if options.videos:
        category = Category(paths=[str(path) for path in options.videos])
        recipe = recipe.model_copy(update={"category": {DEFAULT_CATEGORY: category}})
    given = [(key, str(value)) for name, key in OPTIONS.items() if (value := getattr(options, name)) is not None]
    return recipe.with_overrides([*settings, *given])


class _View:
    """Lines that stay, and the line of progress."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console, self._progress = console, progress
        self._stage, self._task = "", TaskID(0)
        self._printed_at = time.monotonic()

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def end(self) -> None:
        if self._stage:
            self._progress.remove_task(self._task)
            self._stage = ""

    def show(self, step: "PrepareProgress") -> None:
        if step.stage != self._stage:
            self.end()
            self._stage, self._task = step.stage, self._progress.add_task(step.stage, total=None, figures="")
        figures = _figures(step)
        self._progress.update(
            self._task,
            completed=int(step.done),
            total=int(step.total) or None,
            description=_name(step),
            figures=figures,
        )
        now = time.monotonic()
        if not self._console.is_terminal and now - self._printed_at >= PLAIN_SECONDS:
            self._printed_at = now
            self.say(f"{_name(step)} {step.done:,.0f} of {step.total:,.0f}  {figures}".rstrip())


def _name(step: "PrepareProgress") -> str:
    return {"looking": "looking at videos", "cutting": "cutting, seconds", "finishing": "finishing, pairs"}[step.stage]


def _figures(step: "PrepareProgress") -> str:
    if step.stage != "cutting":
        return ""
    parts = [f"{step.videos_done} of {step.videos} videos", f"{len(step.working)} at work", f"{step.patches:,} pairs"]
    if not math.isnan(step.seconds_left):
        parts.append(f"{clock(step.seconds_left)} left")
    return ", ".join(parts)
