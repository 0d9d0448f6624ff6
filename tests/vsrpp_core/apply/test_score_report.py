import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from vsrpp_core.apply.evaluate import ClipScores, Options, mean_scores
from vsrpp_core.apply.score_report import Report
from vsrpp_core.network.metrics import Score

HOW = {"protocol": "BD", "border": 3, "ensemble": 1}


def scores(clip: str, first: int) -> ClipScores:
    """Every figure another one."""
    return ClipScores(clip, first, *(Score(20.25 + first + n, 0.5 + (first + n) / 1000) for n in range(4)))


def record(row: ClipScores) -> dict[str, Any]:
    return {key: value for key, value in asdict(row).items() if key not in ("worst", "sheet")}


ROWS = {"a": [scores("walk", 1), scores("foliage", 3)], "b": [scores("walk", 5), scores("foliage", 7)]}


def report(*names: str, clips: int = 2) -> Report:
    paths = [Path(name) for name in names]
    made = Report(paths, Options(protocol="BD", border=3))
    for path, rows in zip(paths, ROWS.values(), strict=False):
        for row in rows[:clips]:
            made.add(path, row)
    return made


def shown(made: Report, width: int = 80) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(made.table())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_json_of_one_network_is_a_list_of_clips_and_their_mean() -> None:
    rows = json.loads(report("a.pth").json())
    wanted = [*ROWS["a"], mean_scores(ROWS["a"])]
    assert rows == [{**record(row), **HOW} for row in wanted]


def test_json_of_one_clip_has_no_mean() -> None:
    assert [row["clip"] for row in json.loads(report("a.pth", clips=1).json())] == ["walk"]


def test_json_of_several_networks_names_them() -> None:
    rows = json.loads(report("x/a.pth", "b.safetensors").json())
    assert [(row["checkpoint"], row["clip"]) for row in rows] == [
        (name, clip) for name in ("x/a.pth", "b.safetensors") for clip in ("walk", "foliage", "mean")
    ]
    assert rows[3] == {"checkpoint": "b.safetensors", **record(ROWS["b"][0]), **HOW}


@pytest.mark.parametrize("names", [("a.pth",), ("a.pth", "b.pth")])
def test_csv_has_a_line_for_each_network_and_clip(names: tuple[str, ...]) -> None:
    text = report(*names).csv()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["checkpoint"], row["clip"]) for row in rows] == [
        (name, clip) for name in names for clip in ("walk", "foliage", "mean")
    ]
    parts = ("bicubic_y", "ki_y", "bicubic_rgb", "ki_rgb")
    figures = [f"{part}_{figure}" for part in parts for figure in ("psnr", "ssim")]
    figures += ["bicubic_flicker", "ki_flicker"]
    assert text.splitlines()[0].split(",") == [
        "checkpoint",
        "clip",
        "frames",
        *figures,
        "protocol",
        "border",
        "ensemble",
    ]
    first = rows[0]
    assert (first["ki_y_psnr"], first["bicubic_rgb_ssim"], first["protocol"]) == ("22.250000", "0.503000", "BD")


def test_the_table_of_one_network_shows_it_beside_bicubic() -> None:
    lines = shown(report("x/a.pth"))
    assert "a.pth: PSNR in dB / SSIM, protocol BD, border 3" in lines[0]
    (walk,) = (line for line in lines if "walk" in line)
    for part in ("Y", "21.250 / 0.5010", "22.250 / 0.5020", "+1.000"):
        assert part in walk
    assert any("mean" in line for line in lines)


def test_the_table_of_several_shows_bicubic_then_each_network_of_a_clip() -> None:
    lines = [line.split() for line in shown(report("x/a.pth", "b.pth"))]
    start = next(place for place, cells in enumerate(lines) if cells[0] == "walk")
    assert lines[start] == ["walk", "1", "bicubic", "21.250", "/", "0.5010", "23.250", "/", "0.5030"]
    assert lines[start + 1] == ["a.pth", "22.250", "/", "0.5020", "+1.000", "24.250", "/", "0.5040"]
    assert lines[start + 2] == ["b.pth", "26.250", "/", "0.5060", "+1.000", "28.250", "/", "0.5080"]
    assert [cells[0] for cells in lines[start::3]] == ["walk", "foliage", "mean"]


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    lines = shown(report("a/best.pth", "b/best.pth"))
    assert any("a/best.pth" in line for line in lines) and any("b/best.pth" in line for line in lines)


def test_figures_fit_a_narrow_terminal() -> None:
    lines = shown(report("checkpoint_step_100000.pth", "checkpoint_best.safetensors"))
    assert any("22.250 / 0.5020" in line and "24.250 / 0.5040" in line for line in lines)


def test_a_clip_that_is_left_out_is_shown_of_no_network() -> None:
    one, two = Path("a.pth"), Path("b.pth")
    made = Report([one, two], Options())
    made.leave_out(1)  # of the first network, before the others are scored
    for clip, first in (("walk", 1), ("foliage", 3), ("city", 5)):
        made.add(one, scores(clip, first))
    made.add(two, scores("walk", 7))
    made.leave_out(2)
    made.add(two, scores("city", 9))
    rows = [(row["checkpoint"], row["clip"]) for row in json.loads(made.json())]
    assert rows == [(name, clip) for name in ("a.pth", "b.pth") for clip in ("walk", "city", "mean")]
    assert not made.is_empty and Report([one], Options()).is_empty
