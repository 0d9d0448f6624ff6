"""Which category each pair of a dataset is of.

Separate from stacked.py because it reads the manifests, which only a dataset whose categories are weighted needs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from vsrpp_core.data.layouts import added_place, addition_folder
from vsrpp_core.data.stacked import PairPaths
from vsrpp_core.run.files import read_json_lines
from vsrpp_core.run.names import listed


def categories_of(root: Path, pairs: Sequence[PairPaths]) -> list[str]:
    """For each pair, by the manifest that was written with it, or by the folder that it is in; empty where none says.

    The folder is the first below ``root``, as in datasets of the original.
    """
    known = _listed(root, "")
    for number in sorted({pair.addition for pair in pairs} - {0}):
        known |= _listed(addition_folder(root, number), added_place(root, number).prefix)
    return [known.get(pair.name) or ("" if pair.addition else _folder_of(pair.name)) for pair in pairs]


def refusal_of(weights: Mapping[str, float], categories: Sequence[str]) -> str:
    """Why a dataset of pairs of these categories cannot be gone through by such weights; empty where it can."""
    counts = Counter(categories)
    if unknown := sorted(weights.keys() - counts.keys()):
        there = listed(sorted(name for name in counts if name)) or "none"
        return f"the dataset has no category {listed(unknown)}; its categories: {there}"
    return "" if any(round(weights.get(name, 1.0) * n) for name, n in counts.items()) else "no pair would be shown"


def _listed(folder: Path, prefix: str) -> dict[str, str]:
    try:
        lines = read_json_lines(folder / "manifest.jsonl")
        return {f"{prefix}{line['name']}": str(line["category"]) for line in lines if line["split"] == "train"}
    except (OSError, ValueError, KeyError, TypeError):  # none, or not one of ours
        return {}


def _folder_of(name: str) -> str:
    parts = PurePosixPath(name).parts
    return parts[0] if len(parts) > 1 else ""
