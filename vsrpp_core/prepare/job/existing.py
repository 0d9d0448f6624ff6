"""Whether an existing dataset is what a recipe would make, of the same videos.

Separate from pipeline.py because nothing is made here: the same command has nothing left to do, and another one is
refused, with the differences, before a film is opened.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsrpp_core.data.stacked import SPLITS, DatasetFolder
from vsrpp_core.errors import VsrppError
from vsrpp_core.prepare.job.report import MANIFEST, RECIPE, VIDEOS
from vsrpp_core.prepare.job.work_folder import clear_finished
from vsrpp_core.prepare.recipe import VERSION, Recipe, WorkPart
from vsrpp_core.prepare.sources import NamedVideo, named_videos
from vsrpp_core.run.files import fingerprint, read_json_lines
from vsrpp_core.run.names import as_pattern, json_line, listed

LONGEST_VALUE = 20
"""Characters of a setting's value that still fit into a sentence."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A complete dataset that was made by the given recipe."""

    out: Path
    train: int
    val: int

    def __str__(self) -> str:
        return (
            f"{self.out} is already finished, with the same recipe and videos: {self.train:,} training and "
            f"{self.val:,} validation pairs; nothing was changed"
        )


def finished(recipe: Recipe, out: Path) -> Finished | None:
    """The dataset in ``out`` where ``prepare`` with this recipe would make the same; None where ``out`` is empty.

    Nothing is changed. VsrppError where it holds something else, with the differences; where it does not describe what
    it was made of; or where some of its pairs are gone. UsageError where videos of the recipe do not exist.
    """
    out = out.resolve()
    if not out.is_dir() or not any(out.iterdir()):
        return None
    folder = DatasetFolder(out)
    there = {(split, pair.name) for split in SPLITS for pair in folder.pairs(split)}
    if there:
        clear_finished(out)
    what = f"already holds {len(there):,} pairs" if there else "is not empty"
    made = _described_by(out)
    if made is None:
        raise VsrppError(f"{out} {what}; name another folder, or remove this one first")
    other, videos = (
        [*_version(made.videos), *_settings(made.recipe, recipe)],
        _videos(made.videos, named_videos(recipe)),
    )
    if different := [*other, *videos]:
        way = "name another folder, or remove this one first" if other else "name another folder, or --add what is new"
        raise VsrppError(f"{out} {what}, made with another {listed(different)}; {way}")
    if gone := len(made.pairs - there):
        raise VsrppError(
            f"{out} was made by this recipe, but {gone:,} of its {len(made.pairs):,} pairs are gone; "
            "restore them, or remove the folder to make all of it again"
        )
    train = sum(split == "train" for split, _ in made.pairs)
    return Finished(out, train, len(made.pairs) - train)


def video_lines(videos: Sequence[NamedVideo]) -> Iterator[str]:
    """One JSON object per video of the recipe, also where no pair came of it; docs/formats.md names the keys."""
    return (json_line(_described(named)) for named in videos)


def described_videos(folder: Path) -> list[dict[str, Any]]:
    """The videos that the pairs in ``folder`` were made of; none where nothing describes them."""
    try:
        return [_typed({"version": 1, **line}) for line in read_json_lines(folder / VIDEOS)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def fingerprint_of(video: Path) -> tuple[int, str]:
    """Its bytes and their fingerprint; nothing of one that cannot be read."""
    try:
        return video.stat().st_size, fingerprint(video)
    except OSError:  # it was left out, and counts as unchanged while it cannot be read
        return 0, ""


def _described(named: NamedVideo) -> dict[str, Any]:
    size, digest = fingerprint_of(named.path)
    return {
        "video": str(named.path),
        "category": named.category,
        "bytes": size,
        "fingerprint": digest,
        "version": VERSION,
    }


# the description of a dataset


@dataclass(frozen=True, slots=True)
class _Description:
    recipe: Recipe
    videos: list[dict[str, Any]]
    pairs: set[tuple[str, str]]
    """(split, name)."""


def _described_by(out: Path) -> _Description | None:
    """None where one of the describing files is missing or not ours, as in a dataset from elsewhere."""
    try:
        videos = [_typed({"version": 1, **line}) for line in read_json_lines(out / VIDEOS)]
        pairs = read_json_lines(out / MANIFEST)
        return _Description(Recipe.load(out / RECIPE), videos, {(line["split"], line["name"]) for line in pairs})
    except (OSError, ValueError, KeyError, TypeError, VsrppError):
        return None


def _typed(line: dict[str, Any]) -> dict[str, Any]:
    """ValueError where a value is of another type than ``_described`` gives."""
    kinds = {"video": str, "category": str, "bytes": int, "fingerprint": str, "version": int}
    if not all(isinstance(line[key], kind) for key, kind in kinds.items()):
        raise ValueError("not a line of ours")
    return line


# differences


def _settings(made: Recipe, recipe: Recipe) -> list[str]:
    there, here = (_flat(_as_written(one)) for one in (made, recipe))
    different = [
        _difference(key, there.get(key), here.get(key)) for key in {**there, **here} if there.get(key) != here.get(key)
    ]
    same_work = {"work": WorkPart()}
    if not different and made.to_toml() != recipe.model_copy(update=same_work).to_toml():
        return ["order of categories"]
    return different


def _as_written(recipe: Recipe) -> dict[str, Any]:
    """Names that are no text are patterns in the file."""
    values: dict[str, Any] = json.loads(as_pattern(json.dumps(recipe.model_dump(exclude={"work"}), ensure_ascii=False)))
    return values


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


def _version(made: list[dict[str, Any]]) -> list[str]:
    older = {line["version"] for line in made} - {VERSION}
    return [f"version of vsrpp prepare ({', '.join(map(str, sorted(older)))}, not {VERSION})"] if older else []


def _videos(made: list[dict[str, Any]], named: Sequence[NamedVideo]) -> list[str]:
    there = {line["video"]: line for line in made}
    here = {str(one.path): _described(one) for one in named}
    same = ("category", "bytes", "fingerprint")
    counts = {
        "more": len(here.keys() - there.keys()),
        "fewer": len(there.keys() - here.keys()),
        "changed": sum(any(there[name][key] != here[name][key] for key in same) for name in there.keys() & here.keys()),
    }
    parts = [f"{count:,} {word}" for word, count in counts.items() if count]
    if not parts and list(there) != list(here):
        parts = ["in another order"]
    return [f"set of videos ({', '.join(parts)})"] if parts else []
