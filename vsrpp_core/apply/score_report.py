"""Scores as a table, as JSON and as CSV."""

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from vsrpp_core.apply.evaluate import ClipScores, Options, mean_scores
from vsrpp_core.network.metrics import Score


class Report:
    """The scores of one network or several, each on the same clips; with several clips also their mean."""

    def __init__(self, checkpoints: list[Path], options: Options) -> None:
        self._options = options
        self._rows: dict[Path, list[ClipScores]] = {path: [] for path in checkpoints}
        self._left_out: set[int] = set()

    @property
    def is_empty(self) -> bool:
        return not any(self._rows.values())

    def add(self, checkpoint: Path, scores: ClipScores) -> None:
        self._rows[checkpoint].append(scores)

    def leave_out(self, place: int) -> None:
        """The clip of this number, from 0, has no scores: none of any network are shown."""
        at = place - sum(other < place for other in self._left_out)
        for rows in self._rows.values():
            del rows[at : at + 1]
        self._left_out.add(place)

    def json(self) -> str:
        """One line: a list of objects, which name their ``checkpoint`` first where there are several."""
        return json.dumps([record for checkpoint in self._rows for record in self._records(checkpoint)])

    def csv(self) -> str:
        """A line for each network and clip, every figure in a column; PSNR in dB."""
        records = [_flat({"checkpoint": str(path), **row}) for path in self._rows for row in self._records(path)]
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return text.getvalue()

    def table(self) -> Table:
        if len(self._rows) == 1:
            ((path, _),) = self._rows.items()
            return self._of_one(path)
        return self._side_by_side()

    def _of_one(self, checkpoint: Path) -> Table:
        table = Table(title=f"{checkpoint.name}: {self._caption()}")
        for heading in ("clip", "frames", "", "bicubic", "KI", "gain, dB"):
            table.add_column(heading, justify="right" if heading in ("frames", "gain, dB") else "left")
        for row in self._with_mean(checkpoint):
            table.add_row(row.clip, str(row.frames), "Y", _cell(row.bicubic_y), *_cells(row.ki_y, row.bicubic_y))
            table.add_row("", "", "RGB", _cell(row.bicubic_rgb), *_cells(row.ki_rgb, row.bicubic_rgb))
            if row.bicubic_flicker is not None and row.ki_flicker is not None:
                table.add_row("", "", "flicker", f"{row.bicubic_flicker:.3f}", f"{row.ki_flicker:.3f}", "")
            for bad in row.worst:
                gain = f"{bad.ki_psnr - bad.bicubic_psnr:+.3f}"
                table.add_row("", f"no. {bad.frame}", "Y", f"{bad.bicubic_psnr:.3f}", f"{bad.ki_psnr:.3f}", gain)
        return table

    def _side_by_side(self) -> Table:
        """Of each clip bicubic first, then the networks in the order they were named; the gain is that in Y."""
        table = Table(title=self._caption(), box=None, pad_edge=False)
        for heading in ("clip", "frames", "network", "Y", "gain, dB", "RGB"):
            is_text = heading in ("clip", "network")
            table.add_column(heading, justify="left" if is_text else "right", overflow="fold", no_wrap=not is_text)
        names = names_of(list(self._rows))
        for of_clip in zip(*(self._with_mean(path) for path in self._rows), strict=True):
            first = of_clip[0]
            bicubic = _cell(first.bicubic_y), "", _cell(first.bicubic_rgb)
            table.add_row(first.clip, str(first.frames), "bicubic", *bicubic)
            for name, row in zip(names, of_clip, strict=True):
                table.add_row("", "", name, *_cells(row.ki_y, row.bicubic_y), _cell(row.ki_rgb))
        return table

    def _caption(self) -> str:
        how = self._options
        views = f", mean of {how.ensemble} views" if how.ensemble > 1 else ""
        return f"PSNR in dB / SSIM, protocol {how.protocol}, border {how.border}{views}"

    def _with_mean(self, checkpoint: Path) -> list[ClipScores]:
        rows = self._rows[checkpoint]
        return [*rows, mean_scores(rows)] if len(rows) > 1 else rows

    def _records(self, checkpoint: Path) -> list[dict[str, Any]]:
        named = {"checkpoint": str(checkpoint)} if len(self._rows) > 1 else {}
        how = {"protocol": self._options.protocol, "border": self._options.border, "ensemble": self._options.ensemble}
        return [{**named, **_record(row), **how} for row in self._with_mean(checkpoint)]


def names_of(checkpoints: list[Path]) -> list[str]:
    """File names where they differ, else paths: every run has a checkpoint_best.pth."""
    names = [path.name for path in checkpoints]
    return names if len(set(names)) == len(names) else [str(path) for path in checkpoints]


def _record(row: ClipScores) -> dict[str, Any]:
    """The worst frames are in it where any were asked for."""
    record = asdict(row)
    if not row.worst:
        del record["worst"], record["sheet"]
    return record


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """``ki_y: {psnr, ssim}`` as ``ki_y_psnr`` and ``ki_y_ssim``, with six decimals; of the worst frames the numbers."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat.update({f"{name}_{part}": f"{figure:.6f}" for part, figure in value.items()})
        else:
            flat[name] = " ".join(str(frame["frame"]) for frame in value) if name == "worst" else value
    return flat


def _cells(ki: Score, bicubic: Score) -> tuple[str, str]:
    return _cell(ki), f"{ki.psnr - bicubic.psnr:+.3f}"


def _cell(score: Score) -> str:
    return f"{score.psnr:.3f} / {score.ssim:.4f}"
