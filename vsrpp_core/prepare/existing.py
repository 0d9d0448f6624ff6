"""Whether a finished dataset is what a recipe would make: what it was made of, and whether that is the same still.

Separate from prepare.py because nothing is made here: the same command once more has nothing to do, and another one
must be told what differs before a film is opened.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsrpp_core.data.stacked import SPLITS, DatasetFolder
from vsrpp_core.errors import VsrppError
from vsrpp_core.prepare.recipe import Recipe, WorkPart
from vsrpp_core.prepare.report import MANIFEST, RECIPE, VIDEOS, fingerprint
from vsrpp_core.prepare.sources import NamedVideo, named_videos
from vsrpp_core.prepare.work_folder import clear_finished

MOST_TOLD = 3
"""Differences named in one sentence."""

LONGEST_VALUE = 20
"""Characters of a setting's value that a sentence holds well."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A dataset that is complete, and of the recipe asked for."""

    out: Path
    train: int
    val: int

    def __str__(self) -> str:
        return (
            f"{self.out} is finished already, of the same recipe and videos: {self.train:,} training and {self.val:,} "
            "validation pairs; nothing was changed"
        )


def finished(recipe: Recipe, out: Path) -> Finished | None:
    """The dataset that ``out`` holds, where ``prepare`` with this recipe would make the same; None where it is empty.

    Nothing in it is changed. VsrppError where it holds something else, with what differs; where it does not tell what
    it was made of; or where some of its pairs are gone. UsageError where the recipe's videos are not there.
    """
    out = out.resolve()
    if not out.is_dir() or not any(out.iterdir()):
        return None
    folder = DatasetFolder(out)
    there = {(split, pair.name) for split in SPLITS for pair in folder.pairs(split)}
    if there:
        clear_finished(out)
    what = f"already holds {len(there):,} pairs" if there else "is not empty"
    made = _made(out)
    if made is None:
        raise VsrppError(f"{out} {what}; name another folder, or remove this one first")
    if different := [*_settings(made.recipe, recipe), *_videos(made.videos, named_videos(recipe))]:
        raise VsrppError(
            f"{out} {what}, made with another {_listed(different)}; name another folder, or remove this one first"
        )
    if gone := len(made.pairs - there):
        raise VsrppError(
            f"{out} was made by this recipe, but {gone:,} of its {len(made.pairs):,} pairs are gone; "
            "bring them back, or remove the folder to make all of it again"
        )
    train = sum(split == "train" for split, _ in made.pairs)
    return Finished(out, train, len(made.pairs) - train)


def video_lines(videos: Sequence[NamedVideo]) -> Iterator[str]:
    """One JSON object for each video that was named, also where it gave nothing; docs/formats.md names its keys."""
    return (json.dumps(_described(named), ensure_ascii=False) for named in videos)


def _described(named: NamedVideo) -> dict[str, Any]:
    try:
        size, digest = named.path.stat().st_size, fingerprint(named.path)
    except OSError:  # it was left out with a reason, and is the same as long as it cannot be read
        size, digest = 0, ""
    return {"video": str(named.path), "category": named.category, "bytes": size, "fingerprint": digest}


# what it was made of


@dataclass(frozen=True, slots=True)
class _Made:
    recipe: Recipe
    videos: list[dict[str, Any]]
    pairs: set[tuple[str, str]]
    """(split, name)."""


def _made(out: Path) -> _Made | None:
    """None where one of the files that say it is missing or not of ours, as in a dataset from elsewhere."""
    try:
        videos, pairs = _lines(out / VIDEOS), _lines(out / MANIFEST)
        return _Made(Recipe.load(out / RECIPE), videos, {(line["split"], line["name"]) for line in pairs})
    except (OSError, ValueError, KeyError, TypeError, VsrppError):
        return None


def _lines(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").split("\n")  # a name may hold what else counts as a line's end
    return [json.loads(line) for line in lines if line]


# what differs


def _settings(made: Recipe, wanted: Recipe) -> list[str]:
    there, here = (_flat(recipe.model_dump(exclude={"work"})) for recipe in (made, wanted))
    different = [
        _difference(key, there.get(key), here.get(key)) for key in {**there, **here} if there.get(key) != here.get(key)
    ]
    same_work = {"work": WorkPart()}
    if not different and made.to_toml() != wanted.model_copy(update=same_work).to_toml():
        return ["order of categories"]
    return different


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one, under dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        flat.update(_flat(value, f"{key}.") if isinstance(value, dict) else {key: value})
    return flat


def _difference(key: str, there: object, here: object) -> str:
    texts = [json.dumps(value, ensure_ascii=False) for value in (there, here)]
    short = None not in (there, here) and all(len(text) <= LONGEST_VALUE for text in texts)
    return f"{key} ({texts[0]}, not {texts[1]})" if short else key


def _videos(made: list[dict[str, Any]], named: Sequence[NamedVideo]) -> list[str]:
    there = {line["video"]: line for line in made}
    here = {str(one.path): _described(one) for one in named}
    counts = {
        "more": len(here.keys() - there.keys()),
        "fewer": len(there.keys() - here.keys()),
        "changed": sum(there[name] != here[name] for name in there.keys() & here.keys()),
    }
    told = [f"{count:,} {word}" for word, count in counts.items() if count]
    if not told and list(there) != list(here):
        told = ["in another order"]
    return [f"set of videos ({', '.join(told)})"] if told else []


def _listed(different: list[str]) -> str:
    told, more = different[:MOST_TOLD], len(different) - MOST_TOLD
    return ", ".join(told) + (f" and {more:,} more" if more > 0 else "")
