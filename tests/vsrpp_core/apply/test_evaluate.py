import json
import weakref
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import av
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from tests.helpers import whole_state
from tests.vsrpp_core import network_files
from vsrpp_core.apply import evaluate as module
from vsrpp_core.apply.evaluate import (
    ClipFailed,
    ClipScores,
    EvaluationProgress,
    Options,
    Step,
    compare,
    evaluate,
    mean_scores,
    windows,
)
from vsrpp_core.apply.load_network import load_network
from vsrpp_core.cli.main import main
from vsrpp_core.data.resize import blur_downscaled, downscaled, imresize, upscaled
from vsrpp_core.data.stacked import read_image
from vsrpp_core.device.hardware import choose_hardware
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.network.metrics import Score, luma, psnr, ssim, to_8bit
from vsrpp_core.network.model import VSRBidirectional3x
from vsrpp_core.video import reading

HEIGHT, WIDTH, FRAMES = 33, 36, 4
Frame = NDArray[np.uint8]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A network whose picture is the bilinear one exactly: its last convolution adds nothing."""
    return write_checkpoint(tmp_path / "checkpoint.pth", adds=0.0)


def write_checkpoint(path: Path, adds: float, scale: int = 3) -> Path:
    """A network that adds ``adds`` times what its window tells it to the bilinear picture."""
    torch.manual_seed(1)
    shape: dict[str, Any] = {"n_feats": 4, "n_blocks": 2, "n_frames": 5, "scale": scale}
    model = VSRBidirectional3x(**shape)
    model.initialize()
    state = model.state_dict()
    state["upsample.2.weight"].mul_(adds)
    torch.save(whole_state(shape, state, step=1, last_quality=0.5, last_quality_step=1), path)
    return path


def scene(shift: int) -> Frame:
    random = np.random.default_rng(4)
    picture = imresize(random.integers(0, 256, (14, 14, 3), dtype=np.uint8), HEIGHT + 8, WIDTH + 8)
    return picture[shift : shift + HEIGHT, shift : shift + WIDTH]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Frames two pixels larger than a multiple of 3, among files that are none."""
    folder = write_clip(tmp_path / "clip", [np.pad(scene(n), ((0, 2), (0, 1), (0, 0))) for n in range(FRAMES)])
    (folder / "notes.txt").write_text("not a frame")
    return folder


def write_clip(folder: Path, frames: list[Frame]) -> Path:
    folder.mkdir()
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{index:04d}.png")
    return folder


def run(checkpoint: Path, clips: list[Path], border: int = 0) -> list[Step]:
    return list(evaluate(checkpoint, clips, Options(border=border)))


def expected(upscale: Callable[[Frame], Frame], border: int) -> tuple[Score, Score]:
    """Y and RGB, from the metrics alone."""
    truth = [scene(index) for index in range(FRAMES)]
    return plain_scores([upscale(downscaled(frame)) for frame in truth], truth, border)


def plain_scores(pictures: list[Frame], truth: list[Frame], border: int) -> tuple[Score, Score]:
    rows = []
    for pair in zip(pictures, truth, strict=True):
        x, y = (
            torch.from_numpy(p[border : HEIGHT - border, border : WIDTH - border].copy()).permute(2, 0, 1)[None]
            for p in pair
        )
        rows.append([float(score) for a, b in ((luma(x), luma(y)), (x, y)) for score in (psnr(a, b), ssim(a, b))])
    y_psnr, y_ssim, rgb_psnr, rgb_ssim = (fmean(column) for column in zip(*rows, strict=True))
    return Score(y_psnr, y_ssim), Score(rgb_psnr, rgb_ssim)


def plain_windows(frames: list[Frame], n_frames: int = 5) -> list[Frame]:
    """Every frame's stack, made from the whole clip in memory."""
    half, last = n_frames // 2, len(frames) - 1
    places = [range(centre - half, centre + half + 1) for centre in range(len(frames))]
    return [np.stack([frames[min(max(place, 0), last)] for place in row]) for row in places]


def network_pictures(checkpoint: Path, truth: list[Frame]) -> list[Frame]:
    """What the network makes of each frame, the whole clip's LR frames in memory."""
    model = load_network(checkpoint, choose_hardware("fp32"))
    device = next(model.parameters()).device
    stacks = [torch.from_numpy(s).permute(0, 3, 1, 2)[None] for s in plain_windows([downscaled(f) for f in truth])]
    with torch.inference_mode():
        pictures = [to_8bit(model(stack.to(device).float() / 255)) for stack in stacks]
    return [np.asarray(picture[0].permute(1, 2, 0).cpu().numpy()) for picture in pictures]


def bilinear(small: Frame) -> Frame:
    batch = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    large = F.interpolate(batch, scale_factor=3, mode="bilinear", align_corners=False)
    return np.asarray(to_8bit(large)[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("border", [0, 3])
def test_a_clip_is_scored_beside_bicubic(checkpoint: Path, clip: Path, border: int) -> None:
    *progress, row = run(checkpoint, [clip], border)
    assert progress == [EvaluationProgress("clip", done, FRAMES) for done in range(1, FRAMES + 1)]
    assert isinstance(row, ClipScores) and (row.clip, row.frames) == ("clip", FRAMES)
    for scores, wanted in zip(
        (row.bicubic_y, row.bicubic_rgb, row.ki_y, row.ki_rgb),
        (*expected(upscaled, border), *expected(bilinear, border)),
        strict=True,
    ):
        assert (scores.psnr, scores.ssim) == pytest.approx((wanted.psnr, wanted.ssim), rel=1e-9)


def test_the_other_protocol_shrinks_otherwise_and_enlarges_the_same(checkpoint: Path, clip: Path) -> None:
    row = list(evaluate(checkpoint, [clip], Options(protocol="BD")))[-1]
    truth = [scene(index) for index in range(FRAMES)]
    bicubic = plain_scores([upscaled(blur_downscaled(frame)) for frame in truth], truth, border=0)
    ki = plain_scores([bilinear(blur_downscaled(frame)) for frame in truth], truth, border=0)
    assert isinstance(row, ClipScores) and (row.bicubic_y, row.bicubic_rgb) == bicubic
    assert (row.ki_y.psnr, row.ki_rgb.ssim) == pytest.approx((ki[0].psnr, ki[1].ssim), rel=1e-9)
    assert row.bicubic_y != run(checkpoint, [clip])[-1].bicubic_y  # type: ignore[union-attr]


@pytest.mark.parametrize(("limit", "scored"), [(1, 1), (3, 3), (9, FRAMES)])
def test_the_first_frames_are_scored_as_if_the_clip_ended_there(
    tmp_path: Path, clip: Path, limit: int, scored: int
) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint.pth", adds=3.0)
    *progress, row = evaluate(checkpoint, [clip], Options(frames=limit))
    assert progress == [EvaluationProgress("clip", done, scored) for done in range(1, scored + 1)]
    alone = write_clip(tmp_path / "alone", [scene(index) for index in range(scored)])
    same = run(checkpoint, [alone])[-1]
    assert isinstance(same, ClipScores) and row == replace(same, clip="clip")


def test_several_networks_are_each_scored_as_alone_and_bicubic_once(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (write_checkpoint(tmp_path / f"{adds}.pth", adds) for adds in (0.0, 3.0))
    other = write_clip(tmp_path / "other", [scene(3), scene(1)])
    alone = {path: [row for row in run(path, [clip, other]) if isinstance(row, ClipScores)] for path in (one, two)}
    enlarged = []

    def enlarge(small: Frame, scale: int) -> Frame:
        enlarged.append(small)
        return upscaled(small, scale)

    monkeypatch.setattr(module, "upscaled", enlarge)
    steps = list(compare([one, two], [clip, other], Options()))
    rows = [(path, step) for path, step in steps if isinstance(step, ClipScores)]
    assert rows == [(path, row) for path in (one, two) for row in alone[path]]
    assert len(enlarged) == FRAMES + 2, "one picture for each frame, not for each network"


def test_flicker_is_how_much_the_errors_change(checkpoint: Path, clip: Path) -> None:
    (row,) = (step for step in run(checkpoint, [clip]) if isinstance(step, ClipScores))
    truth = [scene(index) for index in range(FRAMES)]
    errors = [_y(bilinear(downscaled(frame))) - _y(frame) for frame in truth]
    wanted = fmean(float((b - a).abs().mean()) for a, b in pairwise(errors))
    assert row.ki_flicker == pytest.approx(wanted, rel=1e-5) and row.bicubic_flicker != row.ki_flicker
    (alone,) = (s for s in evaluate(checkpoint, [clip], Options(first=2, frames=1)) if isinstance(s, ClipScores))
    assert alone.frames == 1 and alone.ki_flicker is None and mean_scores([alone, row]).ki_flicker == row.ki_flicker


def _y(picture: Frame) -> torch.Tensor:
    return luma(torch.from_numpy(picture.copy()).permute(2, 0, 1)[None])


def test_a_range_of_frames_is_scored_as_a_clip_of_its_own(checkpoint: Path, clip: Path, tmp_path: Path) -> None:
    part = write_clip(tmp_path / "part", [read_image(path) for path in sorted(clip.glob("*.png"))[1:3]])
    wanted = list(evaluate(checkpoint, [part], Options()))[-1]
    found = list(evaluate(checkpoint, [clip], Options(first=1, frames=2)))[-1]
    assert isinstance(found, ClipScores) and replace(found, clip="part") == wanted


def test_films_as_they_are_are_degraded_as_a_recipe_says(
    checkpoint: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def row(*options: str) -> dict[str, Any]:
        assert main(["evaluate", str(checkpoint), str(clip), "--json", *options]) == 0
        (record,) = json.loads(capsys.readouterr().out)
        return {key: value for key, value in record.items() if key != "protocol"}

    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[degradation]\nkind = 'real'\nclean_share = 1.0\n")
    clean = row("--protocol", "real", "--recipe", str(recipe))
    assert clean == row()
    recipe.write_text("[degradation]\nkind = 'real'\nclean_share = 0.0\nnoise_share = 1.0\n")
    real = row("--protocol", "real", "--recipe", str(recipe), "--frames", "2-3")
    assert real == row("--protocol", "real", "--recipe", str(recipe), "--frames", "2-3"), "the same each time"
    assert real["frames"] == 2 and real["bicubic_y"]["psnr"] < clean["bicubic_y"]["psnr"] - 0.5
    assert main(["evaluate", str(checkpoint), str(clip), "--recipe", str(recipe)]) == 2
    recipe.write_text("[degradation]\nkind = 'clean'\n")
    assert main(["evaluate", str(checkpoint), str(clip), "--protocol", "real", "--recipe", str(recipe)]) == 2
    assert "degrades nothing" in capsys.readouterr().err


def test_a_mean_of_views_is_told_and_scored(
    checkpoint: Path, clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the bilinear picture, which every view gives alike. However long it takes, a script reads figures alone."""
    monkeypatch.setattr("vsrpp_core.cli.shared.console.PLAIN_SECONDS", 0)
    assert main(["evaluate", str(checkpoint), str(clip), "--ensemble", "8", "--json"]) == 0
    told = capsys.readouterr()
    (record,) = json.loads(told.out)
    assert "clip: 2 of" in told.err
    *_, alone = evaluate(checkpoint, [clip], Options())
    assert isinstance(alone, ClipScores) and record["ensemble"] == 8
    assert record["ki_y"]["psnr"] == pytest.approx(alone.ki_y.psnr, abs=1e-2)
    assert main(["evaluate", str(checkpoint), str(clip), "--ensemble", "2"]) == 0
    assert "mean of 2 views" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("frames", "status"), [("9-3", 2), ("9" * 30, 2), ("0", 2), ("20-30", 1)])
def test_frames_that_are_not_there_are_told(
    checkpoint: Path, clip: Path, capsys: pytest.CaptureFixture[str], frames: str, status: int
) -> None:
    assert main(["evaluate", str(checkpoint), str(clip), "--frames", frames]) == status
    assert ("has no frame 20" if status == 1 else f"--frames {frames}") in capsys.readouterr().err


def test_the_worst_frames_are_named_and_shown(tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = (str(write_checkpoint(tmp_path / f"{adds}.pth", adds)) for adds in (0.0, 3.0))
    crops, table = tmp_path / "new" / "crops", tmp_path / "a.csv"
    options = ["--frames", "2-3", "--worst", "1", "--crops", str(crops), "--csv", str(table)]
    assert main(["evaluate", one, two, str(clip), str(clip), *options, "--json"]) == 0
    rows = [row for row in json.loads(capsys.readouterr().out) if row["clip"] != "mean"]
    assert [Path(row["sheet"]).name for row in rows] == [
        f"{stem}-clip{mark}.png" for stem in ("0.0", "3.0") for mark in ("", "-2")
    ]
    psnrs = [float(psnr(_y(bilinear(downscaled(scene(n)))), _y(scene(n)))) for n in (1, 2)]
    (worst,) = rows[0]["worst"]
    assert worst["ki_psnr"] == pytest.approx(min(psnrs)) and worst["frame"] == 2 + psnrs.index(min(psnrs))
    assert rows[2]["worst"][0]["bicubic_psnr"] > 0, "also of the second network"
    assert all(read_image(Path(row["sheet"])).shape[1] > 3 * WIDTH for row in rows)
    assert table.read_text().splitlines()[1].endswith(f",{worst['frame']},{rows[0]['sheet']},BI,0,1")
    assert main(["evaluate", one, str(clip), "--frames", "2-3", "--crops", str(crops)]) == 0
    told = capsys.readouterr().out
    assert f"no. {worst['frame']}" in told and (crops / "clip.png").exists()


def test_a_picture_that_cannot_be_written_costs_no_scores(
    checkpoint: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clip.png").mkdir()
    assert main(["evaluate", str(checkpoint), str(clip), "--crops", str(tmp_path), "--json"]) == 1
    told = capsys.readouterr()
    (row,) = json.loads(told.out)
    assert row["sheet"] == "" and len(row["worst"]) == 1 and "clip.png could not be written" in told.err
    (tmp_path / "file").touch()
    assert main(["evaluate", str(checkpoint), str(clip), "--crops", str(tmp_path / "file")]) == 1
    assert main(["evaluate", str(checkpoint), str(clip), "--worst", "3"]) == 2
    assert main(["evaluate", str(checkpoint), str(clip), "--worst", "0", "--crops", str(tmp_path)]) == 2


def test_another_scale_has_its_own_lr_and_bicubic(tmp_path: Path, clip: Path) -> None:
    four = write_checkpoint(tmp_path / "four.pth", 0.0, scale=4)
    (row,) = (step for step in run(four, [clip]) if isinstance(step, ClipScores))
    truth = [scene(index)[:32] for index in range(FRAMES)]
    bicubic = plain_scores([upscaled(downscaled(frame, 4), 4) for frame in truth], truth, border=0)
    assert (row.bicubic_y, row.bicubic_rgb) == bicubic
    three = write_checkpoint(tmp_path / "three.pth", 0.0)
    with pytest.raises(VsrppError, match="of scales 3 and 4, whose LR frames differ"):
        next(compare([four, three], [clip], Options()))
    network_files.write_checkpoint(one := tmp_path / "one.pth", scale=1)
    with pytest.raises(VsrppError, match="LR frames of BI are the ground truth; use --protocol real"):
        next(compare([one], [clip], Options()))


def test_all_networks_are_opened_before_anything_is_scored(checkpoint: Path, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match=r"nowhere\.pth does not exist"):
        next(compare([checkpoint, tmp_path / "nowhere.pth"], [clip], Options()))


def test_a_window_repeats_the_frames_at_the_ends() -> None:
    def places(count: int) -> list[list[int]]:
        frames = [np.full((3, 3, 3), index, dtype=np.uint8) for index in range(count)]
        pairs = list(windows(frames, n_frames=5))
        assert [id(truth) for _, truth in pairs] == [id(frame) for frame in frames]
        return [stack[:, 0, 0, 0].tolist() for stack, _ in pairs]

    assert places(4) == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 3, 3]]
    assert places(1) == [[0, 0, 0, 0, 0]]


@pytest.mark.parametrize("n_frames", [1, 3, 5, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8])
def test_windows_are_those_of_the_whole_clip(count: int, n_frames: int) -> None:
    truth = [scene(index) for index in range(count)]
    stacks = [stack for stack, _ in windows(truth, n_frames)]
    wanted = plain_windows([downscaled(frame) for frame in truth], n_frames)
    assert len(stacks) == count and all(np.array_equal(a, b) for a, b in zip(stacks, wanted, strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_scores_are_those_of_the_whole_clip_in_memory_to_the_bit(tmp_path: Path, count: int) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint.pth", adds=3.0)
    truth = [scene(index) for index in range(count)]
    row = run(checkpoint, [write_clip(tmp_path / "clip", truth)])[-1]
    bicubic = plain_scores([upscaled(downscaled(frame)) for frame in truth], truth, border=0)
    ki = plain_scores(network_pictures(checkpoint, truth), truth, border=0)
    assert isinstance(row, ClipScores)
    scores = replace(row, bicubic_flicker=None, ki_flicker=None)
    assert scores == ClipScores("clip", count, bicubic[0], ki[0], bicubic[1], ki[1])


def test_no_more_than_a_window_of_frames_is_held(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[weakref.ref[Frame]] = []

    def read_one(path: Path) -> Frame:
        frame = read_image(path).copy()
        read.append(weakref.ref(frame))
        return frame

    monkeypatch.setattr("vsrpp_core.apply.evaluate.read_image", read_one)
    ahead, held = [], []
    for step in evaluate(checkpoint, [write_clip(tmp_path / "clip", [scene(0)] * 9)], Options()):
        if isinstance(step, EvaluationProgress):
            ahead.append(len(read) - step.done)
            held.append(sum(frame() is not None for frame in read))
    ahead = [count - 1 for count in ahead]  # one is read before, for its size
    assert ahead == [2, 2, 2, 2, 2, 2, 2, 1, 0] and max(held) <= 3


@pytest.mark.parametrize(("estimate", "totals"), [(9, [9, 9, 9, 9]), (2, [2, 2, 3, 4]), (0, [0, 0, 0, 0])])
def test_a_video_s_total_is_its_estimate_never_less_than_done(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, estimate: int, totals: list[int]
) -> None:
    info = reading.VideoInfo(WIDTH, HEIGHT, frames=estimate, fps=25.0, duration=0.0, pixel_aspect=1.0)
    monkeypatch.setattr(reading, "probe", lambda path: info)
    monkeypatch.setattr(reading, "frames", lambda path: (scene(index) for index in range(FRAMES)))
    *progress, row = run(checkpoint, [Path("film.mkv")])
    assert progress == [EvaluationProgress("film.mkv", n + 1, total) for n, total in enumerate(totals)]
    assert isinstance(row, ClipScores) and row.frames == FRAMES


def test_a_video_is_scored_as_its_frames_are(checkpoint: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mkv", [scene(0)[:32], scene(1)[:32]])
    *progress, row = run(checkpoint, [film])
    assert progress == [EvaluationProgress("film.mkv", done, 2) for done in (1, 2)]
    same = run(checkpoint, [write_clip(tmp_path / "film", list(reading.frames(film)))])[-1]
    assert isinstance(same, ClipScores) and row == replace(same, clip="film.mkv")
    film.write_bytes(film.read_bytes()[:-5])
    told = run(checkpoint, [film])[0]
    assert isinstance(told, WarningRaised) and "5 bytes are missing at its end" in told.message


def write_video(path: Path, frames: list[Frame]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def test_a_perfect_frame_counts_the_ceiling_and_the_scores_stay_json(checkpoint: Path, tmp_path: Path) -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    (alone,) = run(checkpoint, [write_clip(tmp_path / "scene", [scene(0)])])[-1:]
    (row,) = run(checkpoint, [write_clip(tmp_path / "clip", [scene(0), black])])[-1:]
    assert isinstance(alone, ClipScores) and isinstance(row, ClipScores)
    for half, whole in ((row.bicubic_y, alone.bicubic_y), (row.bicubic_rgb, alone.bicubic_rgb)):
        assert half == Score((whole.psnr + 100.0) / 2, (whole.ssim + 1.0) / 2)
    assert json.loads(json.dumps(asdict(mean_scores([row])), allow_nan=False))["ki_y"] == asdict(row.ki_y)


@pytest.fixture
def tf32_allowed() -> Iterator[None]:
    """torch's own choice for cudnn; the switches are global, so they are put back."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = True
    yield
    cudnn.allow_tf32, matmul.allow_tf32 = before


@pytest.mark.usefixtures("tf32_allowed")
def test_fp32_is_not_tf32(checkpoint: Path, clip: Path) -> None:
    run(checkpoint, [clip])
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


def test_each_clip_counts_the_same_in_the_mean() -> None:
    one, two = Score(20.0, 0.5), Score(30.0, 0.75)
    mean = mean_scores([ClipScores("a", 1, one, two, one, one), ClipScores("b", 9, two, two, one, two)])
    assert (mean.clip, mean.frames) == ("mean", 10)
    assert (mean.bicubic_y, mean.ki_y, mean.bicubic_rgb) == (Score(25.0, 0.625), two, one)


def fits_only(monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    """From here on the network runs out of memory with more LR pixels than these."""
    forward = VSRBidirectional3x.forward

    def limited(self: VSRBidirectional3x, frames: torch.Tensor) -> torch.Tensor:
        if frames.shape[-1] * frames.shape[-2] > pixels:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, frames)

    monkeypatch.setattr(VSRBidirectional3x, "forward", limited)


def test_frames_that_do_not_fit_are_scored_the_same_in_tiles_and_it_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint.pth", adds=3.0)
    clips = [write_clip(tmp_path / name, [np.tile(scene(n), (6, 5, 1)) for n in range(2)]) for name in ("a", "b")]
    whole = [step for step in run(checkpoint, clips) if isinstance(step, ClipScores)]
    fits_only(monkeypatch, 40 * 41)
    steps = run(checkpoint, clips)
    (warning,) = [step.message for step in steps if isinstance(step, WarningRaised)]
    assert "LR frames of 60x66" in warning and "tiles of at most 30x33" in warning
    tiled = [step for step in steps if isinstance(step, ClipScores)]
    for one, other in zip(tiled, whole, strict=True):
        assert one.ki_rgb.psnr == pytest.approx(other.ki_rgb.psnr, abs=1e-3)
        assert one.ki_y.ssim == pytest.approx(other.ki_y.ssim, abs=1e-4) and one.bicubic_y == other.bicubic_y


def test_frames_that_do_not_fit_in_tiles_either_are_an_error(
    checkpoint: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits_only(monkeypatch, 0)
    with pytest.raises(VsrppError, match=r"too little free memory for .*clip, LR frames of 12x11, even in tiles"):
        run(checkpoint, [clip])


@pytest.mark.parametrize("border", [-1, 12, 400])
def test_a_border_that_does_not_fit_is_refused(checkpoint: Path, clip: Path, border: int) -> None:
    with pytest.raises(VsrppError, match=f"--border {border} does not fit"):
        run(checkpoint, [clip], border)


def test_the_widest_border_that_fits_is_fine(checkpoint: Path, clip: Path) -> None:
    assert isinstance(run(checkpoint, [clip], border=11)[-1], ClipScores)


@pytest.mark.parametrize("border", [0, 3])
@pytest.mark.parametrize(("width", "height"), [(60, 11), (11, 60), (2, 2), (1, 60)])
def test_frames_too_small_to_score_are_refused(
    checkpoint: Path, tmp_path: Path, width: int, height: int, border: int
) -> None:
    folder = write_clip(tmp_path / "clip", [np.zeros((height, width, 3), dtype=np.uint8)])
    with pytest.raises(VsrppError, match=f"clip holds frames of {width}x{height} pixels; scoring needs .* 12x12$"):
        run(checkpoint, [folder], border)


def test_the_smallest_frames_that_can_be_scored_are_fine(checkpoint: Path, tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "clip", [np.zeros((12, 14, 3), dtype=np.uint8)])
    assert isinstance(run(checkpoint, [folder])[-1], ClipScores)


def test_a_folder_without_frames_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(VsrppError, match="empty holds no frames"):
        run(checkpoint, [tmp_path / "empty"])


def test_frames_of_different_sizes_are_refused(checkpoint: Path, clip: Path) -> None:
    Image.new("RGB", (60, 60)).save(clip / "9999.png")
    with pytest.raises(VsrppError, match=r"9999\.png is 60x60, unlike most"):
        run(checkpoint, [clip])


def test_companions_and_the_lengths_of_numbers_change_nothing(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint.pth", adds=3.0)
    pictures = [np.roll(scene(0), 3 * index, 0) for index in range(11)]
    padded, short = write_clip(tmp_path / "padded", pictures), tmp_path / "short"
    short.mkdir()
    for number, file in enumerate(sorted(padded.iterdir()), start=1):
        file.rename(short / f"frame{number}.png")
    padded.rmdir()
    write_clip(padded, pictures)
    for name in ("._frame1.png", ".DS_Store", "Thumbs.db"):
        (short / name).write_bytes(b"\0\5\x16\7")
    one, two = run(checkpoint, [padded])[-1], run(checkpoint, [short])[-1]
    assert isinstance(one, ClipScores) and replace(one, clip="short") == two


def test_what_is_odd_about_a_clip_is_told_and_a_film_in_it_refused(checkpoint: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip", [scene(index) for index in range(6)])
    sorted(clip.iterdir())[3].unlink()
    (clip / "frames.exr").touch()
    told = [step.message for step in run(checkpoint, [clip]) if isinstance(step, WarningRaised)]
    assert len(told) == 2 and "frames.exr" in told[0] and "1 missing between" in told[1]
    (clip / "film.mkv").touch()
    with pytest.raises(VsrppError, match=r"clip holds videos \(film\.mkv\)"):
        run(checkpoint, [clip])


def test_of_several_clips_a_bad_one_does_not_stop_the_others(tmp_path: Path, clip: Path) -> None:
    networks = [write_checkpoint(tmp_path / f"{adds}.pth", adds) for adds in (0.0, 3.0)]
    bad = write_clip(tmp_path / "bad", [scene(0)])
    (bad / "9.png").write_bytes(b"no image")
    steps = [(path, step) for path, step in compare(networks, [bad, clip], Options())]
    failed = [(path, step.clip, step.place) for path, step in steps if isinstance(step, ClipFailed)]
    assert failed == [(networks[0], "bad", 0)]
    assert [(path, step.clip) for path, step in steps if isinstance(step, ClipScores)] == [
        (path, "clip") for path in networks
    ]


def test_a_clip_that_does_not_exist_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match=r"nowhere\.mp4"):
        run(checkpoint, [tmp_path / "nowhere.mp4"])


def test_a_checkpoint_that_does_not_exist_is_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(VsrppError, match="does not exist"):
        run(tmp_path / "nowhere.pth", [clip])
