import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.helpers import break_png, files_of_at_most, make_event
from vsrpp_core.messages import events as ev
from vsrpp_core.sinks.tensorboard import TensorBoardSink

PROMISED = """
    Loss/L1 Loss/MS Loss/Grad Loss/Total
    Training/LearningRate
    Adaptive/L1_Weight Adaptive/MS_Weight Adaptive/Grad_Weight Adaptive/GradientClip Adaptive/AggressiveMode
    Quality/LR_Quality Quality/KI_Quality Quality/Improvement
    Metrics/LR_PSNR Metrics/LR_SSIM Metrics/KI_PSNR Metrics/KI_SSIM
    System/VRAM_GB System/Speed_s_per_iter
    System/Temperature_C System/Power_W System/Clock_MHz System/Throttled
    Gradients/TotalNorm
    Activity/Backward_Trunk_Avg Activity/Forward_Trunk_Avg
    LR_Schedule/Phase
    Events/Checkpoints Events/Marks
"""


def write(run: Path, events: list[ev.Event], first_step: int = 0) -> EventAccumulator:
    sink = TensorBoardSink(run / "logs", run, every=10, first_step=first_step)
    for event in events:
        sink.handle(event)
    sink.close()
    return EventAccumulator(str(run / "logs")).Reload()


def steps(written: EventAccumulator, tag: str) -> list[int]:
    return [point.step for point in written.Scalars(tag)]


def value(written: EventAccumulator, tag: str) -> float:
    return float(written.Scalars(tag)[-1].value)


@pytest.fixture(autouse=True)
def _every_file_a_second_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard reads files by name; those of one second it would number, and 10 comes before 9."""
    seconds = itertools.count(1_700_000_000)
    clock = SimpleNamespace(time=lambda: next(seconds))
    monkeypatch.setattr("tensorboard.summary.writer.event_file_writer.time", clock)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (9, 6), (200, 10, 30)).save(tmp_path / "pictures" / "walk_3.png")
    return tmp_path


def test_the_tags_are_exactly_the_promised_ones(run: Path) -> None:
    known: dict[type[ev.Event], dict[str, Any]] = {
        ev.ComparisonWritten: {"path": "pictures/walk_3.png"},
        ev.StepReported: {"step": 10},
    }
    kinds = sorted(ev.EVENT_TYPES.values(), key=lambda kind: kind is ev.StepReported)  # which has the card's too
    events = [make_event(kind, **known.get(kind, {})) for kind in kinds]
    shown = [make_event(ev.ComparisonWritten, path="pictures/walk_3.png"), make_event(ev.ValidationFinished)]
    written = write(run, [*events, *shown])
    assert sorted(written.Tags()["scalars"]) == sorted(PROMISED.split())
    assert written.Tags()["images"] == ["Validation/Comparison"]
    assert written.Tags()["tensors"] == ["Events/Marks/text_summary"]


def test_figures_are_written_under_their_own_names(run: Path) -> None:
    step = make_event(ev.StepReported, step=20, memory_used=3 * 2**29, aggressive=True)
    validation = make_event(ev.ValidationFinished, lr_quality=0.25, ki_quality=0.75)
    activity = make_event(ev.ActivityMeasured, backward_trunk=(1.0, 2.0), forward_trunk=(4.0,))
    written = write(run, [step, validation, activity])
    assert value(written, "Loss/MS") == step.loss_ms and value(written, "Gradients/TotalNorm") == step.gradient_norm
    assert value(written, "System/VRAM_GB") == 1.5 and value(written, "Adaptive/AggressiveMode") == 1.0
    assert value(written, "Quality/Improvement") == 0.5 and value(written, "Metrics/KI_SSIM") == validation.ki_ssim
    assert value(written, "Activity/Backward_Trunk_Avg") == 1.5 and value(written, "Activity/Forward_Trunk_Avg") == 4.0


def test_steps_are_written_at_their_cadence(run: Path) -> None:
    written = write(run, [make_event(ev.StepReported, step=step) for step in range(1, 31)])
    assert steps(written, "Loss/L1") == [10, 20, 30]


def test_the_pictures_of_a_validation_are_written_below_each_other(run: Path) -> None:
    shown = [make_event(ev.ComparisonWritten, path="pictures/walk_3.png", step=50)] * 2
    written = write(run, [*shown, make_event(ev.ValidationFinished, step=50)])
    (picture,) = written.Images("Validation/Comparison")
    assert (picture.step, picture.width, picture.height) == (50, 9, 12)


def test_pictures_of_an_aborted_validation_are_forgotten(run: Path) -> None:
    shown = make_event(ev.ComparisonWritten, path="pictures/walk_3.png")
    written = write(run, [shown, make_event(ev.ValidationAborted), shown, make_event(ev.ValidationFinished)])
    (picture,) = written.Images("Validation/Comparison")
    assert picture.height == 6


def points(first: int, last: int) -> list[ev.Event]:
    return [make_event(ev.StepReported, step=step) for step in range(first, last, 10)]


def test_a_resumed_curve_has_one_branch(run: Path) -> None:
    write(run, points(10, 60))
    assert steps(write(run, points(40, 80), first_step=30), "Loss/L1") == [10, 20, 30, 40, 50, 60, 70]


def test_a_rollback_leaves_one_branch_too(tmp_path: Path) -> None:
    back = ev.RolledBack(step=60, to_step=30, checkpoint="checkpoint_step_30.pth", factor=0.5, reason="")
    assert steps(write(tmp_path, [*points(10, 61), back, *points(40, 51)]), "Loss/L1") == [10, 20, 30, 40, 50]


def test_a_mark_stands_at_its_step_with_its_text(run: Path) -> None:
    written = write(run, [ev.MarkPlaced(step=40, text="brighter footage from here")])
    assert steps(written, "Events/Marks") == [40]
    (note,) = written.Tensors("Events/Marks/text_summary")
    assert note.step == 40 and note.tensor_proto.string_val[0].decode() == "brighter footage from here"


def test_after_a_full_disk_the_curves_go_on(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def step(number: int) -> ev.Event:
        return make_event(ev.StepReported, step=number)

    sink = TensorBoardSink(run / "logs", run, every=10, first_step=0)
    sink._writer.flush()
    with files_of_at_most(0):
        with pytest.raises(OSError):
            for number in range(10, 10_000, 10):
                sink.handle(step(number))
                sink._writer.flush()
        sink.miss(make_event(ev.RolledBack, to_step=20))
        with pytest.raises(OSError):
            sink.retry()
    sink.retry()
    sink.handle(step(30))
    sink.close()
    written = EventAccumulator(str(run / "logs")).Reload()
    assert steps(written, "Loss/L1") == [30] and len(list((run / "logs").iterdir())) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_a_picture_that_is_damaged_is_told_as_any_failure_of_a_sink(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.effect_noise((9, 9), 9).save(tmp_path / "pictures" / "walk_3.png")
    break_png(tmp_path / "pictures" / "walk_3.png")
    with pytest.raises(OSError, match="broken PNG"):
        write(tmp_path, [make_event(ev.ComparisonWritten, path="pictures/walk_3.png")])
