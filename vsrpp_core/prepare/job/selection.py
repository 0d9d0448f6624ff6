"""Which of the cut pairs become the dataset, and in which split: scenes, duplicates, weights, priorities.

Separate from the cutting, which knows one video at a time: this reads only journals, and its result depends on them
alone, not on the order in which videos were finished.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vsrpp_core.data.stacked import Split
from vsrpp_core.prepare.duplicates import duplicates
from vsrpp_core.prepare.filters import DUPLICATE, SURPLUS
from vsrpp_core.prepare.job.work_folder import Ending
from vsrpp_core.prepare.patches import Cut
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.prepare.sources import Source

BETWEEN = "too close to validation"


@dataclass(frozen=True, slots=True)
class CutVideo:
    """A video and everything that was cut out of it."""

    source: Source
    cuts: tuple[Cut, ...]
    ending: Ending

    @property
    def pairs(self) -> list[Cut]:
        return [cut for cut in self.cuts if cut.name]


@dataclass(frozen=True, slots=True)
class SelectedPair:
    """A pair of the dataset."""

    source: Source
    cut: Cut
    split: Split


@dataclass
class Selection:
    """The pairs in the order of split and name; counts by reason, sentences, and each category's share."""

    chosen: list[SelectedPair] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    quotas: dict[str, int] = field(default_factory=dict)


def select(
    footage: Sequence[CutVideo], recipe: Recipe, validated: Sequence[NDArray[np.uint8]] | None = None
) -> Selection:
    """``validated``: looks of what the dataset that these are added to is validated on, which stays as it is."""
    result = Selection()
    for film in footage:
        result.skipped.update(cut.reason for cut in film.cuts if cut.reason)
        if film.ending.dropped:
            result.notes.append(f"{film.ending.dropped:,} repeated frames of {film.source.path.name} were left out")
    if validated is None:
        val, train = _divided(footage, recipe, result)
    else:
        val, train = [], [SelectedPair(film.source, cut, "train") for film in footage for cut in film.pairs]
    val, train = _without_duplicates(val, train, recipe, result, validated or ())
    val = _in_categories(_spread(val, recipe.validation.max_per_video, result), recipe)
    train = _limited(_in_categories(train, recipe), recipe, result)
    result.chosen = sorted([*train, *val], key=lambda pair: (pair.split, pair.cut.name))
    return result


def shuffle_key(seed: int, *names: object) -> bytes:
    """A sort key that gives a seeded random order, by the seed and the names alone."""
    return hashlib.sha256("/".join(map(str, (seed, *names))).encode()).digest()


# the two splits


def _divided(
    footage: Sequence[CutVideo], recipe: Recipe, result: Selection
) -> tuple[list[SelectedPair], list[SelectedPair]]:
    val: list[SelectedPair] = []
    train: list[SelectedPair] = []
    for category in recipe.category:
        films = [film for film in footage if film.source.category == category and film.pairs]
        films.sort(key=lambda film: shuffle_key(recipe.dataset.seed, film.source.label))
        if recipe.validation.by == "scene" and sum(len(_scenes(film)) for film in films) > 1:
            kept = _scenes_for_validation(films, recipe)
        elif len(films) > 1:
            wanted = _videos_for_validation(len(films), recipe)
            kept = {(film.source.label, scene) for film in films[:wanted] for scene in _scenes(film)}
        else:
            for film in films:
                _divide(film, recipe, val, train, result)
            continue
        for film in films:
            for cut in film.pairs:
                side: Split = "val" if (film.source.label, cut.scene) in kept else "train"
                (val if side == "val" else train).append(SelectedPair(film.source, cut, side))
    return val, train


def _videos_for_validation(videos: int, recipe: Recipe) -> int:
    return min(max(1, round(recipe.validation.share * videos)), videos - 1)


def _scenes(film: CutVideo) -> list[int]:
    return sorted({cut.scene for cut in film.pairs})


def _scenes_for_validation(films: Sequence[CutVideo], recipe: Recipe) -> set[tuple[str, int]]:
    """Scenes in a random order until their share of the pairs is reached; at least one, and never all."""
    sizes = Counter((film.source.label, cut.scene) for film in films for cut in film.pairs)
    wanted = recipe.validation.share * sizes.total()
    kept: set[tuple[str, int]] = set()
    for scene in sorted(sizes, key=lambda scene: shuffle_key(recipe.dataset.seed, *scene))[:-1]:
        if sum(sizes[s] for s in kept) < wanted:
            kept.add(scene)
    return kept


def _divide(
    film: CutVideo, recipe: Recipe, val: list[SelectedPair], train: list[SelectedPair], result: Selection
) -> None:
    """Divide the only video of its category in time.

    Validation starts at the scene that brings it closest to its share, if one gives between half and double of that;
    else where the share starts, with a second left out before it.
    """
    source, first = film.source, min(cut.frames[0] for cut in film.pairs)
    count = film.ending.frames
    wanted = recipe.validation.share * (count - first)
    fitting = [s for s in film.ending.starts if wanted / 2 <= count - s <= min(2 * wanted, (count - first) / 2)]
    if fitting:
        border = end = min(fitting, key=lambda s: abs(count - s - wanted))
        how = "its last scenes are kept for validation"
    else:
        border = round(count - wanted)
        end = border - max(recipe.dataset.frames, round(source.fps))
        how = "its last part is kept for validation, a second apart from the rest, as no scene begins near there"
    for cut in film.pairs:
        if cut.frames[0] >= border:
            val.append(SelectedPair(source, cut, "val"))
        elif cut.frames[-1] < end:
            train.append(SelectedPair(source, cut, "train"))
        else:
            result.skipped[BETWEEN] += 1
    kind = "" if len(recipe.category) == 1 else f" of {source.category}"
    result.notes.append(
        f"{source.path.name} is the only video{kind}: {how}, so scores will look better than on other footage"
    )


# duplicates and limits


def _without_duplicates(
    val: list[SelectedPair],
    train: list[SelectedPair],
    recipe: Recipe,
    result: Selection,
    validated: Sequence[NDArray[np.uint8]],
) -> tuple[list[SelectedPair], list[SelectedPair]]:
    """Validation comes first: duplicates of its pairs are not trained on."""
    every = [*sorted(val, key=lambda pair: pair.cut.name), *sorted(train, key=lambda pair: pair.cut.name)]
    found = duplicates([*validated, *(pair.cut.picture for pair in every)], recipe.skip.duplicate)[len(validated) :]
    if count := int(found.sum()):
        result.skipped[DUPLICATE] += count
    left = [pair for pair, duplicate in zip(every, found, strict=True) if not duplicate]
    return [pair for pair in left if pair.split == "val"], [pair for pair in left if pair.split == "train"]


def _spread(val: list[SelectedPair], most: int, result: Selection) -> list[SelectedPair]:
    """At most ``most`` of each video, evenly spaced: validation runs often, and more of one shot adds nothing."""
    of: dict[str, list[SelectedPair]] = defaultdict(list)
    for pair in val:
        of[pair.source.label].append(pair)
    taken: list[SelectedPair] = []
    for pairs in of.values():
        pairs.sort(key=lambda pair: pair.cut.start)
        places = {round(place) for place in np.linspace(0, len(pairs) - 1, min(most, len(pairs)))}
        taken += [pair for place, pair in enumerate(pairs) if place in places]
    if len(taken) < len(val):
        result.skipped[SURPLUS] += len(val) - len(taken)
    return taken


def _in_categories(pairs: list[SelectedPair], recipe: Recipe) -> list[SelectedPair]:
    """Each pair in one category: those of a video that several share are divided by the weights of these, at random."""
    shared: dict[str, list[SelectedPair]] = defaultdict(list)
    for pair in pairs:
        if pair.source.also:
            shared[pair.source.label].append(pair)
    category: dict[str, str] = {}
    for own in shared.values():
        own.sort(key=lambda pair: shuffle_key(recipe.dataset.seed, "category", pair.cut.name))
        weights = {name: recipe.category[name].weight for name in own[0].source.categories}
        names = (name for name, count in shares(len(own), weights).items() for _ in range(count))
        category.update(zip((pair.cut.name for pair in own), names, strict=True))
    return [
        replace(pair, source=replace(pair.source, category=category[pair.cut.name], also=()))
        if pair.cut.name in category
        else pair
        for pair in pairs
    ]


def _limited(train: list[SelectedPair], recipe: Recipe, result: Selection) -> list[SelectedPair]:
    limit = recipe.dataset.patches
    if not limit:
        return train
    of: dict[str, list[SelectedPair]] = {name: [] for name in recipe.category}
    for pair in train:
        of[pair.source.category].append(pair)
    weights = {name: category.weight for name, category in recipe.category.items()}
    result.quotas = shares(limit, weights)
    quotas = shares(limit, weights, {name: len(pairs) for name, pairs in of.items()})
    taken: list[SelectedPair] = []
    for name, pairs in of.items():
        pairs.sort(key=lambda pair: (-pair.source.priority, shuffle_key(recipe.dataset.seed, pair.cut.name)))
        taken += pairs[: quotas[name]]
        if len(pairs) < result.quotas[name]:
            result.notes.append(_shortfall(name, len(pairs), result.quotas[name], is_alone=len(of) == 1))
    if len(taken) < len(train):
        result.skipped[SURPLUS] += len(train) - len(taken)
    return taken


def _shortfall(name: str, found: int, wanted: int, is_alone: bool) -> str:
    more = "more videos or more patches_per_minute give more"
    if is_alone:
        return f"the videos give {found:,} of the {wanted:,} training pairs wanted; {more}"
    return f"{name} gives {found:,} of its share of {wanted:,} pairs; others take its place where they can, {more}"


def shares(total: int, weights: dict[str, float], most: dict[str, int] | None = None) -> dict[str, int]:
    """``total`` divided by weights, each at most its ``most``; what one cannot take goes to the others."""
    taken = dict.fromkeys(weights, 0)
    open_ = {name for name in weights if most is None or most[name] > 0}
    while open_ and (left := total - sum(taken.values())) > 0:
        whole = sum(weights[name] for name in open_)
        wanted = {name: left * weights[name] / whole for name in sorted(open_)}
        full = {name for name in open_ if most is not None and taken[name] + wanted[name] >= most[name]}
        if full:
            assert most is not None
            for name in full:
                taken[name] = most[name]
            open_ -= full
            continue
        _round_up(taken, wanted, left)
        break
    return taken


def _round_up(taken: dict[str, int], wanted: dict[str, float], left: int) -> None:
    """Whole numbers whose sum is ``left``: the largest remainders are rounded up."""
    for name, value in wanted.items():
        taken[name] += math.floor(value)
    missing = left - sum(math.floor(value) for value in wanted.values())
    for name in sorted(wanted, key=lambda name: math.floor(wanted[name]) - wanted[name])[:missing]:
        taken[name] += 1


def paces(sources: Iterable[Source], recipe: Recipe, tries: float, validating: bool = True) -> dict[str, float]:
    """Windows tried per minute of each video, by its label; ``validating``: some of them are kept for validation.

    With a limit each category is tried ``tries`` times as often as its share, videos of higher priority first, besides
    those that validation will take; without one the pace of a category is proportional to its weight.
    """
    sources, limit = list(sources), recipe.dataset.patches
    weights = {name: category.weight for name, category in recipe.category.items()}
    if not limit:
        heaviest = max(weights.values())
        return {
            source.label: source.pace * max(weights[name] for name in source.categories) / heaviest
            for source in sources
        }
    found: dict[str, float] = defaultdict(float)
    """Of a video that categories share, what they need of it together; never more than its own."""
    for name, quota in shares(limit, weights).items():
        own = [source for source in sources if name in source.categories]
        first = [source for source in own if source.category == name]
        kept = _expected_for_validation(first, recipe) if validating else []
        for source in kept:
            found[source.label] = _slowed([source], tries * recipe.validation.max_per_video)
        own = [source for source in own if source not in kept]
        left = tries * quota / (1 if kept or not validating else 1 - recipe.validation.share)
        for priority in sorted({source.priority for source in own}, reverse=True):
            group = [source for source in own if source.priority == priority]
            factor = _slowed(group, left) / group[0].pace
            for source in group:
                found[source.label] = min(source.pace, found[source.label] + source.pace * factor)
            left = max(0.0, left - sum(source.pace * source.wanted_seconds / 60 for source in group))
    return dict(found)


def _expected_for_validation(own: list[Source], recipe: Recipe) -> list[Source]:
    """The videos that ``_divided`` will keep for validation if every video has pairs."""
    if recipe.validation.by == "scene" or len(own) < 2:
        return []
    shuffled = sorted(own, key=lambda source: shuffle_key(recipe.dataset.seed, source.label))
    return shuffled[: _videos_for_validation(len(own), recipe)]


def _slowed(group: list[Source], tries: float) -> float:
    """The pace of the first of the group at which all of them together have at most ``tries`` windows."""
    most = sum(source.pace * source.wanted_seconds / 60 for source in group)
    return group[0].pace * (min(1.0, tries / most) if most else 1.0)
