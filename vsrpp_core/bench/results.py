"""What a benchmark finds, as plain data: nothing in it names a folder, a file or a user.

Separate from the measurements, so that tests and the table of results need none.
"""

from dataclasses import asdict, dataclass
from typing import Any

from vsrpp_core.messages.kinds import Checkpointing, ComputePrecision, DeviceKind, ThrottleReason

FORMAT = 1
"""Of the line of JSON; another number once a name or its meaning changes."""


@dataclass(frozen=True, slots=True)
class Machine:
    device: str
    kind: DeviceKind
    memory: int
    """Bytes, of the device; of the host for a CPU."""
    precision: ComputePrecision
    processor: str
    cores: int
    threads: int
    """That torch computes with on the host."""
    host_memory: int
    system: str
    python: str
    torch: str
    cuda: str
    """The toolkit torch was built with; empty for a build for CPUs."""
    driver: str
    vsrpp: str
    date: str
    busy: float
    """Share of the host's cores that other programs took just before, 0..1: figures of a busy machine tell little."""
    power_limit: float | None = None
    """Watts."""
    throttled: tuple[ThrottleReason, ...] = ()
    """Before the measurements."""


@dataclass(frozen=True, slots=True)
class Step:
    """A training step of one rung of the ladder, or of the run's own settings."""

    rung: int
    """Counted from 1; 0 for the run's own."""
    n_feats: int
    n_blocks: int
    batch_size: int
    accumulation: int
    checkpointing: Checkpointing
    width: int
    height: int
    """LR pixels of a sample."""
    seconds: float
    """Of an optimizer step; NaN where it was not measured."""
    memory: int
    """Peak bytes, on a CPU of the whole program; 0 where it was not measured."""
    share: float
    """Of the operations per second that a single convolution of this width reaches on the device, 0..1."""
    verdict: str
    """Of auto-tune, by its limits."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The loader alone, from images that are read and decoded each time."""

    readers: int
    """Processes; 0 for the program's own."""
    samples_per_second: float
    is_made_up: bool
    """Whether the dataset was made for the benchmark."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A short session of the run's own network."""

    steps: int
    seconds: float
    """Of a step, with everything around it."""
    data_wait: float
    """Share of that spent waiting for images, 0..1."""
    validation_seconds: float
    """Of one pair."""
    validation_pairs: int
    checkpoint_seconds: float
    checkpoint_size: int


@dataclass(frozen=True, slots=True)
class Upscaling:
    """The run's network on LR frames of ``width`` x ``height``, without reading and writing a film."""

    width: int
    height: int
    seconds: float
    """Of one picture."""
    tile: tuple[int, int] | None
    """Height and width, LR pixels, where memory is too small for a whole picture."""


Part = Machine | Step | Reading | Loop | Upscaling

NAMES: dict[type[Part], str] = {
    Machine: "machine",
    Step: "steps",
    Reading: "reading",
    Loop: "loop",
    Upscaling: "upscaling",
}


def as_json(parts: list[Part]) -> dict[str, Any]:
    """All parts of one benchmark: lists of steps and readings, one of all else."""
    found: dict[str, Any] = {"vsrpp_bench": FORMAT, "steps": [], "reading": []}
    for part in parts:
        name = NAMES[type(part)]
        values = {field: _rounded(value) for field, value in asdict(part).items()}
        if isinstance(found.get(name), list):
            found[name].append(values)
        else:
            found[name] = values
    return found


def _rounded(value: Any) -> Any:
    """Four digits of a figure are more than repeat themselves."""
    return float(f"{value:.4g}") if isinstance(value, float) else value
