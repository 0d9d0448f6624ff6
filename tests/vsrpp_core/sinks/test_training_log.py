from datetime import datetime
from pathlib import Path

import pytest

from tests.helpers import files_of_at_most, make_event
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.describe import describe
from vsrpp_core.messages.journal import GAP
from vsrpp_core.sinks.training_log import TrainingLog

SILENT = {
    ev.PreparationProgressed, ev.PhaseChanged, ev.StepReported, ev.CardMeasured, ev.WeightsAdapted, ev.ActivityMeasured,
    ev.ValidationProgressed, ev.ComparisonWritten, ev.MeasurementStarted,
}  # fmt: skip


def test_the_log_has_a_line_for_each_notable_event_with_its_time(tmp_path: Path) -> None:
    path, time = tmp_path / "training.log", datetime(2024, 2, 3, 4, 5, 6).timestamp()
    log = TrainingLog(path)
    log.handle(make_event(ev.StepReported))
    assert not path.exists(), "a run that has said nothing has no log"
    log.handle(make_event(ev.LearningRateReduced, step=1300, factor=0.5, validations=0, time=time))
    seen = {"validations": 20, "gain": -0.0001, "uncertainty": 0.0004}
    log.handle(make_event(ev.LearningRateReduced, step=9000, factor=0.25, time=time, **seen))
    log.write("Traceback: ü", time)
    log.close()
    assert path.read_text(encoding="utf-8").splitlines() == [
        "2024-02-03 04:05:06  step 1,300: plateau, learning rate x 0.5 from here on",
        "2024-02-03 04:05:06  step 9,000: plateau: 20 validations gained -0.010% quality, within their uncertainty of "
        "±0.040%, learning rate x 0.25 from here on",
        "2024-02-03 04:05:06  Traceback: ü",
    ]


def test_a_log_goes_on_where_the_last_session_ended(tmp_path: Path) -> None:
    for message in ("one", "two"):
        log = TrainingLog(tmp_path / "training.log")
        log.handle(make_event(ev.WarningRaised, message=message))
        log.close()
    lines = (tmp_path / "training.log").read_text().splitlines()
    assert [line.partition("  ")[2] for line in lines] == ["warning: one", "warning: two"]


@pytest.mark.parametrize("kind", ev.EVENT_TYPES.values(), ids=ev.EVENT_TYPES)
def test_progress_is_silent_and_everything_else_is_one_line(kind: type[ev.Event]) -> None:
    line = describe(make_event(kind)).in_full
    assert bool(line) is (kind not in SILENT) and "\n" not in line


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            make_event(
                ev.ConfigurationPredicted, index=3, n_feats=128, n_blocks=32, batch_size=4, accumulation=1,
                checkpointing="block", predicted_seconds=4.64, predicted_memory=6 * 2**30, verdict="may fit",
            ),
            "auto-tune predicts 3: 128 feature maps, 32 blocks, batch 4 x 1, checkpointing block: "
            "about 4.64 s a step and 6.0 GB, may fit",
        ),
        (
            make_event(ev.CheckpointSaved, step=8000, name="a.pth", kind="best", size=2_500_000, is_best=True),
            "step 8,000: saved a.pth (best, 2.5 MB)",
        ),
        (
            make_event(ev.CheckpointFailed, step=7, kind="recovery", error="No space left on device"),
            "step 7: NOT saved (recovery): No space left on device",
        ),
        (
            make_event(ev.WeightsAdapted, step=7, reason="aggressive mode began", sharpness=0.61),
            "step 7: aggressive mode began at sharpness 0.61, lately 950% of what it has shown",
        ),
        (
            make_event(ev.ValidationFinished, step=500, samples=72, clips=3, seconds=12.04, lr_psnr=28.0, lr_ssim=0.8,
                       ki_psnr=29.5, ki_ssim=0.85, ki_quality=0.47, is_best=False),
            "step 500: validation KI 29.50 dB, +1.50 dB over LR; LR 28.00 dB / 0.8000, KI 29.50 dB / 0.8500, "
            "quality 47.0%; 72 samples of 3 clips in 12.0 s",
        ),
        (
            make_event(ev.ValidationFinished, step=500, samples=72, clips=1, seconds=12.04, lr_psnr=28.0, lr_ssim=0.8,
                       ki_psnr=29.5, ki_ssim=0.85, ki_quality=0.47, is_best=True),
            "step 500: validation KI 29.50 dB, +1.50 dB over LR, new best; LR 28.00 dB / 0.8000, KI 29.50 dB / 0.8500, "
            "quality 47.0%; 72 samples in 12.0 s",
        ),
        (make_event(ev.SessionFailed, step=7, error="oh", checkpoint=""), "failed at step 7: oh"),
        (make_event(ev.SessionFailed, step=7, error="oh", checkpoint="e"), "failed at step 7: oh; e holds the run"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_lines_read_well(event: ev.Event, line: str) -> None:
    assert describe(event).in_full == line


def test_after_a_full_disk_it_goes_on_in_a_new_line(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "training.log")
    log.handle(make_event(ev.WarningRaised, message="a"))
    with files_of_at_most((tmp_path / "training.log").stat().st_size + 8):
        with pytest.raises(OSError):
            log.handle(make_event(ev.WarningRaised, message="b"))
        with pytest.raises(OSError):
            log.retry()
    log.retry()
    log.handle(make_event(ev.WarningRaised, message="c"))
    log.close()
    lines = (tmp_path / "training.log").read_text().splitlines()
    assert [line[21:] for line in lines] == ["warning: a", "", *[f"warning: {GAP}"] * 2, "warning: c"]
