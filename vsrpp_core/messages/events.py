"""Everything a session can say, on one page.

Events are frozen dataclasses of numbers, strings and tuples of them: never tensors, never paths that
only one machine understands as objects. A screen, a log file and TensorBoard are all built from
them alone, so a journal of events rebuilds what was seen. Units: seconds, bytes, dB; steps are optimizer
steps counted from 1; ``time`` is seconds since the Unix epoch.
"""

import math
import time as _time
from dataclasses import dataclass, field
from typing import Literal

from vsrpp_core.messages.kinds import (
    Adaptation,
    Alignment,
    Checkpointing,
    CheckpointKind,
    CommandName,
    ComputePrecision,
    DeviceKind,
    RateShape,
    RunPhase,
    SettingValue,
    ThrottleReason,
    TuneFault,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events; ``time`` is filled in where the event is made."""

    time: float = field(default_factory=_time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationProgressed(Event):
    """Work before the first step: making the demo dataset, reading a checkpoint, tuning."""

    task: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBranched(Event):
    """The first of a journal: the run goes on from a checkpoint of another. Its ancestors' come before its own."""

    parent: str
    """The other run's folder."""
    checkpoint: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(Event):
    """The session is wired and about to train; everything that stays constant during it."""

    run: str
    data: str
    version: str
    device: str
    device_memory: int
    """Bytes on the device (host memory when training on the CPU)."""
    precision: ComputePrecision
    precision_reason: str
    resumed_from: str
    """Name of the checkpoint file, or empty for a fresh run."""
    step: int
    max_steps: int
    steps_per_epoch: int
    train_samples: int
    val_samples: int
    n_feats: int
    n_blocks: int
    n_frames: int
    parameters: int
    batch_size: int
    accumulation: int
    lr_height: int
    lr_width: int
    validate_every: int
    checkpoint_every: int
    best_quality: float
    """Best validation quality so far, 0..1; 0 when nothing was validated yet."""
    best_step: int
    lr_max: float = 0.0
    """The planned learning rate: ``schedule.lr_max``, 0 in journals of versions that did not tell it."""
    lr_min: float = 0.0
    warmup_steps: int = 0
    schedule_factor: float = 1.0
    device_kind: DeviceKind | Literal[""] = ""
    """Empty in journals of versions that did not write it."""
    max_memory: float = 0.0
    """Largest share of the device's memory that auto-tune allows; 0 in journals of versions that did not write it."""
    alignment: Alignment = "none"
    rate_shape: RateShape = "cosine"
    rate_decay: float = 0.2
    init: str = ""
    """File of the weights that the run began with; empty where they were untrained."""
    reentered_at: int = 0
    """Last step of the run when it was complete and was given more steps; the rate rose once more from there."""
    finish_from: int = 0
    """Step from which the rate falls to its end (FinishBegan); 0 where the run was not asked to finish."""
    planned_steps: int = 0
    """``max_steps`` before that."""
    validate_minutes: float = 0.0
    """At least so many between two validations; 0 also in journals of versions that did not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseChanged(Event):
    """What the trainer is doing from now on."""

    phase: RunPhase
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReported(Event):
    """The figures of one optimizer step, read back together."""

    step: int
    epoch: int
    """Counted from 1."""
    epoch_step: int
    loss_l1: float
    loss_ms: float
    loss_grad: float
    loss_total: float
    weight_l1: float
    weight_ms: float
    weight_grad: float
    sharpness: float
    """mean |gradient| of the prediction over that of the target; 1 is as sharp as the ground truth."""
    aggressive: bool
    learning_rate: float
    lr_phase: int
    """0 warm-up, 1 cosine, 2 plateau-reduced."""
    gradient_norm: float
    clip_norm: float
    skipped_steps: int
    """Steps left out since the session began because loss or gradient was not finite."""
    seconds_per_step: float
    samples_per_second: float
    data_wait: float
    """Share of the time since the last report spent waiting for data, 0..1."""
    memory_used: int
    memory_peak: int
    memory_total: int
    """Device memory in bytes; on the CPU these are the process's resident memory and the host's total."""
    host_used: int
    host_total: int
    bicubic_sharpness: float = math.nan
    """The same of bicubic upscaling; NaN where it is not measured."""
    attained: float = math.nan
    """Sharpness lately, from bicubic's (0) to the best this network has shown (1); NaN where that is not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardMeasured(Event):
    """The card's health, as its driver says every few seconds of training; NaN where it does not."""

    step: int
    temperature: float
    """°C."""
    power: float
    """Watts, as is the limit."""
    power_limit: float
    clock: float
    """Of the multiprocessors, Hz, as is the highest."""
    clock_max: float
    throttled: tuple[ThrottleReason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CardThrottled(Event):
    """The card has begun to hold its clock down; said once in a spell for each reason."""

    step: int
    reasons: tuple[ThrottleReason, ...]
    temperature: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingBegan(Event):
    """The card has reached ``guard.max_temperature``: no step is taken until it has cooled to ``resume_at``."""

    step: int
    temperature: float
    max_temperature: float
    resume_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingEnded(Event):
    step: int
    temperature: float
    """Above ``resume_at`` where the user did not want to wait."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PassesTimed(Event):
    """``training.compile = auto`` has timed real steps: each way in turn, and which is kept."""

    step: int
    chosen: str
    ways: tuple[str, ...]
    """``off``, and what was tried beside it."""
    seconds: tuple[float, ...]
    """Of a step, each; NaN where a way failed. ``prepared``: that its first steps took longer, in all."""
    prepared: tuple[float, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadersAdded(Event):
    """The device had to wait for pictures, so more processes read (``data.workers = -1``)."""

    step: int
    workers: int
    waited: float
    """Share of the time lately, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochChanged(Event):
    """An epoch begins that shows other pairs than the last: some were added to the dataset, or weights were changed."""

    step: int
    """The last step of the epoch before."""
    epoch: int
    """The first that does."""
    added: int
    """Pairs that the epoch before did not have."""
    pairs: int
    """In all."""
    samples: int
    """Of an epoch from now on: its pairs, unless categories are weighted."""
    steps_per_epoch: int
    weights: str = ""
    """``data.weights`` of the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsAdapted(Event):
    """The loss weights changed."""

    step: int
    reason: Adaptation
    weight_l1: float
    weight_ms: float
    weight_grad: float
    sharpness: float
    aggressive: bool
    attained: float = math.nan
    """As in StepReported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRateReduced(Event):
    """A plateau was found; ``factor`` is the persistent factor from now on.

    It was found as quality gained ``gain`` +- ``uncertainty`` (0..1) in the newest ``validations``; 0 validations in
    journals of versions that judged the losses of batches.
    """

    step: int
    factor: float
    gain: float = 0.0
    uncertainty: float = 0.0
    validations: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishBegan(Event):
    """From ``step`` on the rate falls to ``schedule.lr_min``, reached at ``max_steps``, where the run ends."""

    step: int
    max_steps: int
    planned_steps: int
    """``max_steps`` before, to which it returns if this is taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishCancelled(Event):
    """The run is no longer asked to finish: rate and ``max_steps`` are as planned before."""

    step: int
    max_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateReentered(Event):
    """A complete run continues: from ``lr_min`` the rate rises to ``peak`` at ``peak_step`` and falls until the end."""

    step: int
    peak: float
    peak_step: int
    max_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityMeasured(Event):
    """Mean |feature| at the output of each residual block, in order of depth, and of the 1x1 fusions."""

    step: int
    backward_trunk: tuple[float, ...]
    forward_trunk: tuple[float, ...]
    fusions: tuple[float, ...]
    """backward_fuse, forward_fuse, fusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationProgressed(Event):
    step: int
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationFinished(Event):
    """Averages over each clip's samples, then over the clips. LR is the bicubic centre frame, KI the network's.

    ``clips`` is 1 in journals of versions that averaged over all samples at once.
    """

    step: int
    samples: int
    clips: int = 1
    seconds: float
    lr_psnr: float
    lr_ssim: float
    lr_quality: float
    ki_psnr: float
    ki_ssim: float
    ki_quality: float
    """0.7 clip((PSNR - 20) / 30, 0, 1) + 0.3 SSIM; 0..1."""
    is_best: bool
    best_quality: float
    best_step: int
    gain: float = 0.0
    """What the newest ``judged`` validations gained in quality, and how uncertain that is: less than that is a plateau
    once ``patience`` of them are known. Too few are 0."""
    uncertainty: float = 0.0
    judged: int = 0
    patience: int = 0
    agreement: float = math.nan
    """Of the gradients of successive steps: 1 where they are equal, 0 where they are noise, less where steps undo one
    another; NaN in journals of versions that did not measure it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLost(Event):
    """A validation after the warm-up was far below bicubic, or below the best of the run: it will not recover."""

    step: int
    ki_psnr: float
    """dB; NaN where the network gives no finite picture."""
    lr_psnr: float
    best_psnr: float
    """Of earlier validations; NaN where none is known."""
    lr_max: float
    """``schedule.lr_max`` that led there."""
    checkpoint: str
    """The run's best one, to resume from; empty where there is none."""

    @property
    def below(self) -> float:
        """dB below what the run should have; NaN where ``ki_psnr`` is."""
        return max(self.lr_psnr, -math.inf if math.isnan(self.best_psnr) else self.best_psnr) - self.ki_psnr


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationAborted(Event):
    step: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonWritten(Event):
    """A picture LR | KI | GT of one validation sample. Paths are relative to the run's folder."""

    step: int
    sample: str
    path: str
    """The next validation replaces it."""
    lr_psnr: float
    ki_psnr: float
    kept: str = ""
    """The same picture, until it is thinned out; empty where it was not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved(Event):
    step: int
    kind: CheckpointKind
    name: str
    """File name inside the run's folder."""
    size: int
    seconds: float
    is_best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFailed(Event):
    """Saving did not work (a full disk, say); the previous checkpoint is intact and training continues."""

    step: int
    kind: CheckpointKind
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack(Event):
    """Training could not continue from ``step`` and continues from an earlier checkpoint, slower."""

    step: int
    to_step: int
    checkpoint: str
    factor: float
    """What the learning rate is multiplied by from now on, plateaus counted in."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningStarted(Event):
    """Auto-tune begins to look for a network in this session; what it asks of one, and for which stacks."""

    device: str
    device_memory: int
    """Bytes."""
    precision: ComputePrecision
    max_seconds: float
    """Longest optimizer step."""
    max_memory: float
    """Largest share of the device's memory, 0..1."""
    min_effective_batch: int
    rungs: int
    """How many will be predicted."""
    n_frames: int
    lr_height: int
    lr_width: int
    attended: bool
    """Whether somebody can choose; otherwise the first that passes is taken at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationPredicted(Event):
    """What one rung of the auto-tune ladder will ask of the device, reported for all rungs before any is measured."""

    index: int
    """Counted from 1, the largest configuration first; 0 for sizes that the user thinks of (PredictByHand)."""
    n_feats: int
    n_blocks: int
    batch_size: int
    accumulation: int
    checkpointing: Checkpointing
    """The first of none, block and trunk that may fit; ``trunk`` where none may."""
    parameters: int
    predicted_seconds: float
    """Expected for one optimizer step; NaN where the device's speed is not known."""
    predicted_memory: int
    """Bytes, with this checkpointing."""
    verdict: str
    fault: TuneFault = ""
    """What rules it out, if anything."""
    is_preset: bool = False
    """Whether this is the small network for CPUs, which is offered below the ladder without being measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementStarted(Event):
    """A rung is being measured; its ConfigurationTried follows."""

    index: int
    checkpointing: Checkpointing


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationTried(Event):
    """One rung of the auto-tune ladder, measured or ruled out; a rung may be tried with each kind of checkpointing."""

    index: int
    n_feats: int
    n_blocks: int
    batch_size: int
    accumulation: int
    seconds_per_step: float
    """NaN when not measured."""
    memory_peak: int
    """Bytes; 0 when not measured."""
    passed: bool
    verdict: str
    checkpointing: Checkpointing = "none"
    predicted_seconds: float = math.nan
    predicted_memory: int = 0
    parameters: int = 0
    fault: TuneFault = ""
    """What it fails by; empty also in journals of versions that did not tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceOffered(Event):
    """The search waits for a decision; a later one replaces it."""

    index: int
    """The rung that is offered; 0 where none passes."""
    checkpointing: Checkpointing | Literal[""]
    seconds: float
    """After which it is taken by itself, counted from ``time``; 0 where it waits for the user."""
    advice: str
    """Where none passes: what came closest and what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChosen(Event):
    """The search has ended: this network is trained."""

    index: int
    """0 where the sizes were set by hand."""
    n_feats: int
    n_blocks: int
    batch_size: int
    accumulation: int
    checkpointing: Checkpointing
    found: str
    """In words: what was measured or predicted, where and when; as under ``tune.found`` in config.toml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswered(Event):
    """Every command is answered by exactly one of these, in the order the commands came."""

    command: CommandName
    accepted: bool
    message: str
    step: int
    number: int = 0
    """The ``number`` of the command; 0 in journals of versions that did not write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterChanged(Event):
    """A setting has another value from the next step on, or (``changes.AT_EPOCHS``) from the next epoch on."""

    step: int
    key: str
    old: SettingValue
    new: SettingValue


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPlaced(Event):
    """A note of the user's, to find a moment again; one line of text."""

    step: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningRaised(Event):
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """The last event of a session that ended as asked; ``checkpoint`` is the file to resume from."""

    reason: Literal["completed", "stopped"]
    step: int
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFailed(Event):
    """The last event of a session that broke; ``checkpoint`` is empty when nothing could be saved."""

    step: int
    error: str
    checkpoint: str
    may_pass: bool = False
    """Whether it may work a little later: after a fault of the device or a drive, or of memory that others took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPlanned(Event):
    """Said by a run's keeper after its session ended: it is started again in ``seconds``."""

    step: int
    """Of the newest good checkpoint; 0 where there is none and the run starts over."""
    attempt: int
    """Which restart in a row, from 1, of ``restarts``."""
    restarts: int
    seconds: float
    reason: str


EVENT_TYPES: dict[str, type[Event]] = {
    name: kind
    for name, kind in tuple(globals().items())
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}
"""Every event on this page, by its name."""
