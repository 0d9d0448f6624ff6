"""What VapourSynth is given is the same network, and the script feeds it the right frames.

VapourSynth itself is not needed: a clip stands in for its own, and the network's call is left out. What vs-mlrt makes
of the graph was tried by hand (docs/decisions).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.helpers import SHAPE, make_event
from tests.vsrpp_core.network_files import write_checkpoint
from vsrpp_core.apply.model_card import card_of
from vsrpp_core.apply.onnx_graph import network_graph
from vsrpp_core.apply.players import ForVapourSynth, export_for_vapoursynth
from vsrpp_core.checkpoint.stored_network import read_stored
from vsrpp_core.cli.main import main
from vsrpp_core.errors import UsageError
from vsrpp_core.messages.events import SessionStarted, ValidationFinished
from vsrpp_core.messages.journal import JournalWriter
from vsrpp_core.messages.kinds import Alignment
from vsrpp_core.network.model import VSRBidirectional3x

PLAIN = {"Add", "Concat", "Conv", "DepthToSpace", "Identity", "LeakyRelu", "Pad", "Slice", "Split", "Squeeze"}
FOR_ALIGNMENT = {"Cast", "Div", "Gather", "GridSample", "Max", "Mul", "Range", "ReduceL2", "ReduceSum", "Shape"} | {
    *("Softmax", "Sub", "Unsqueeze"),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ForVapourSynth:
    folder = tmp_path_factory.mktemp("players")
    write_checkpoint(folder / "checkpoint.pth", n_frames=5)
    return export_for_vapoursynth(folder / "checkpoint.pth", folder / "film", licence="CC0")


@pytest.mark.parametrize(("half", "most"), [(False, 1e-5), (True, 4e-3)])
@pytest.mark.parametrize("alignment", ["none", "local"])
def test_the_graph_of_planes_is_the_network(alignment: Alignment, half: bool, most: float) -> None:
    torch.manual_seed(1)
    model = VSRBidirectional3x(**SHAPE, alignment=alignment, slope=0.1, residual_scale=0.5).eval()
    graph = network_graph(model, "planes", half)
    onnx.checker.check_model(graph, full_check=True)
    assert {node.op_type for node in graph.graph.node} <= PLAIN | (FOR_ALIGNMENT if alignment == "local" else set())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for height, width in ((1, 1), (2, 3), (13, 10)):
        planes = torch.rand(1, 3 * SHAPE["n_frames"], height, width)
        with torch.inference_mode():
            expected = model(planes.unflatten(1, (-1, 3))).numpy()
        (picture,) = session.run(["output"], {"input": planes.numpy().astype(np.float16 if half else np.float32)})
        assert picture.shape == expected.shape
        assert np.abs(picture.astype(np.float32) - expected).max() < most


def test_its_sizes_are_open_and_its_names_those_that_programs_expect(exported: ForVapourSynth) -> None:
    graph = onnx.load(exported.onnx).graph
    (source,), (target,) = graph.input, graph.output
    sizes = [dim.dim_param or dim.dim_value for dim in source.type.tensor_type.shape.dim]
    assert (source.name, sizes, target.name) == ("input", [1, 15, "height", "width"], "output")


def test_the_verb_writes_a_folder_and_says_how_an_engine_is_made(
    exported: ForVapourSynth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = str(exported.onnx.parent.parent / "checkpoint.pth")
    assert main(["export", checkpoint, str(tmp_path / "old film"), "--for", "vapoursynth", "--half"]) == 0
    told = capsys.readouterr().out
    assert "trtexec '--onnx=old film.onnx' '--saveEngine=old film.engine' --minShapes=input:1x15x" in told
    assert sorted(file.suffix for file in (tmp_path / "old film").iterdir()) == [".md", ".onnx", ".vpy"]
    with pytest.raises(UsageError, match=r"old film\.onnx already exists; .*--overwrite"):
        export_for_vapoursynth(Path(checkpoint), tmp_path / "old film")
    assert main(["export", checkpoint, str(tmp_path / "n.onnx"), "--half"]) == 2
    assert "--half is for --for vapoursynth" in capsys.readouterr().err


# the model card


def test_a_card_knows_what_the_run_knows(exported: ForVapourSynth, tmp_path: Path) -> None:
    data = tmp_path / "old films"
    data.mkdir()
    (data / "videos.jsonl").write_text('{"category": "noir"}\n{"category": "noir"}\n{"category": "colour"}\n')
    source = tmp_path / "checkpoint.pth"
    write_checkpoint(source)
    with JournalWriter(tmp_path / "events.jsonl") as journal:
        for event in (
            make_event(SessionStarted, step=0, data=str(data), train_samples=1200, lr_width=180, lr_height=180),
            make_event(ValidationFinished, step=1200, ki_psnr=29.0),
            make_event(
                ValidationFinished, step=1234, ki_psnr=31.5, ki_ssim=0.91, lr_psnr=30.25, lr_ssim=0.88, samples=24
            ),
            make_event(SessionStarted, data="/elsewhere", step=2000),
        ):
            journal.handle(event)
    card = card_of(read_stored(source), source, "CC BY 4.0").markdown("film")
    assert "old films: 1,200 training pairs of 180×180 LR pixels, colour (1 video), noir (2 videos)" in card
    assert "31.50 dB PSNR and 0.9100 SSIM on 24 validation pairs, where bicubic has 30.25 dB and 0.8800" in card
    assert "| licence | CC BY 4.0 |" in card and str(tmp_path) not in card
    network = read_stored(source)
    restores = replace(network, form=network.form.model_copy(update={"scale": 1}))
    assert "where LR has 30.25 dB" in card_of(restores, source).markdown("film")


def test_a_card_of_a_network_alone_says_what_is_not_known(exported: ForVapourSynth) -> None:
    card = exported.card.read_text(encoding="utf-8")
    assert card.startswith("# film\n") and "| footage | not stated |" in card and "| licence | CC0 |" in card
    assert "1,234 steps" in card


# the script


@dataclass
class Clip:
    """Stands for one of VapourSynth's: frames are numbers, and what a filter measured."""

    frames: list[int]
    props: list[dict[str, float]] = field(default_factory=list)
    width: int = 8
    height: int = 8

    @property
    def num_frames(self) -> int:
        return len(self.frames)

    @property
    def std(self) -> "Clip":
        return self

    @property
    def resize(self) -> SimpleNamespace:
        return SimpleNamespace(Bilinear=lambda **_: self)

    def DuplicateFrames(self, frames: list[int]) -> "Clip":  # noqa: N802 - VapourSynth's name
        (again,) = frames
        return self._at([*range(again + 1), *range(again, self.num_frames)])

    def Trim(self, first: int = 0, length: int | None = None) -> "Clip":  # noqa: N802
        return self._at(list(range(self.num_frames))[first : None if length is None else first + length])

    def PlaneStats(self, other: "Clip") -> "Clip":  # noqa: N802
        """Frames of one scene have the same hundreds."""
        pairs = zip(self.frames, other.frames, strict=True)
        differences = [{"PlaneStatsDiff": 0.3 if one // 100 != two // 100 else 0.01} for one, two in pairs]
        return Clip(self.frames, [{**own, **more} for own, more in zip(self.props, differences, strict=True)])

    def FrameEval(self, chosen: Callable[..., "Clip"], prop_src: "Clip", clip_src: list["Clip"]) -> "Clip":  # noqa: N802
        frames = [SimpleNamespace(props=props) for props in prop_src.props]
        return Clip([chosen(n, frame).frames[n] for n, frame in enumerate(frames)], self.props)

    def _at(self, places: list[int]) -> "Clip":
        return Clip([self.frames[n] for n in places], [self.props[n] for n in places])


@pytest.fixture
def script(exported: ForVapourSynth, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the script defines, where a format is what was asked for."""
    vapoursynth = ModuleType("vapoursynth")
    core = SimpleNamespace(query_video_format=lambda *wanted: wanted)
    vapoursynth.__dict__.update(core=core, RGBS=0, RGBH=0, GRAY8=0, GRAY="grey", YUV="yuv", RGB="rgb", INTEGER=int)
    monkeypatch.setitem(sys.modules, "vapoursynth", vapoursynth)
    script: dict[str, Any] = {"__name__": "tried", "__file__": str(exported.script)}
    exec(compile(exported.script.read_text(encoding="utf-8"), str(exported.script), "exec"), script)
    return script


@pytest.fixture
def windows(script: dict[str, Any]) -> Callable[..., list[tuple[int, ...]]]:
    """For each frame the window that the script gives the network."""

    def of(frames: list[int], cuts: float = 0.0, marked: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
        props: list[dict[str, float]] = [{"_SceneChangePrev": int(n in marked)} for n in range(len(frames))]
        clips = script["neighbours"](Clip(frames, props), cuts)
        return list(zip(*(clip.frames for clip in clips), strict=True))

    return of


def test_the_script_repeats_frames_at_the_ends(windows: Callable[..., list[tuple[int, ...]]]) -> None:
    assert windows([0, 1, 2, 3]) == [(0, 0, 0, 1, 2), (0, 0, 1, 2, 3), (0, 1, 2, 3, 3), (1, 2, 3, 3, 3)]
    assert windows([0]) == [(0, 0, 0, 0, 0)]


def test_told_of_cuts_it_repeats_frames_there_too(windows: Callable[..., list[tuple[int, ...]]]) -> None:
    scenes = [0, 1, 200, 300, 301, 302]
    assert windows(scenes)[2] == (0, 1, 200, 300, 301)
    assert windows(scenes, cuts=0.1) == [
        (0, 0, 0, 1, 1),
        (0, 0, 1, 1, 1),
        (200, 200, 200, 200, 200),
        (300, 300, 300, 301, 302),
        (300, 300, 301, 302, 302),
        (300, 301, 302, 302, 302),
    ]
    assert windows([0, 1, 2, 3], cuts=0.5, marked=(2,))[1:3] == [(0, 0, 1, 1, 1), (2, 2, 2, 3, 3)]


@pytest.mark.parametrize(
    ("family", "chroma", "size", "stored"),
    [
        ("yuv", (1, 1), (96, 72), (1, 1)),
        ("yuv", (1, 0), (96, 75), (1, 0)),
        ("yuv", (2, 0), (96, 72), (1, 0)),
        ("yuv", (0, 1), (96, 72), (0, 0)),
        ("yuv", (1, 1), (99, 72), (0, 0)),
        ("grey", (0, 0), (96, 72), (1, 1)),
        ("grey", (0, 0), (96, 75), (0, 0)),
        ("rgb", (0, 0), (96, 72), (0, 0)),
    ],
)
def test_the_output_has_the_film_s_chroma_where_y4m_takes_it(
    script: dict[str, Any], family: str, chroma: tuple[int, int], size: tuple[int, int], stored: tuple[int, int]
) -> None:
    film = SimpleNamespace(color_family=family, subsampling_w=chroma[0], subsampling_h=chroma[1])
    assert script["stored"](film, Clip([], width=size[0], height=size[1])) == ("yuv", int, 10, *stored)


def test_whatever_a_folder_is_called_its_script_is_one(exported: ForVapourSynth, tmp_path: Path) -> None:
    checkpoint = exported.onnx.parent.parent / "checkpoint.pth"
    made = export_for_vapoursynth(checkpoint, tmp_path / "-a b\nraise SystemExit")
    text = made.script.read_text()
    compile(text, "script", "exec")
    assert "raise SystemExit\n" not in text and "$'./-a\\x20b\\x0araise" in text


def test_a_folder_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no name"):
        export_for_vapoursynth(tmp_path / "checkpoint.pth", Path("/"))
