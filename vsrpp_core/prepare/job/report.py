"""The files that a preparation writes beside the pairs: manifest, report, and a sheet of samples.

Separate from pipeline.py because it only describes; it contains no time of day, so the same work gives the same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from vsrpp_core.data.stacked import DatasetFolder
from vsrpp_core.prepare.job.prepare_events import CategoryReport, PrepareReport
from vsrpp_core.prepare.job.selection import CutVideo, SelectedPair, Selection
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.run.files import fingerprint
from vsrpp_core.run.names import json_line

MANIFEST, VIDEOS, REPORT = "manifest.jsonl", "videos.jsonl", "report.txt"
RECIPE, SHEET = "recipe.toml", "contact_sheet.png"
COLUMNS, ROWS, CATEGORIES, TILE, LABEL = 10, 3, 12, 128, 14


def report_of(
    out: Path, recipe: Recipe, footage: Sequence[CutVideo], found: Selection, refused: Sequence[str], seconds: float
) -> PrepareReport:
    sides = {split: [pair for pair in found.chosen if pair.split == split] for split in ("train", "val")}
    train_videos = {pair.source.label for pair in sides["train"]}
    whole = {pair.source.path.name for pair in sides["val"] if pair.source.label not in train_videos}
    return PrepareReport(
        out=out,
        geometry=recipe.geometry,
        train=len(sides["train"]),
        val=len(sides["val"]),
        categories=tuple(_category(name, footage, found) for name in recipe.category),
        val_videos=tuple(sorted(whole)),
        skipped=dict(sorted(found.skipped.items())),
        refused=tuple(refused),
        notes=(*(film.ending.note for film in footage if film.ending.note), *found.notes),
        seconds=seconds,
        bytes=sum(sum(pair.cut.sizes) for pair in found.chosen),
    )


def _category(name: str, footage: Sequence[CutVideo], found: Selection) -> CategoryReport:
    own = [pair for pair in found.chosen if pair.source.category == name]
    videos = sum(name in film.source.categories for film in footage)
    train = sum(pair.split == "train" for pair in own)
    return CategoryReport(name, videos, train, len(own) - train, found.quotas.get(name, 0))


def manifest_lines(chosen: Sequence[SelectedPair], recipe: Recipe) -> Iterator[str]:
    """One JSON object a pair; docs/formats.md names its keys."""
    prints: dict[Path, str] = {}
    for pair in chosen:
        source, cut = pair.source, pair.cut
        if source.path not in prints:
            prints[source.path] = fingerprint(source.path)
        line: dict[str, Any] = {
            "name": cut.name,
            "split": pair.split,
            "category": source.category,
            "video": str(source.path),
            "bytes": source.path.stat().st_size,
            "fingerprint": prints[source.path],
            "frames": cut.frames,
            "seconds": cut.seconds,
            "scene": cut.scene,
            "x": cut.x,
            "y": cut.y,
            "side": recipe.dataset.patch,
            **({"patch_width": recipe.dataset.patch_width} if recipe.dataset.patch_width else {}),
            "width": source.width,
            "height": source.height,
            "stored": [source.info.width, source.info.height],
            "pixel_aspect": round(source.info.pixel_aspect, 6),
            "hdr": source.info.hdr,
            "degradation": cut.degradation,
        }
        yield json_line(line)


def contact_sheet(folder: DatasetFolder, chosen: Sequence[SelectedPair], recipe: Recipe) -> Image.Image:
    """Samples of each category, evenly spaced: the enlarged LR frame on the left, the ground truth on the right.

    Then one for each degradation that occurs.
    """
    bands = list(_bands(chosen, recipe))
    height = sum(LABEL + -(-len(band.pairs) // COLUMNS) * (TILE + LABEL) for band in bands)
    sheet = Image.new("RGB", (COLUMNS * TILE, max(1, height)), (24, 24, 24))
    pen, top = ImageDraw.Draw(sheet), 0
    for band in bands:
        pen.text((2, top + 1), _plain(band.title), fill="white")
        top += LABEL
        for place, (caption, pair) in enumerate(band.pairs):
            row, column = divmod(place, COLUMNS)
            at = column * TILE, top + row * (TILE + LABEL)
            sheet.paste(_tile(folder, pair, recipe), at)
            pen.text((at[0] + 2, at[1] + TILE + 1), _plain(caption)[:20], fill=(170, 170, 170))
        top += -(-len(band.pairs) // COLUMNS) * (TILE + LABEL)
    return sheet


@dataclass(frozen=True, slots=True)
class _Band:
    """A row or some of pairs, each with what is said below it."""

    title: str
    pairs: list[tuple[str, SelectedPair]]


def _bands(chosen: Sequence[SelectedPair], recipe: Recipe) -> Iterator[_Band]:
    own = {name: [pair for pair in chosen if pair.source.category == name] for name in recipe.category}
    for name, pairs in list(own.items())[:CATEGORIES]:
        if pairs:
            title = f"{name}: {len(pairs)} pairs; left half LR, right half ground truth"
            yield _Band(title, [("V " * (pair.split == "val") + pair.cut.name, pair) for pair in _evenly(pairs)])
    if examples := _examples(chosen):
        yield _Band("degradations, each where it has least company", list(examples.items()))


def _examples(chosen: Sequence[SelectedPair]) -> dict[str, SelectedPair]:
    """For each step of the degradation the pair with the fewest others."""
    found: dict[str, SelectedPair] = {}
    for pair in sorted(chosen, key=lambda pair: (len(pair.cut.degradation), pair.cut.name)):
        for step in pair.cut.degradation:
            found.setdefault(step["step"], pair)
    return dict(sorted(found.items()))


def _evenly(pairs: list[SelectedPair]) -> list[SelectedPair]:
    places = {round(place) for place in np.linspace(0, len(pairs) - 1, min(COLUMNS * ROWS, len(pairs)))}
    return [pair for place, pair in enumerate(pairs) if place in places]


def _tile(folder: DatasetFolder, pair: SelectedPair, recipe: Recipe) -> Image.Image:
    geometry = recipe.geometry
    width, height = (TILE * side // max(geometry.width, geometry.height) for side in (geometry.width, geometry.height))
    with Image.open(folder.gt_folder(pair.split) / pair.cut.name) as truth:
        tile = truth.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    with Image.open(folder.lr_folder(pair.split) / pair.cut.name) as stack:
        top = geometry.n_frames // 2 * geometry.height
        centre = stack.convert("RGB").crop((0, top, geometry.width, top + geometry.height))
    half = centre.resize((width, height), Image.Resampling.NEAREST).crop((0, 0, width // 2, height))
    tile.paste(half, (0, 0))
    return tile


def _plain(text: str) -> str:
    """Pillow's own font has Latin letters only."""
    return text.encode("latin-1", "replace").decode("latin-1")
