"""TensorBoard: the promised tags, every 100 steps, on validation and on checkpoints."""

import contextlib
import errno
import math
import os
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.cadence import Cadence
from vsrpp_core.run.files import TEMPORARY_PREFIX
from vsrpp_core.run.pictures.pillow_errors import UNREADABLE

ROOM = 16 * 2**10
"""Bytes that must be free for a new file."""


class TensorBoardSink:
    """Writes scalars and comparison pictures under ``logs/``."""

    def __init__(self, logs: Path, run: Path, every: int, first_step: int) -> None:
        """``first_step``: points a crashed session wrote beyond it are hidden, so a resumed curve has one branch."""
        self.path, self._run, self._steps = logs, run, Cadence("cadence.tensorboard_every", every)
        self._opened: SummaryWriter | None = None
        """By the first event: what stands in its place is reported like a disk that fails."""
        self._first_step = first_step
        self._comparisons: list[NDArray[np.uint8]] = []
        self._card: ev.CardMeasured | None = None
        self._other_hook, threading.excepthook = threading.excepthook, self._thread_ended

    def handle(self, event: ev.Event) -> None:
        self._steps.follow(event)
        writer = self._writer
        match event:
            case ev.CardMeasured():
                self._card = event
            case ev.StepReported() if self._steps.is_due(event.step):
                self._scalars(event.step, {**_step_scalars(event), **_card_scalars(self._card)})
            case ev.ActivityMeasured():
                self._scalars(event.step, _activity_scalars(event))
            case ev.ValidationFinished():
                self._scalars(event.step, _validation_scalars(event))
                self._write_comparisons(event.step)
            case ev.ValidationAborted():
                self._comparisons.clear()
            case ev.CheckpointSaved():
                self._scalars(event.step, {"Events/Checkpoints": 1.0})
            case ev.MarkPlaced():
                self._scalars(event.step, {"Events/Marks": 1.0})
                writer.add_text("Events/Marks", event.text, event.step)
            case ev.ComparisonWritten():
                self._comparisons.append(_read_rgb(self._run / event.path))
            case ev.RolledBack():
                self._first_step = event.to_step
                writer.close()
                self._opened = None

    def miss(self, event: ev.Event) -> None:
        """What the run has gone back behind is hidden by the next file."""
        if isinstance(event, ev.RolledBack):
            self._first_step = event.to_step
        self._steps.follow(event)

    def retry(self) -> None:
        """Continue in a new file: TensorBoard reads it after the one that ends torn."""
        if self._opened:
            _try_room(self.path)
            with contextlib.suppress(OSError):  # of what could not be written before
                self._opened.close()
        self._opened = None
        self._comparisons.clear()

    def close(self) -> None:
        try:
            if self._opened:
                self._opened.close()
        finally:
            threading.excepthook = self._other_hook

    def _thread_ended(self, ended: threading.ExceptHookArgs) -> None:
        """A full disk ends the thread that writes. The next event says why; a traceback would garble a screen."""
        is_of_tensorboard = type(ended.thread).__module__.startswith("tensorboard.")
        if not (is_of_tensorboard and isinstance(ended.exc_value, OSError)):
            self._other_hook(ended)

    @property
    def _writer(self) -> SummaryWriter:
        if self._opened is None:
            purge = self._first_step + 1 if self._first_step else None
            try:
                self._opened, self._first_step = SummaryWriter(str(self.path), purge_step=purge, flush_secs=10), 0
            except UnicodeError as error:  # TensorBoard takes no other names
                raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), self.path) from error
        return self._opened

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        for tag, value in values.items():
            self._writer.add_scalar(tag, value, step)

    def _write_comparisons(self, step: int) -> None:
        """The pictures of one validation as one, below each other, black beside those of narrower pairs."""
        if self._comparisons:
            widest = max(picture.shape[1] for picture in self._comparisons)
            padded = (np.pad(p, ((0, 0), (0, widest - p.shape[1]), (0, 0))) for p in self._comparisons)
            sheet = np.concatenate(list(padded))
            self._writer.add_image("Validation/Comparison", sheet, step, dataformats="HWC")
            self._comparisons.clear()


def _try_room(folder: Path) -> None:
    """OSError where a few kilobytes cannot be written: each writer that fails would leave a file and a thread."""
    probe = folder / f"{TEMPORARY_PREFIX}room"
    try:
        probe.write_bytes(bytes(ROOM))
    finally:
        probe.unlink(missing_ok=True)


def _read_rgb(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except UNREADABLE as error:
        raise OSError(errno.EIO, str(error), path) from error


def _step_scalars(event: ev.StepReported) -> dict[str, float]:
    return {
        "Loss/L1": event.loss_l1,
        "Loss/MS": event.loss_ms,
        "Loss/Grad": event.loss_grad,
        "Loss/Total": event.loss_total,
        "Training/LearningRate": event.learning_rate,
        "Adaptive/L1_Weight": event.weight_l1,
        "Adaptive/MS_Weight": event.weight_ms,
        "Adaptive/Grad_Weight": event.weight_grad,
        "Adaptive/GradientClip": event.clip_norm,
        "Adaptive/AggressiveMode": float(event.aggressive),
        "System/VRAM_GB": event.memory_used / 2**30,
        "System/Speed_s_per_iter": event.seconds_per_step,
        "Gradients/TotalNorm": event.gradient_norm,
        "LR_Schedule/Phase": float(event.lr_phase),
    }


def _card_scalars(card: ev.CardMeasured | None) -> dict[str, float]:
    """What the driver says; nothing where it says nothing."""
    if card is None:
        return {}
    values = {
        "System/Temperature_C": card.temperature,
        "System/Power_W": card.power,
        "System/Clock_MHz": card.clock / 1e6,
        "System/Throttled": float(bool(card.throttled)),
    }
    return {tag: value for tag, value in values.items() if math.isfinite(value)}


def _activity_scalars(event: ev.ActivityMeasured) -> dict[str, float]:
    return {
        "Activity/Backward_Trunk_Avg": float(np.mean(event.backward_trunk)),
        "Activity/Forward_Trunk_Avg": float(np.mean(event.forward_trunk)),
    }


def _validation_scalars(event: ev.ValidationFinished) -> dict[str, float]:
    return {
        "Quality/LR_Quality": event.lr_quality,
        "Quality/KI_Quality": event.ki_quality,
        "Quality/Improvement": event.ki_quality - event.lr_quality,
        "Metrics/LR_PSNR": event.lr_psnr,
        "Metrics/LR_SSIM": event.lr_ssim,
        "Metrics/KI_PSNR": event.ki_psnr,
        "Metrics/KI_SSIM": event.ki_ssim,
    }
