"""The settings of a run: one typed, frozen model, read from and written to ``config.toml``.

Separate from whatever uses it so that a screen or a command line can show, check and change settings without
loading torch. Every setting has a range, a unit where it needs one, and a sentence saying what it does.
"""

import shlex
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, Self

import tomlkit
from pydantic import BaseModel, Field, field_validator, model_validator
from tomlkit.container import OutOfOrderTableProxy
from tomlkit.items import InlineTable, Item, Table

from vsrpp_core.errors import os_errors
from vsrpp_core.messages.kinds import Alignment, Checkpointing, ComputePrecision, PassKind, RateShape
from vsrpp_core.run.category_weights import read_weights
from vsrpp_core.run.files import read_text, write_text_atomically
from vsrpp_core.run.names import in_home
from vsrpp_core.run.settings import RuleError, Section, Settings, read_toml

Precision = Literal["auto", ComputePrecision]
CacheKind = Literal["none", "memory", "disk"]

Compile = Literal["off", PassKind, "auto"]

SharpnessScale = Literal["attainable", "absolute"]

LIVE = (
    "data.weights",
    "training.max_steps",
    "training.max_skipped",
    "training.max_rollbacks",
    "schedule.*",
    "loss.l1",
    "loss.ms",
    "loss.grad",
    "loss.adaptive",
    "loss.cooldown_steps",
    "loss.sharpness",
    "loss.recent",
    "loss.blurred_below",
    "loss.sharp_above",
    "loss.adjust_*",
    "loss.*_min",
    "loss.*_max",
    "loss.aggressive_*",
    "clipping.*",
    "cadence.*",
    "checkpoints.*",
    "guard.*",
    "hooks.*",
)
"""What may change while training; anything else is read once, when a session begins."""


def is_live(key: str) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in LIVE)


def has_cross_field_rules(section: str) -> bool:
    """Whether settings of this section are validated together, so that several are changed in one go."""
    model = RunConfig.model_fields[section].annotation
    return bool(isinstance(model, type) and model.__pydantic_decorators__.model_validators)


class ModelConfig(Section):
    """The shape of the network."""

    n_feats: int = Field(128, ge=4, le=512, description="feature maps in every layer")
    n_blocks: int = Field(32, ge=2, le=128, description="residual blocks, half of them in each trunk")
    n_frames: int = Field(5, ge=3, le=99, description="frames in a stack; odd")
    alignment: Alignment = Field(
        "none", description="neighbouring frames used where they lie, or moved onto the centre frame first"
    )
    slope: float = Field(0.2, ge=0, le=1, description="LeakyReLU of the blocks: what a negative value is multiplied by")
    residual_scale: float = Field(0.1, gt=0, le=10, description="what each residual block's change is multiplied by")
    scale: int = Field(3, ge=1, le=4, description="ground truth to LR: times as wide and as high; 1 restores")

    @field_validator("n_frames")
    @staticmethod
    def _odd(n_frames: int) -> int:
        if n_frames % 2 == 0:
            raise RuleError("must be odd", reason="the centre frame is the one upscaled")
        return n_frames

    @field_validator("n_blocks")
    @staticmethod
    def _even(n_blocks: int) -> int:
        if n_blocks % 2:
            raise RuleError("must be even", reason="half of the blocks go to each trunk")
        return n_blocks


class DataConfig(Section):
    """Where the batches come from."""

    root: str = Field("", description="dataset folder with Patches/ and Val/")
    crop: int = Field(
        0, ge=0, le=1024, description="side of the random LR crop trained on, pixels; 0 takes whole patches"
    )
    augment: bool = Field(True, description="random flips, transposes and time reversal")
    workers: int = Field(
        -1,
        ge=-1,
        le=64,
        description="processes that read images; 0: the trainer's own reads, -1: as many as it takes",
    )
    cache: CacheKind = Field(
        "memory", description="decoded images: none are kept, some in memory, or all in one file on the disk"
    )
    cache_gb: float = Field(
        2.0,
        ge=0,
        le=1024,
        description="cache = memory: room for them in each process that reads, and for those validated on, GB; "
        "0 reads each time",
    )
    weights: str = Field("", description="how often an epoch shows a category's pairs: toon=2, space=0.5; others once")

    @field_validator("weights")
    @staticmethod
    def _can_be_read(weights: str) -> str:
        read_weights(weights)
        return weights

    @field_validator("root")
    @staticmethod
    def _in_home(root: str) -> str:
        """``~`` is the home folder, as people write it."""
        return in_home(root)


class TrainingConfig(Section):
    """The optimizer's steps."""

    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of weights, order and augmentation")
    init: str = Field(
        "", description="what a fresh run begins with: a checkpoint or an exported network; empty: untrained weights"
    )
    batch_size: int = Field(4, ge=1, le=256, description="samples in one forward pass, of all devices together")
    accumulation: int = Field(1, ge=1, le=256, description="forward passes in one optimizer step")
    max_steps: int = Field(100_000, ge=1, le=100_000_000, description="optimizer steps in all")
    precision: Precision = Field("auto", description="arithmetic of forward and backward pass")
    checkpointing: Checkpointing = Field(
        "none", description="activations computed again in the backward pass instead of kept: less memory, slower steps"
    )
    folded: bool = Field(
        False, description="compute the two last convolutions as one: less memory and time, same numbers up to rounding"
    )
    compile: Compile = Field(
        "off", description="faster code of the network by torch.compile, or CUDA graphs of it; auto times each at first"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW: decay of the gradient's mean")
    beta2: float = Field(0.99, ge=0, lt=1, description="AdamW: decay of the gradient's square")
    weight_decay: float = Field(0.0, ge=0, le=1, description="AdamW: decoupled weight decay")
    ema: float = Field(
        0.999, ge=0, lt=1, description="decay of the weights' moving average, which is validated and used; 0: none"
    )
    max_skipped: int = Field(
        50, ge=1, le=100_000, description="steps in a row without a finite gradient after which the run rolls back"
    )
    max_rollbacks: int = Field(
        3, ge=0, le=1_000, description="rollbacks in a row, each with half the learning rate, after which training ends"
    )

    @field_validator("compile", mode="before")
    @staticmethod
    def _as_before(value: Any) -> Any:
        return compile_of(value)

    @model_validator(mode="after")
    def _graphs_can_be_replayed(self) -> Self:
        if self.compile == "graphs" and self.accumulation > 1:
            raise RuleError(
                "compile = graphs needs accumulation = 1: the next batch would overwrite the gradients",
                "compile",
                "accumulation",
            )
        return self


class ScheduleConfig(Section):
    """The learning rate: linear warm-up, its course until max_steps, and cuts on plateaus."""

    shape: RateShape = Field(
        "cosine", description="after warm-up: a cosine until max_steps, or constant and a fall at the end"
    )
    decay: float = Field(
        0.2, ge=0, le=1, description="shape = constant: share of max_steps in which the rate falls at the end; 0: none"
    )
    lr_max: float = Field(1e-4, gt=0, le=1, description="learning rate after warm-up")
    lr_min: float = Field(1e-6, ge=0, le=1, description="learning rate at max_steps")
    factor: float = Field(1.0, gt=0, le=100, description="what every learning rate is multiplied by")
    warmup_steps: int = Field(1_000, ge=0, le=1_000_000, description="steps of linear warm-up from 0")
    plateau_validations: int = Field(
        20, ge=5, le=10_000, description="newest validations that are judged; without progress in them the rate is cut"
    )
    plateau_factor: float = Field(
        0.5, gt=0, le=1, description="what a plateau multiplies the learning rate by; 1 never cuts"
    )
    plateau_floor: float = Field(
        0.1, gt=0, le=1, description="least that plateaus may leave of the rate; cuts end there"
    )
    plateau_cooldown: int = Field(
        1_000, ge=0, le=1_000_000, description="steps after a cut whose validations are not judged"
    )


SLACK = 1e-6
"""By which sums of weights may be off."""


class LossConfig(Section):
    """The hybrid loss and how its weights adapt."""

    l1: float = Field(0.6, ge=0, le=1, description="weight of L1 at the start")
    ms: float = Field(0.2, ge=0, le=1, description="weight of the multi-scale L1 at the start")
    grad: float = Field(0.2, ge=0, le=1, description="weight of the gradient L1 at the start")
    adaptive: bool = Field(True, description="let the weights follow the sharpness of the prediction")
    warmup_steps: int = Field(
        -1, ge=-1, le=1_000_000, description="steps before aggressive mode may begin; -1: the LR warm-up"
    )
    cooldown_steps: int = Field(
        1_000, ge=0, le=1_000_000, description="steps after aggressive mode before it may begin again"
    )
    sharpness: SharpnessScale = Field(
        "attainable",
        description="sharpness is judged from bicubic's (0) to the best this network has shown (1), or as it is",
    )
    recent: int = Field(20, ge=1, le=10_000, description="newest steps over whose mean sharpness is judged")
    blurred_below: float = Field(0.75, ge=0, le=2, description="sharpness below which the gradient part gains weight")
    sharp_above: float = Field(0.92, ge=0, le=2, description="sharpness above which the gradient part loses weight")
    adjust_every: int = Field(50, ge=1, le=100_000, description="steps between adjustments of the weights")
    adjust_up: float = Field(1.05, ge=1, le=10, description="what grad is multiplied by where blurred")
    adjust_down: float = Field(0.95, gt=0, le=1, description="what grad is multiplied by where sharp enough")
    grad_min: float = Field(0.15, ge=0, le=1, description="least weight of the gradient part while it adapts")
    grad_max: float = Field(0.5, ge=0, le=1, description="largest weight of the gradient part while it adapts")
    ms_max: float = Field(0.2, ge=0, le=1, description="largest weight of the multi-scale part while it adapts")
    l1_min: float = Field(0.3, ge=0, le=1, description="least weight of L1 while it adapts")
    aggressive_below: float = Field(0.7, ge=0, le=2, description="sharpness below which aggressive mode begins")
    aggressive_grad_loss: float = Field(
        0.025, ge=0, le=10, description="sharpness = absolute: gradient loss above which aggressive mode begins too"
    )
    aggressive_l1: float = Field(0.55, ge=0, le=1, description="weight of L1 as aggressive mode begins")
    aggressive_ms: float = Field(0.15, ge=0, le=1, description="weight of the multi-scale L1 as it begins")
    aggressive_grad: float = Field(0.3, ge=0, le=1, description="weight of the gradient L1 as it begins")
    aggressive_every: int = Field(10, ge=1, le=100_000, description="steps between adjustments in aggressive mode")
    aggressive_factor: float = Field(
        1.15, ge=1, le=10, description="what grad is multiplied by in aggressive mode, or divided by where sharp enough"
    )
    aggressive_max_steps: int = Field(
        5_000, ge=1, le=10_000_000, description="steps after which aggressive mode ends in any case"
    )

    @model_validator(mode="after")
    def _sums_are_one(self) -> Self:
        for prefix in ("", "aggressive_"):
            names = tuple(f"{prefix}{part}" for part in ("l1", "ms", "grad"))
            total = sum(getattr(self, name) for name in names)
            if abs(total - 1) > SLACK:
                raise RuleError(f"{' + '.join(names)} must be 1, not {total:g}", *names)
        return self

    @model_validator(mode="after")
    def _thresholds_are_in_order(self) -> Self:
        if not self.aggressive_below <= self.blurred_below <= self.sharp_above:
            names = ("aggressive_below", "blurred_below", "sharp_above")
            raise RuleError(f"{', '.join(names)} must rise in this order", *names)
        if self.grad_min > self.grad_max:
            raise RuleError(f"grad_min must be at most grad_max ({self.grad_max:g})", "grad_min", "grad_max")
        if self.l1_min + self.grad_max > 1 + SLACK:
            raise RuleError("l1_min + grad_max must be at most 1, the sum of all weights", "l1_min", "grad_max")
        return self

    @model_validator(mode="after")
    def _adaptive_within_bounds(self) -> Self:
        for prefix in ("", "aggressive_") if self.adaptive else ():
            names = tuple(f"{prefix}{part}" for part in ("l1", "ms", "grad"))
            l1, ms, grad = (getattr(self, name) for name in names)
            grad_fits = self.grad_min - SLACK <= grad <= self.grad_max + SLACK
            if not (l1 >= self.l1_min - SLACK and ms <= self.ms_max + SLACK and grad_fits):
                raise RuleError(
                    f"weights that adapt begin with {names[0]} at least {self.l1_min:g}, {names[1]} at most "
                    f"{self.ms_max:g} and {names[2]} from {self.grad_min:g} to {self.grad_max:g}; others stay fixed "
                    "with adaptive = false",
                    *names,
                    "adaptive",
                )
        return self


class ClippingConfig(Section):
    """Gradient clipping at a percentile of the recent norms."""

    initial: float = Field(1.5, gt=0, le=1e6, description="clip norm before enough norms are known")
    percentile: float = Field(95.0, gt=0, le=100, description="percentile of the recent norms that is let through")
    window: int = Field(500, ge=10, le=100_000, description="recent norms kept")
    minimum: int = Field(100, ge=1, le=100_000, description="norms that must be known before the clip norm moves")
    smoothing: float = Field(0.9, ge=0, lt=1, description="share of the old clip norm kept at each update")

    @model_validator(mode="after")
    def _minimum_fits(self) -> Self:
        if self.minimum > self.window:
            raise RuleError(
                f"minimum must be at most window ({self.window}), or the clip norm never moves", "minimum", "window"
            )
        return self


class CadenceConfig(Section):
    """How often things happen, in steps unless it says otherwise."""

    status_every: int = Field(5, ge=1, le=100_000, description="steps between replacements of training_status.txt")
    tensorboard_every: int = Field(100, ge=1, le=100_000, description="steps between TensorBoard points")
    journal_every: int = Field(10, ge=1, le=100_000, description="steps between step figures in events.jsonl")
    validate_every: int = Field(500, ge=1, le=1_000_000, description="steps between validations")
    validate_minutes: float = Field(
        0.0,
        ge=0,
        le=1_440,
        description="least minutes between validations; those due sooner are left out. No plateau is judged then: "
        "the clock would decide on the rate, and a resumed run be another. 0: all that are due",
    )
    checkpoint_every: int = Field(10_000, ge=1, le=10_000_000, description="steps between regular checkpoints")
    best_from: int = Field(
        2_000, ge=0, le=10_000_000, description="first step of each checkpoint period in which a best one is kept"
    )
    best_until: int = Field(8_000, ge=0, le=10_000_000, description="last such step")
    recovery_minutes: float = Field(
        15.0, gt=0, le=1_440, description="age at which checkpoint_recovery.pth is renewed, minutes"
    )

    @model_validator(mode="after")
    def _best_window_opens(self) -> Self:
        if self.best_from > self.best_until:
            raise RuleError(f"best_from must be at most best_until ({self.best_until})", "best_from", "best_until")
        if self.best_from >= self.checkpoint_every:
            raise RuleError(
                f"best_from must be less than checkpoint_every ({self.checkpoint_every}), or no best one is ever kept",
                *("best_from", "checkpoint_every"),
            )
        return self


class CheckpointsConfig(Section):
    """What is kept on disk."""

    keep_superseded_best: bool = Field(False, description="keep every best checkpoint, not only the last two")
    min_free_gb: float = Field(2.0, ge=0, le=100_000, description="free disk below which a warning is given, GB")


COOL_BY = 10
"""°C below ``guard.max_temperature`` at which training continues: closer to it, it would soon pause again."""


class GuardConfig(Section):
    """What training stands back for."""

    max_temperature: int = Field(
        0, ge=0, le=120, description="°C of the card at which training pauses until it is 10 cooler; 0: never"
    )

    @field_validator("max_temperature")
    @staticmethod
    def _is_reached_again(max_temperature: int) -> int:
        if 0 < max_temperature < 60:
            raise RuleError("must be 0 or at least 60", reason="many cards do not cool below 50 °C while they wait")
        return max_temperature


class HooksConfig(Section):
    """Commands that are run when something happens: words as in a shell, but none is used; docs/remote.md."""

    on_best: str = Field("", description="after a validation that is the best so far")
    on_finished: str = Field("", description="when the run is complete")
    on_failed: str = Field("", description="when a session fails, or its network is lost")
    on_restarted: str = Field("", description="when a session is started again after a crash")
    on_throttled: str = Field("", description="when the card holds its clock down, or is too hot")
    on_plateau: str = Field("", description="when the learning rate is cut on a plateau")

    @field_validator("*")
    @staticmethod
    def _is_words(line: str) -> str:
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise RuleError("must be words as in a shell", reason=str(error).lower()) from None
        if (line and not words) or "\0" in line:
            raise RuleError("must be words as in a shell", reason="a zero byte" if words else "only blanks")
        return line


class TuneConfig(Section):
    """What auto-tune asks of a configuration."""

    max_seconds: float = Field(4.0, gt=0, le=3_600, description="longest optimizer step, seconds")
    max_memory: float = Field(0.8, gt=0, le=1, description="largest share of the device's memory")
    min_effective_batch: int = Field(4, ge=1, le=4_096, description="smallest batch_size x accumulation")
    offer_seconds: float = Field(
        60.0, ge=0, le=86_400, description="time to choose another on the screen before what passed is taken, seconds"
    )
    found: str = Field("", description="what was measured, where and when; written by auto-tune")
    preset: Literal["", "cpu"] = Field("", description="preset that the other settings came with; written by auto-tune")


class RunConfig(Settings):
    """All settings of a run."""

    ALL_ARE_LISTED = "`vsrpp config` lists all settings"

    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    loss: LossConfig = LossConfig()
    clipping: ClippingConfig = ClippingConfig()
    cadence: CadenceConfig = CadenceConfig()
    checkpoints: CheckpointsConfig = CheckpointsConfig()
    guard: GuardConfig = GuardConfig()
    hooks: HooksConfig = HooksConfig()
    tune: TuneConfig = TuneConfig()

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], source: str, text: str = "") -> Self:
        """As in every file of settings; those of earlier versions are understood too."""
        return super().from_mapping(_without_retired(_with_preset(values)), source, text)

    @classmethod
    def load_if_any(cls, path: Path) -> Self | None:
        """As ``load``; None where a run has no settings yet."""
        return cls.load_known(path)[0]

    @classmethod
    def load_known(cls, path: Path) -> tuple[Self | None, list[str]]:
        """As ``load_if_any``, with the dotted names of the retired settings in the file, which were passed over."""
        if not path.is_file():
            return None, []
        document, text = read_toml(path)
        return cls.from_mapping(document, str(path), text), _retired_in(document)

    @classmethod
    def from_checkpoint(cls, values: Mapping[str, Any]) -> "RunConfig":
        """The settings stored in a checkpoint, without validating them against today's rules.

        Settings that are newer than the checkpoint take their defaults, and so do hooks: a checkpoint may be somebody
        else's, and must not bring commands with it.
        """
        values, sections = in_todays_terms(values), dict[str, Any]()
        for name, field in cls.model_fields.items():
            model = field.annotation
            assert isinstance(model, type) and issubclass(model, BaseModel)
            stored = {} if name == "hooks" else values.get(name, {})
            known = {key: value for key, value in stored.items() if key in model.model_fields}
            sections[name] = model.model_construct(**known)
        return cls.model_construct(**sections)

    def save(self, path: Path) -> None:
        """Write ``config.toml``, atomically; comments and order of an existing file are kept. Raises VsrppError."""
        with os_errors(path, "cannot be written"):
            document = tomlkit.parse(read_text(path)) if path.exists() else tomlkit.document()
            for section, model in self.sections():
                _update_table(document, section, model)
            write_text_atomically(path, tomlkit.dumps(document))


def setting_ranges() -> dict[str, str]:
    """All settings, dotted, in the order of the file, with what each may be."""
    return {setting.key: setting.range for setting in RunConfig().settings()}


def compile_of(value: Any) -> Any:
    """``training.compile``, which was true or false in earlier versions."""
    return {"true": "on", "false": "off"}.get(str(value).lower(), value)


def in_todays_terms(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings in a checkpoint, where those of an earlier version are written in another way."""
    training = stored.get("training")
    if not isinstance(training, Mapping) or "compile" not in training:
        return stored
    return {**stored, "training": {**training, "compile": compile_of(training["compile"])}}


def _with_preset(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Before there was ``tune.preset``, ``tune.found`` began with the name of the CPU preset."""
    tune = values.get("tune")
    if not isinstance(tune, dict) or "preset" in tune or not str(tune.get("found")).startswith("the small network for"):
        return values
    return {**values, "tune": {**tune, "preset": "cpu"}}


RETIRED = {"schedule": ("plateau_patience", "plateau_threshold")}
"""Settings of earlier versions that mean nothing any more: they are passed over and leave the file when it is saved."""


def describe_retired(path: Path, names: list[str]) -> str:
    """For those who wrote the settings ``names`` in ``path``, which is saved without them."""
    return (
        f"{', '.join(names)} in {path} no longer mean anything and were removed: "
        "a plateau is judged on the validations now (schedule.plateau_validations)"
    )


def _retired_in(document: Mapping[str, Any]) -> list[str]:
    return [
        f"{section}.{name}" for section, names in RETIRED.items() for name in names if name in document.get(section, ())
    ]


def _without_retired(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {section: _kept(table, RETIRED.get(section, ())) for section, table in values.items()}


def _kept(table: Any, retired: tuple[str, ...]) -> Any:
    """A section without its retired settings; what is not a table is left for validation to refuse."""
    return {name: table[name] for name in table if name not in retired} if isinstance(table, Mapping) else table


def _update_table(document: tomlkit.TOMLDocument, section: str, model: BaseModel) -> None:
    """Bring a section up to date where it stands: under a header, in braces, or as dotted keys."""
    existing = document.get(section)
    table = existing if isinstance(existing, Table | InlineTable | OutOfOrderTableProxy) else tomlkit.table()
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name not in table:
            table[name] = value if isinstance(table, InlineTable) else _explained(value, field.description or "")
        elif table[name] != value:
            table[name] = value
    for name in RETIRED.get(section, ()):
        if name in table:
            del table[name]
    if existing is not table:
        document[section] = table


def _explained(value: Any, description: str) -> Item:
    item: Item = tomlkit.item(value)
    item.comment(description)
    return item
