"""What the checks find, as plain data: each finding judges itself by its own figures.

Separate from the checks, which need torch and the machine, so that words and tests need neither.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from vsrpp_core.messages.kinds import ComputePrecision, ThrottleReason

Verdict = Literal["good", "warning", "fault", "unknown"]
Problem = Literal[
    "",
    "cpu_build",
    "no_driver",
    "no_kernels",
    "no_step",
    "other_result",
    "throttled",
    "hot",
    "memory_held",
    "little_memory",
    "little_shared_memory",
    "few_open_files",
    "not_writable",
    "little_room",
    "slow_disk",
    "no_links",
    "no_locks",
    "no_dataset",
    "slow_dataset",
    "no_terminal",
    "no_unicode",
    "slow_escape",
    "few_colours",
    "codecs_missing",
    "unknown",
]

MAX_DIFFERENCE: dict[str, float] = {"tf32": 0.01, "bf16": 0.05, "fp16": 0.02}
"""Largest relative difference of loss and gradient norm to fp32's in one step. Several times the spacing of the
format's numbers (2⁻¹⁰, 2⁻⁸, 2⁻¹⁰), as errors of many layers add up; a broken kernel is off by orders of magnitude."""
HOT = 85
"""°C. Most cards begin to reduce their clocks between 83 and 90."""
MEMORY_HELD = 0.2
"""Share of a card's memory in other hands that is worth a word."""
LITTLE_MEMORY = 4 * 2**30
"""Of the host: torch with CUDA alone takes two to three GB."""
FEW_FILES = 256
"""Open files: a worker holds some for each batch on its way, and TensorBoard and the journal have theirs."""
SLOW_DISK = 5e6
"""Bytes per second with the final sync: a checkpoint of 200 MB would take 40 s."""
SLOW_ESCAPE = 100
"""Milliseconds that are felt. tmux waits 500 by default until 3.5, and 10 since."""
CHECKPOINTS_OF_A_RUN = 10
"""As many as a run comes to hold, roughly; during training the setting checkpoints.min_free_gb is watched."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Sizes are bytes, times seconds."""

    @property
    def problem(self) -> Problem:
        """What is wrong, the most important first; empty where nothing is."""
        raise NotImplementedError

    @property
    def verdict(self) -> Verdict:
        return _SEVERITY.get(self.problem, "warning")

    def as_json(self) -> dict[str, Any]:
        values = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        return {"check": type(self).__name__, "verdict": self.verdict, "problem": self.problem, **values}


@dataclass(frozen=True, slots=True)
class TorchBuild(Finding):
    """Whether this torch computes on this machine's card."""

    torch: str
    cuda: str
    """The toolkit it was built with, such as ``12.6``; empty for a build for CPUs."""
    architectures: tuple[str, ...]
    """Those it has kernels for, such as ``sm_60``; ``compute_90`` is code that newer drivers translate."""
    card: str
    """The card's name as the driver says it; empty where there is none."""
    capability: tuple[int, int]
    driver: str
    is_usable: bool
    """Whether torch reports a CUDA device."""

    @property
    def problem(self) -> Problem:
        if not self.card:
            return ""
        if not self.cuda:
            return "cpu_build"
        if self.capability > (0, 0) and not has_kernels(self.architectures, self.capability):
            return "no_kernels"
        return "" if self.is_usable else "no_driver"


@dataclass(frozen=True, slots=True)
class Arithmetic(Finding):
    """One training step in one precision, beside the same step in fp32."""

    precision: ComputePrecision
    is_chosen: bool
    """Whether a run would compute in it."""
    difference: float
    """The larger relative difference of loss and gradient norm; NaN where the step failed."""
    error: str = ""

    @property
    def problem(self) -> Problem:
        if self.error:
            return "no_step"
        close = self.difference <= MAX_DIFFERENCE.get(self.precision, 0.0)  # fails for NaN too
        return "" if close else "other_result"

    @property
    def verdict(self) -> Verdict:
        return "good" if not self.problem else "fault" if self.is_chosen else "warning"


@dataclass(frozen=True, slots=True)
class Speed(Finding):
    """Operations per second that a convolution of the run's width reaches, forward and backward."""

    precision: ComputePrecision
    n_feats: int
    flops: float

    @property
    def problem(self) -> Problem:
        return ""


@dataclass(frozen=True, slots=True)
class Card(Finding):
    """The card's health now, as its driver says; ``None`` where it does not."""

    name: str
    temperature: int | None
    power_limit: float | None
    """Watts."""
    power_default: float | None
    throttled: tuple[ThrottleReason, ...]
    memory: int
    memory_used: int
    holders: tuple[tuple[int, int], ...]
    """Process id and bytes of all who compute on it."""

    @property
    def problem(self) -> Problem:
        if self.throttled:
            return "throttled"
        if (self.temperature or 0) >= HOT:
            return "hot"
        return "memory_held" if self.memory and self.memory_used / self.memory > MEMORY_HELD else ""


@dataclass(frozen=True, slots=True)
class Host(Finding):
    cores: int
    memory: int
    available: int

    @property
    def problem(self) -> Problem:
        return "little_memory" if self.available < LITTLE_MEMORY else ""


@dataclass(frozen=True, slots=True)
class SharedMemory(Finding):
    """What worker processes hand their batches over in."""

    path: Path
    free: int
    needed: int
    workers: int

    @property
    def problem(self) -> Problem:
        return "little_shared_memory" if self.free < self.needed else ""


@dataclass(frozen=True, slots=True)
class OpenFiles(Finding):
    allowed: int
    at_most: int
    """What the user may raise the limit to; -1 where there is no bound."""

    @property
    def problem(self) -> Problem:
        return "few_open_files" if self.allowed < FEW_FILES else ""


@dataclass(frozen=True, slots=True)
class RunDisk(Finding):
    """The file system that a run is kept on."""

    path: Path
    free: int
    checkpoint: int
    """Bytes of one checkpoint of the run's network."""
    speed: float
    """Bytes per second of a write with its sync; NaN where nothing can be written."""
    has_links: bool
    has_locks: bool
    error: str = ""

    @property
    def problem(self) -> Problem:
        if self.error:
            return "not_writable"
        if self.free < CHECKPOINTS_OF_A_RUN * self.checkpoint:
            return "little_room"
        if not self.has_locks:
            return "no_locks"
        return "slow_disk" if self.speed < SLOW_DISK else "" if self.has_links else "no_links"


@dataclass(frozen=True, slots=True)
class Room(Finding):
    """What is free on the file system that a run is kept on, without writing there."""

    path: Path
    free: int
    wanted: int
    """By ``checkpoints.min_free_gb``."""

    @property
    def problem(self) -> Problem:
        return "little_room" if self.free < self.wanted else ""


@dataclass(frozen=True, slots=True)
class DatasetSpeed(Finding):
    """How fast one process reads samples, beside how fast a run takes them; NaN where that is not known."""

    path: Path
    pairs: int
    samples_per_second: float
    needed_per_second: float
    workers: int
    is_kept: bool
    """Whether memory holds every pair after the first epoch."""
    error: str = ""

    @property
    def all_readers(self) -> float:
        """Samples per second of all processes that read."""
        return max(1, self.workers) * self.samples_per_second

    @property
    def problem(self) -> Problem:
        if self.error:
            return "no_dataset"
        return "slow_dataset" if self.all_readers < self.needed_per_second and not self.is_kept else ""


@dataclass(frozen=True, slots=True)
class Screen(Finding):
    """The terminal that the application would be drawn in."""

    term: str
    colours: int
    encoding: str
    multiplexer: Literal["", "tmux", "screen"]
    is_terminal: bool

    @property
    def problem(self) -> Problem:
        if self.term in ("", "dumb"):
            return "no_terminal"
        if self.encoding.lower().replace("-", "") != "utf8":
            return "no_unicode"
        return "few_colours" if self.colours < 256 else ""


@dataclass(frozen=True, slots=True)
class Tmux(Finding):
    """What the tmux around this program does to its keys and mouse."""

    escape_time: int
    """Milliseconds for which it keeps an Escape back: a key pressed meanwhile counts as one with Alt."""
    has_mouse: bool
    """Whether clicks and the wheel reach the program."""

    @property
    def problem(self) -> Problem:
        return "slow_escape" if self.escape_time > SLOW_ESCAPE else ""


@dataclass(frozen=True, slots=True)
class Codecs(Finding):
    missing_decoders: tuple[str, ...]
    missing_encoders: tuple[str, ...]

    @property
    def problem(self) -> Problem:
        return "codecs_missing" if self.missing_decoders or self.missing_encoders else ""


@dataclass(frozen=True, slots=True)
class NotChecked(Finding):
    """A check that could not be made."""

    what: str
    error: str

    @property
    def problem(self) -> Problem:
        return "unknown"


_SEVERITY: dict[Problem, Verdict] = {
    "": "good",
    "unknown": "unknown",
    "cpu_build": "fault",
    "no_driver": "fault",
    "no_kernels": "fault",
    "little_shared_memory": "fault",
    "few_open_files": "fault",
    "not_writable": "fault",
    "little_room": "fault",
    "no_locks": "fault",
    "no_dataset": "fault",
}
"""A fault would stop a run or damage it; all that is not named here costs time or beauty."""


def has_kernels(architectures: tuple[str, ...], capability: tuple[int, int]) -> bool:
    """Whether a build for ``architectures`` runs on a card of ``capability``.

    Machine code (``sm_61``) runs on cards of the same major version from its minor version on; code for translation
    (``compute_90``) on all that are newer. See "Application Compatibility" in NVIDIA's CUDA C++ Best Practices Guide.
    """
    for name in architectures:
        kind, _, number = name.partition("_")
        if not number.rstrip("af").isdigit():
            continue
        major, minor = divmod(int(number.rstrip("af")), 10)
        if kind == "sm" and major == capability[0] and minor <= capability[1]:
            return True
        if kind == "compute" and (major, minor) <= capability:
            return True
    return False


Limit = Literal["", "faults", "device", "reading", "unknown"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What will limit the run."""

    limit: Limit
    step_seconds: float
    """Expected of one step; NaN where it is not known."""
    reading_seconds: float
    """That all its samples take to be read, by all readers; NaN where it is not known."""
