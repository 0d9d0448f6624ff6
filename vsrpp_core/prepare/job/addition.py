"""Where and of what pairs are added to a dataset that exists, and may be trained on meanwhile.

Separate from pipeline.py, which makes them as it makes any: an addition is a dataset of its own inside the other,
without validation, and appears as a whole.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsrpp_core.data.layouts import addition_folder, additions
from vsrpp_core.data.stacked import DatasetFolder, PairPaths, read_image, summarize
from vsrpp_core.data.survey import WORKERS, kind_of
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.prepare.job.existing import described_videos, fingerprint_of
from vsrpp_core.prepare.job.report import RECIPE
from vsrpp_core.prepare.job.work_folder import clear_finished
from vsrpp_core.prepare.patches import look_of
from vsrpp_core.prepare.recipe import DEFAULT_CATEGORY, Category, Recipe
from vsrpp_core.prepare.sources import NamedVideo, named_videos


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be added, ``folder``, of the ``videos`` that the dataset has nothing of; none where it has all."""

    folder: Path
    videos: list[NamedVideo]


def addition_to(root: Path, recipe: Recipe) -> Addition:
    """VsrppError where ``root`` is no dataset that can be trained on, or a network could not take both kinds of pairs.

    UsageError where videos of the recipe do not exist. What a kill left of an addition that was complete is removed.
    """
    summary = summarize(root)
    if summary.geometry is None or summary.problem:
        raise VsrppError(f"{summary.problem}; without --add a dataset is made")
    if kind_of(summary.geometry) != kind_of(recipe.geometry):
        frames, scale = kind_of(summary.geometry)
        raise UsageError(
            f"{root} has stacks of {frames} frames at scale {scale}, and the recipe makes others; "
            f"add --frames {frames} --scale {scale}"
        )
    there = additions(root)
    for number in there:
        clear_finished(addition_folder(root, number))
    known = {
        (line["bytes"], line["fingerprint"])
        for folder in (root, *(addition_folder(root, number) for number in there))
        for line in described_videos(folder)
    }
    new = [named for named in named_videos(recipe) if fingerprint_of(named.path) not in known]
    return Addition(addition_folder(root, max(there, default=0) + 1), new)


def recipe_for(root: Path, videos: Sequence[str]) -> Recipe:
    """The recipe that ``root`` was made by, of ``videos`` in place of its own where some are given.

    They are in its category where it has only one. Defaults for a dataset that has no recipe.
    """
    recipe = Recipe.load(root / RECIPE) if (root / RECIPE).is_file() else Recipe()
    if not videos:
        return recipe
    name, category = next(iter(recipe.category.items())) if len(recipe.category) == 1 else (DEFAULT_CATEGORY, None)
    paths = {"paths": list(videos)}
    own = category.model_copy(update=paths) if category else Category.model_validate(paths)
    return recipe.model_copy(update={"category": {name: own}, "video": []})


def looks_of_validation(root: Path) -> list[NDArray[np.uint8]]:
    """Small pictures of what ``root`` is validated on, none of which may be trained on."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(_look, DatasetFolder(root).pairs("val")))


def _look(pair: PairPaths) -> NDArray[np.uint8]:
    return look_of(read_image(pair.gt)).reshape(-1)
