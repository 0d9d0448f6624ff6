"""Bad pairs are moved out of the way, whole, and can be brought back; nothing else is touched."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import MakeDataset
from vsrpp_core.cli.main import main
from vsrpp_core.data import check as checking
from vsrpp_core.data import quarantine
from vsrpp_core.data.check import CheckReport, check
from vsrpp_core.data.quarantine import REASONS_NAME, groups_to_move, move_aside
from vsrpp_core.errors import VsrppError


def report_of(root: Path) -> CheckReport:
    *_, report = check(root)
    assert isinstance(report, CheckReport)
    return report


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def give_alpha(path: Path) -> None:
    with Image.open(path) as image:
        image.convert("RGBA").save(path)


def spoil(root: Path) -> None:
    """A truncated pair, a stack without its ground truth, a leftover, and a pair that only carries a remark."""
    truncate(root / "Patches/GT/s002.png")
    (root / "Val/GT/s001.png").unlink()
    (root / "Patches/LR/.tmp-12-s009.png").write_bytes(b"")
    give_alpha(root / "Patches/LR/s005.png")


def test_the_reason_is_written_before_a_pair_is_moved(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a kill would leave pairs aside of which nothing says why."""
    root, move, told = make_dataset(), quarantine._move, list[str]()
    spoil(root)

    def moved(group: quarantine.Group, root: Path, target: Path) -> None:
        told.append((target / REASONS_NAME).read_text())
        move(group, root, target)

    monkeypatch.setattr(quarantine, "_move", moved)
    groups = groups_to_move(report_of(root).problems)
    move_aside(root, groups)
    assert all(group.reasons[0] in text for group, text in zip(groups, told, strict=True)) and len(told) == 3


def test_whole_pairs_are_moved_and_come_back(make_dataset: MakeDataset, tmp_path: Path) -> None:
    root = make_dataset()
    spoil(root)
    before = snapshot(root)
    target = move_aside(root, groups_to_move(report_of(root).problems))
    moved = {name for name in snapshot(target) if name != REASONS_NAME}
    assert moved == {"Patches/GT/s002.png", "Patches/LR/s002.png", "Val/LR/s001.png", "Patches/LR/.tmp-12-s009.png"}
    assert all((target / name).read_bytes() == before[name] for name in moved)
    assert [problem.text.split("/")[-1][:8] for problem in report_of(root).problems] == ["s005.png"]
    reasons = (target / REASONS_NAME).read_text()
    assert "Patches/GT/s002.png" in reasons and "s002.png cannot be read" in reasons and "no partner" in reasons
    shutil.copytree(target, root, dirs_exist_ok=True)
    shutil.rmtree(root / ".aside")
    (root / REASONS_NAME).unlink()
    assert snapshot(root) == before


def test_remarks_are_moved_when_asked(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    spoil(root)
    faults = report_of(root).problems
    assert len(groups_to_move(faults, remarks_too=True)) == len(groups_to_move(faults)) + 1
    move_aside(root, groups_to_move(faults, remarks_too=True))
    assert report_of(root).problems == ()


def test_a_pair_with_two_faults_is_moved_once(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    truncate(root / "Patches/GT/s002.png")
    truncate(root / "Patches/LR/s002.png")
    (group,) = groups_to_move(report_of(root).problems)
    assert len(group.files) == len(group.reasons) == 2


def test_each_time_has_a_folder_of_its_own(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    targets = []
    for name in ("s001.png", "s002.png", "s003.png"):
        truncate(root / "Patches/LR" / name)
        targets.append(move_aside(root, groups_to_move(report_of(root).problems)))
    assert len(set(targets)) == 3 and all((target / "Patches/LR").is_dir() for target in targets)


def test_a_pair_that_cannot_be_moved_stays_whole(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_dataset()
    for name in ("s001.png", "s002.png"):
        truncate(root / "Patches/LR" / name)
    before, rename, moves = snapshot(root), Path.rename, []

    def fourth_fails(self: Path, target: Path) -> Path:
        moves.append(self)
        if len(moves) == 4:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fourth_fails)
    with pytest.raises(VsrppError, match=r"GT/s002.png cannot be moved aside \(Input/output error\)"):
        move_aside(root, groups_to_move(report_of(root).problems))
    (target,) = (root / ".aside").iterdir()
    assert set(snapshot(target)) == {REASONS_NAME, "Patches/LR/s001.png", "Patches/GT/s001.png"}
    left = {name: content for name, content in before.items() if "s001" not in name or name.startswith("Val")}
    assert {name: content for name, content in snapshot(root).items() if not name.startswith(".aside")} == left


def test_a_place_that_is_taken_meanwhile_leaves_the_pair_whole(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_dataset()
    truncate(root / "Patches/LR/s001.png")
    before, groups, taken = (
        snapshot(root),
        groups_to_move(report_of(root).problems),
        root / ".aside/now/Patches/GT/s001.png",
    )
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"another program's")
    monkeypatch.setattr(quarantine, "new_trash_folder", lambda folder: folder / "now")
    with pytest.raises(VsrppError, match="appeared meanwhile"):
        move_aside(root, groups)
    assert snapshot(root) == {**before, ".aside/now/Patches/GT/s001.png": b"another program's"}


def test_the_first_that_cannot_be_moved_leaves_no_folder(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_dataset()
    truncate(root / "Patches/LR/s001.png")
    before = snapshot(root)

    def fails(self: Path, target: Path) -> Path:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(VsrppError, match="Permission denied"):
        move_aside(root, groups_to_move(report_of(root).problems))
    assert snapshot(root) == before and list((root / ".aside").iterdir()) == []


def test_links_are_moved_as_links_and_folders_behind_links_are_refused(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    root = make_dataset()
    elsewhere = tmp_path / "elsewhere.png"
    (root / "Patches/LR/s001.png").rename(elsewhere)
    truncate(elsewhere)
    (root / "Patches/LR/s001.png").symlink_to(elsewhere)
    target = move_aside(root, groups_to_move(report_of(root).problems))
    assert (target / "Patches/LR/s001.png").is_symlink() and elsewhere.is_file()
    (root / "Val").rename(tmp_path / "Val")
    (root / "Val").symlink_to(tmp_path / "Val")
    truncate(tmp_path / "Val/LR/s000.png")
    before = snapshot(tmp_path / "Val")
    with pytest.raises(VsrppError, match="Val is a link, and files behind links are not moved"):
        move_aside(root, groups_to_move(report_of(root).problems))
    assert snapshot(tmp_path / "Val") == before


# on the command line


def test_fixing_from_the_command_line(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_dataset()
    spoil(root)
    before = snapshot(root)
    assert main(["check", str(root)]) == 1
    assert f"`vsrpp check {root} --fix` moves" in capsys.readouterr().out.replace("\n", "")
    assert main(["check", str(root), "--fix", "--dry-run"]) == 1
    told = capsys.readouterr().out
    assert snapshot(root) == before and "would move" in told and "1 pair and 2 files without a partner" in told
    assert main(["check", str(root), "--fix"]) == 1
    told = capsys.readouterr().out
    assert "moved 1 pair and 2 files without a partner into" in told and "cp -Rn" in told
    assert "1 remark about pairs that can be trained on stay" in told
    assert main(["check", str(root), "--fix", "--remarks-too"]) == 0
    assert "moved 1 pair into" in capsys.readouterr().out
    assert main(["check", str(root), "--fix"]) == 0
    assert "nothing is moved: nothing is wrong" in capsys.readouterr().out
    assert main(["check", str(root)]) == 0


def interrupt(monkeypatch: pytest.MonkeyPatch, place: int, number: signal.Signals, count: int = 1) -> None:
    """After file ``place`` was moved, from 1, so many signals come."""
    rename, moves = Path.rename, []

    def signalled(self: Path, target: Path) -> Path:
        moved = rename(self, target)
        moves.append(self)
        if len(moves) == place:
            for _ in range(count):
                os.kill(os.getpid(), number)
        return moved

    monkeypatch.setattr(Path, "rename", signalled)


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_between_the_moves_leaves_pairs_whole(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    root = make_dataset()
    for spoilt in ("s001.png", "s002.png", "s003.png"):
        truncate(root / "Patches/LR" / spoilt)
    interrupt(monkeypatch, 3, getattr(signal, name))  # the first file of the second pair
    assert main(["check", str(root), "--fix"]) == 130
    told = capsys.readouterr().out
    (target,) = (root / ".aside").iterdir()
    assert f"moved 2 pairs into {target}" in told and "stopped; 1 pair stays where it is; continue with: " in told
    assert [path.name for path in sorted((target / "Patches/GT").iterdir())] == ["s001.png", "s002.png"]
    assert (target / "Patches/LR/s002.png").exists() and "s002" in (target / REASONS_NAME).read_text()
    assert [Path(line.text.split()[0]).name for line in report_of(root).problems] == ["s003.png"]
    assert main(["check", str(root), "--fix"]) == 0


def test_giving_up_at_once_leaves_the_pair_whole(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_dataset()
    truncate(root / "Patches/LR/s001.png")
    before = snapshot(root)
    interrupt(monkeypatch, 1, signal.SIGINT, 2)
    assert main(["check", str(root), "--fix"]) == 130
    assert snapshot(root) == before and "interrupted" in capsys.readouterr().err


def test_a_signal_while_reading_changes_nothing(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_dataset()
    spoil(root)
    before, read = snapshot(root), checking._read

    def signalled(*pair: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return read(*pair)

    monkeypatch.setattr(checking, "_read", signalled)
    assert main(["check", str(root), "--fix"]) == 130
    assert "stopped before everything was read; nothing was changed" in capsys.readouterr().out
    assert snapshot(root) == before


def test_what_cannot_be_mended_by_moving_is_told(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_dataset()
    shutil.rmtree(root / "Val")
    assert main(["check", str(root), "--fix"]) == 1
    told = capsys.readouterr().out
    assert "nothing is moved: moving would not help" in told and "to be fixed by hand" in told
    assert not (root / quarantine.ASIDE_NAME).exists()


@pytest.mark.parametrize("option", ["--dry-run", "--remarks-too"])
def test_options_of_fixing_want_it(option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", str(tmp_path), option]) == 2
    assert "add --fix" in capsys.readouterr().err


def test_other_files_in_a_dataset_are_no_fault(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    assert main(["cache", str(root)]) == 0
    for name in ("manifest.jsonl", "report.txt", "contact_sheet.png", "Patches/GT/Thumbs.db", "Patches/notes.txt"):
        (root / name).write_bytes(b"other")
    (root / "Patches/LR/raw").mkdir()
    assert report_of(root).problems == ()
    assert os.path.lexists(root / "Patches.cache")


def test_the_cache_from_the_command_line(make_dataset: MakeDataset, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_dataset()
    assert main(["cache", str(root)]) == 0
    told = capsys.readouterr().out
    assert "10 pairs, 109 kB" in told and "--set data.cache=disk" in told
    assert main(["cache", str(root)]) == 0 and "already exists" in capsys.readouterr().out
    with Image.open(root / "Patches/LR/s000.png") as image:
        stack = np.array(image)[::-1]
    Image.fromarray(stack).save(root / "Patches/LR/s000.png")
    assert main(["cache", str(root)]) == 0 and "it is rebuilt" in capsys.readouterr().out
    assert main(["cache", str(root), "--remove"]) == 0 and "deleted" in capsys.readouterr().out
    assert main(["cache", str(root), "--remove"]) == 0 and "has no cache" in capsys.readouterr().out
    assert main(["cache", str(root / "Val")]) == 1 and "has no training pairs" in capsys.readouterr().err
    assert main(["cache", str(root / "nowhere")]) == 1
