"""What the tests of a preparation share: small settings, and what came out."""

import json
from pathlib import Path
from typing import Any

from vsrpp_core.prepare.job.pipeline import prepare
from vsrpp_core.prepare.job.prepare_events import PrepareReport
from vsrpp_core.prepare.recipe import Recipe

SETTINGS = {"dataset.patch": 36, "dataset.patches_per_minute": 300, "dataset.frames": 3, "skip.duplicate": 0}
SETTINGS |= {"skip.blurred": 0, "work.workers": 1}  # pans over enlarged noise have no sharp edges
MAX_VAL_PAIRS = 24


def recipe(videos: list[Path], **settings: object) -> Recipe:
    """``dataset__seed=1`` is dataset.seed = 1."""
    return Recipe.of(videos, {**SETTINGS, **{key.replace("__", "."): value for key, value in settings.items()}})


def run(videos: list[Path], out: Path, **settings: object) -> PrepareReport:
    return finish(recipe(videos, **settings), out)


def finish(recipe: Recipe, out: Path, fresh: bool = False) -> PrepareReport:
    *_, report = prepare(recipe, out, fresh)
    assert isinstance(report, PrepareReport)
    return report


def everything(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def manifest(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*/*/*.png"))}
