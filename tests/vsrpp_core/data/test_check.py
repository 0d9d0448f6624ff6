"""Every kind of damage is found, all of it in one go, and nothing is found in a sound dataset."""

import json
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsrpp_core.data.check import CheckProgress, CheckReport, Problem, check
from vsrpp_core.data.resize import downscaled, imresize
from vsrpp_core.data.stacked import SPLITS, DatasetFolder, StackGeometry, load_pair, write_pair
from vsrpp_core.errors import VsrppError

MakeDataset = Callable[..., Path]


def report_of(root: Path) -> CheckReport:
    *_, report = check(root)
    assert isinstance(report, CheckReport)
    return report


def only_problem(root: Path) -> str:
    (problem,) = report_of(root).problems
    return problem.text


def write_16_bit(path: Path, side: int, colour: int, channels: int) -> None:
    """A 16-bit PNG of mid grey, which Pillow cannot write in colour."""
    row = b"\0" + b"\x80\x00" * channels * side
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, colour, 0, 0, 0)), (b"IDAT", zlib.compress(row * side))]
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in [*chunks, (b"IEND", b"")]:
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(data)


def test_sound_dataset_has_no_problems(make_dataset: MakeDataset) -> None:
    *progress, report = check(make_dataset())
    assert progress == [CheckProgress(n, 12) for n in range(1, 13)]
    assert isinstance(report, CheckReport) and report.problems == ()
    assert str(report).endswith("10 training and 2 validation pairs, 5 × 16×16 → 48×48: no problems")


def test_everything_is_told_in_one_go_and_in_the_same_order(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    (root / "Patches/GT/s000.png").unlink()
    (root / "Patches/LR/s003.png").write_bytes(b"")
    (root / "Val/LR/s001.png").unlink()
    (root / "Val/GT/.tmp-12-s001.png").write_bytes(b"")
    shutil.copy(root / "Patches/GT/s005.png", root / "Patches/GT/s006.png")
    problems = report_of(root).problems
    expected = ["s000.png has no partner", "s001.png has no partner", ".tmp-12", "s003.png cannot", "s006.png: the"]
    assert len(problems) == 5
    assert all(words in problem.text for words, problem in zip(expected, problems, strict=True))
    assert problems == report_of(root).problems
    assert str(report_of(root)).endswith("5 problems")


def test_pairs_of_two_suffixes_are_read_and_other_images_told(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    lr = root / "Patches/LR"
    (lr / "s001.png").rename(lr / "s001.PNG")
    assert report_of(root).problems == ()
    Image.new("RGB", (4, 4)).save(lr / "s001.jpg")
    assert (
        only_problem(root)
        == f"{lr / 's001.jpg'} is no PNG or BMP file, so it is left out; convert it or move it elsewhere"
    )


def test_missing_and_empty_folders(make_dataset: MakeDataset, tmp_path: Path) -> None:
    root = make_dataset()
    shutil.rmtree(root / "Val/LR")
    assert any(
        problem.text.endswith("each with LR and GT") and "Val/LR" in problem.text
        for problem in report_of(root).problems
    )
    (root / "Val/LR").mkdir()
    assert any("Val holds no pairs" in problem.text for problem in report_of(root).problems)
    with pytest.raises(VsrppError, match="nowhere is not a folder"):
        report_of(tmp_path / "nowhere")


@pytest.mark.parametrize("side", ["LR", "GT"])
def test_truncated_image(make_dataset: MakeDataset, side: str) -> None:
    root = make_dataset()
    path = root / "Patches" / side / "s004.png"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert only_problem(root).startswith(f"{path} cannot be read (")


def test_sizes_that_make_no_pair(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    Image.new("RGB", (16, 64)).save(root / "Patches/LR/s002.png")
    assert "s002.png and its ground truth are not a pair: the LR stack's height 64" in only_problem(root)


def test_several_sizes_are_no_problem_and_a_lonely_one_is_remarked(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_dataset()
    make_dataset(n_train=1, n_val=0, side=8, root=root)
    assert not report_of(root).problems and "5 × 16×16 → 48×48 and another size" in str(report_of(root))
    monkeypatch.setattr("vsrpp_core.data.check.RARE", 0.2)
    assert "s000.png is a stack of 5 × 8×8 → 24×24, as only 1 of 12 pairs are" in only_problem(root)


def test_another_number_of_frames_than_most_have(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    path = root / "Patches/LR/s000.png"
    with Image.open(path) as image:
        seven = np.concatenate([np.asarray(image), np.asarray(image)[:32]])
    Image.fromarray(seven).save(path)
    assert any("s000.png is a stack of 7 × 16×16" in problem.text for problem in report_of(root).problems)


@pytest.mark.parametrize(("mode", "words"), [("RGBA", "without its alpha"), ("L", "8-bit grey"), ("P", "palette")])
def test_other_modes_are_told(make_dataset: MakeDataset, mode: str, words: str) -> None:
    root = make_dataset()
    for folder in ("LR", "GT"):
        path = root / "Patches" / folder / "s001.png"
        with Image.open(path) as image:
            image.convert(mode).save(path)
    problems = report_of(root).problems
    assert len(problems) == 2 and all(words in problem.text for problem in problems)


@pytest.mark.parametrize(("colour", "channels", "words"), [(2, 3, "upper 8 bits"), (0, 1, "as white")])
def test_16_bit_is_told(make_dataset: MakeDataset, colour: int, channels: int, words: str) -> None:
    root = make_dataset()
    write_16_bit(root / "Patches/GT/s001.png", 48, colour, channels)
    assert any("s001.png is 16-bit" in problem.text and words in problem.text for problem in report_of(root).problems)


def test_other_format_under_the_name_of_png(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    path = root / "Patches/GT/s001.png"
    with Image.open(path) as image:
        image.copy().save(path, format="JPEG", quality=95)
    assert "s001.png is JPEG, not PNG" in only_problem(root)


def test_repeated_frame(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    path = root / "Patches/LR/s007.png"
    with Image.open(path) as image:
        stack = np.array(image)
    stack[64:] = stack[48:64]
    Image.fromarray(stack).save(path)
    assert only_problem(root) == f"{path} repeats a frame: 4 and 5 are identical"


def test_ground_truth_of_another_frame(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    shutil.copy(root / "Val/GT/s001.png", root / "Val/GT/s000.png")
    assert "s000.png: the ground truth does not show the stack's centre frame" in only_problem(root)


def test_ground_truth_made_otherwise_is_let_pass(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    path = root / "Patches/GT/s001.png"
    with Image.open(path) as image:
        noisy = np.array(image) + np.random.default_rng(0).normal(0, 8, (48, 48, 3))
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path)
    assert report_of(root).problems == ()


def test_validation_pair_that_is_trained_on(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    for folder in ("LR", "GT"):
        shutil.copy(root / "Patches" / folder / "s005.png", root / "Val" / folder / "other.png")
    problem = only_problem(root)
    assert "Val/GT/other.png shows the same as" in problem and "Patches/GT/s005.png" in problem


def test_reading_can_be_given_up(make_dataset: MakeDataset) -> None:
    reading = check(make_dataset())
    assert isinstance(next(reading), CheckProgress)
    reading.close()


def claim_size(path: Path, width: int, height: int) -> None:
    """Rewrite a PNG's header to claim another size."""
    data = path.read_bytes()
    body = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    path.write_bytes(data[:12] + body + struct.pack(">I", zlib.crc32(body)) + data[33:])


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_a_decompression_bomb_is_refused_from_its_header(
    make_dataset: MakeDataset, side: int, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    root = make_dataset()
    path = root / "Patches/GT/s001.png"
    claim_size(path, side, side)
    convert = Image.Image.convert

    def small_ones_only(image: Image.Image, mode: str) -> Image.Image:
        assert image.width * image.height < 10_000, "decoded"
        return convert(image, mode)

    monkeypatch.setattr(Image.Image, "convert", small_ones_only)
    assert f"it claims {side:,}×{side:,} pixels, which no patch has" in only_problem(root)
    assert not recwarn.list


def test_a_bomb_ends_training_with_a_sentence_and_is_not_decoded(make_dataset: MakeDataset) -> None:
    root = make_dataset()
    pair = DatasetFolder(root).pairs("train")[1]
    claim_size(pair.gt, 9_000, 9_000)
    with pytest.raises(VsrppError, match=r"s001.png is 9000x9000, not 48x48"):
        load_pair(pair, StackGeometry(5, 16, 16))
    claim_size(pair.gt, 60_000, 60_000)
    with pytest.raises(VsrppError, match=r"s001.png cannot be read as an image"):
        load_pair(pair, StackGeometry(5, 16, 16))


def test_a_degraded_pair_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    random, folder = np.random.default_rng(0), DatasetFolder(tmp_path)
    for split in SPLITS:
        for name in ("noisy", "wrong"):
            truth = imresize(random.integers(0, 256, (12, 12, 3)).astype(np.uint8), 72, 72)
            shown = downscaled(truth) if name == "noisy" else downscaled(truth)[::-1]
            frames = [np.clip(shown + random.normal(0, 30, shown.shape), 0, 255).astype(np.uint8) for _ in range(3)]
            write_pair(folder, split, f"{split}_{name}.png", frames, truth)

    def found() -> list[Problem]:
        return [problem for problem in report_of(tmp_path).problems if "centre frame" in problem.text]

    assert len(found()) == 4
    names = [f"{split}_{name}.png" for split in SPLITS for name in ("noisy", "wrong")]
    lines = [{"name": name, "degradation": [{"step": "noise"}]} for name in names]
    for encoding in ("utf-8", "utf-8-sig"):  # with the mark of some editors
        (tmp_path / "manifest.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding)
        assert len(found()) == 2 and all("wrong" in problem.text for problem in found())
