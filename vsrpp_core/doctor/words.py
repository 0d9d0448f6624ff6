"""The words for findings: what was seen, and the next step where something is wrong.

Separate from the findings, which are data, and from the command line, because screens say the same.
"""

import math

from vsrpp_core.doctor import findings as fd
from vsrpp_core.doctor.findings import Finding, Outlook, Problem
from vsrpp_core.errors import command
from vsrpp_core.run.disk import size_in_words

LEGACY_TORCH = "pip install --force-reinstall 'torch>=2.7,<2.15' --index-url https://download.pytorch.org/whl/cu126"
"""Builds with CUDA 12.6 have kernels for Maxwell, Pascal and Volta; 2.14 is to be the last. See docs/gpus.md."""
CUDA_TORCH = "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu130"
TURING = (7, 5)
"""The oldest that builds with CUDA 13 have kernels for."""


def title(finding: Finding) -> str:
    match finding:
        case fd.TorchBuild():
            return "torch"
        case fd.Arithmetic():
            return f"a step in {finding.precision}"
        case fd.NotChecked():
            return finding.what
        case _:
            return TITLES[type(finding)]


TITLES: dict[type[Finding], str] = {
    fd.Speed: "convolutions",
    fd.Card: "card",
    fd.Host: "host",
    fd.SharedMemory: "shared memory",
    fd.OpenFiles: "open files",
    fd.RunDisk: "disk of the run",
    fd.DatasetSpeed: "dataset",
    fd.Room: "disk of the run",
    fd.Screen: "terminal",
    fd.Tmux: "tmux",
    fd.Codecs: "codecs",
}


def seen(finding: Finding) -> str:
    """What was found, figures first."""
    match finding:
        case fd.TorchBuild():
            built = f"built with CUDA {finding.cuda}" if finding.cuda else "built for CPUs"
            card = (
                f"{finding.card}, compute capability {'.'.join(map(str, finding.capability))}" if finding.card else ""
            )
            driver = f"driver {finding.driver}" if finding.driver else ""
            return ", ".join(filter(None, (f"{finding.torch}, {built}", card or "no NVIDIA card", driver)))
        case fd.Arithmetic():
            chosen = "; runs use it" if finding.is_chosen else ""
            if finding.error:
                return f"fails ({finding.error}){chosen}"
            return f"differs from fp32 by {finding.difference:.2%}{chosen}" if finding.difference else f"works{chosen}"
        case fd.Speed():
            return f"{_rate(finding.flops)} at {finding.n_feats} feature maps in {finding.precision}"
        case fd.Card():
            return _seen_card(finding)
        case fd.Host():
            memory = f"{size_in_words(finding.available)} of {size_in_words(finding.memory)} memory free"
            return f"{finding.cores} cores, {memory}"
        case fd.SharedMemory():
            needed = f"{finding.workers} workers need {size_in_words(finding.needed)}"
            return f"{size_in_words(finding.free)} free in {finding.path}, {needed}"
        case fd.OpenFiles():
            return f"{finding.allowed:,} allowed" if finding.allowed < 2**31 else "no limit"
        case fd.RunDisk():
            return _seen_disk(finding)
        case fd.Room():
            return f"{finding.path}: {size_in_words(finding.free)} free"
        case fd.DatasetSpeed():
            return _seen_dataset(finding)
        case fd.Screen():
            inside = f" in {finding.multiplexer}" if finding.multiplexer else ""
            colours = "millions of" if finding.colours > 256 else str(finding.colours or "no")
            return f"TERM={finding.term or '(not set)'}{inside}, {colours} colours, {finding.encoding or 'no encoding'}"
        case fd.Tmux():
            mouse = "the mouse is passed on" if finding.has_mouse else "the mouse stays with tmux (set -g mouse on)"
            return f"keeps Escape back for {finding.escape_time} ms; {mouse}"
        case fd.Codecs():
            missing = ", ".join((*finding.missing_decoders, *finding.missing_encoders))
            return f"missing: {missing}" if missing else "all that prepare and upscale use"
        case fd.NotChecked():
            return f"could not be checked ({finding.error})"
    raise AssertionError(finding)


def next_step(finding: Finding) -> str:
    """What to do about it, or empty."""
    match finding:
        case fd.TorchBuild(problem="no_kernels" | "cpu_build"):
            return f"install the build of torch that has kernels for this card: {_torch_for(finding.capability)}"
        case fd.Arithmetic(is_chosen=True) if finding.problem:
            return "set training.precision = fp32, and report this with the card, driver and torch named above"
        case fd.Arithmetic() if finding.problem:
            return f"do not set training.precision = {finding.precision}; runs here do not use it by themselves"
        case fd.Card(problem="memory_held"):
            holders = ", ".join(f"process {pid}" for pid, _ in finding.holders) or "nvidia-smi lists it"
            return f"end what holds the memory ({holders}), or auto-tune finds a smaller network"
        case fd.SharedMemory(problem="little_shared_memory"):
            gigabytes = max(1, math.ceil(finding.needed / 2**30))
            return f"start the container with --shm-size={gigabytes}g, or set data.workers = 0"
        case fd.OpenFiles(problem="few_open_files"):
            return f"run `ulimit -n {4096 if finding.at_most < 0 else min(4096, finding.at_most)}` before the program"
        case fd.RunDisk(problem="little_room"):
            needed = size_in_words(fd.CHECKPOINTS_OF_A_RUN * finding.checkpoint)
            return f"make room for about {needed} there, or name a run on another disk"
        case fd.Room(problem="little_room"):
            return f"make room for {size_in_words(finding.wanted)} there, or name a run on another disk"
        case fd.DatasetSpeed(problem="slow_dataset") if not math.isnan(finding.needed_per_second):
            readers = math.ceil(finding.needed_per_second / finding.samples_per_second)
            cache = command("vsrpp", "cache", finding.path)
            return f"set data.workers = {readers}, or make a cache file: {cache}"
        case fd.Codecs(problem="codecs_missing"):
            return "install PyAV from its own wheels: pip install --force-reinstall av"
    return NEXT_STEPS.get(finding.problem, "")


NEXT_STEPS: dict[Problem, str] = {
    "no_driver": "torch sees no device: install a newer driver, or in a container give it the card (--gpus all)",
    "throttled": "cool the card: a passively cooled one needs a fan that blows through it",
    "hot": "cool the card before a long run: a passively cooled one needs a fan that blows through it",
    "little_memory": "end other programs; torch alone takes two to three GB",
    "not_writable": "name a run in a folder that can be written",
    "slow_disk": "keep the run on a faster disk; saving a checkpoint holds training up",
    "no_links": "nothing has to be done; the best checkpoint is copied instead of linked and takes room twice",
    "no_locks": "keep the run on a local disk: here two programs could train it at once and damage it",
    "no_dataset": "make or name a dataset: vsrpp prepare --help",
    "no_terminal": "for the application, use a terminal that names its kind, e.g. TERM=xterm-256color; "
    "`vsrpp train` needs none",
    "no_unicode": "set a UTF-8 locale, e.g. export LC_ALL=C.UTF-8",
    "slow_escape": "in tmux: set -sg escape-time 10",
    "few_colours": "export TERM=xterm-256color, or in tmux: set -g default-terminal tmux-256color",
}


def in_short(wrong: list[Finding]) -> str:
    """One line for a screen: what is worst, what to do about it, and how to see the rest; empty where nothing is."""
    if not wrong:
        return ""
    first = wrong[0]
    rest = f"; `vsrpp doctor` has {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"{title(first)}: {seen(first)}; {next_step(first)}{rest}"


def outlook_in_words(outlook: Outlook) -> str:
    """The last line: what will limit the run."""
    step = "" if math.isnan(outlook.step_seconds) else f"a step is expected to take {_seconds(outlook.step_seconds)}"
    reading = (
        "" if math.isnan(outlook.reading_seconds) else f"its samples take {_seconds(outlook.reading_seconds)} to read"
    )
    figures = ", ".join(filter(None, (step, reading)))
    match outlook.limit:
        case "faults":
            return "a run would not last here: see what is marked with a cross"
        case "device":
            return f"the device will limit the run: {figures}"
        case "reading":
            return f"reading the dataset will limit the run: {figures}"
    return "nothing stands in the way of a run; name a dataset with --data to see what will limit it"


def _torch_for(capability: tuple[int, int]) -> str:
    return LEGACY_TORCH if (0, 0) < capability < TURING else CUDA_TORCH


def _seen_card(card: fd.Card) -> str:
    parts = [card.name, f"{size_in_words(card.memory - card.memory_used)} of {size_in_words(card.memory)} memory free"]
    if card.temperature is not None:
        parts.append(f"{card.temperature} °C")
    if card.power_limit is not None:
        usual = card.power_default
        lowered = f" (usually {usual:.0f} W)" if usual and abs(usual - card.power_limit) >= 1 else ""
        parts.append(f"limit {card.power_limit:.0f} W{lowered}")
    if card.throttled:
        parts.append(f"slowed down by {' and '.join(card.throttled)}")
    return ", ".join(parts)


def _seen_disk(disk: fd.RunDisk) -> str:
    if disk.error:
        return f"nothing can be written in {disk.path} ({disk.error})"
    checkpoint = f"a checkpoint takes about {size_in_words(disk.checkpoint)}"
    kinds = f"{'' if disk.has_links else 'no '}links, {'' if disk.has_locks else 'no '}locks"
    return f"{disk.path}: {size_in_words(disk.free)} free, {checkpoint}; {size_in_words(disk.speed)}/s; {kinds}"


def _seen_dataset(dataset: fd.DatasetSpeed) -> str:
    if dataset.error:
        return dataset.error
    needed = "" if math.isnan(dataset.needed_per_second) else f", the device takes {_count(dataset.needed_per_second)}"
    readers = f"{dataset.workers} workers" if dataset.workers else "the trainer itself"
    kept = "; memory holds all pairs after the first epoch" if dataset.is_kept else ""
    return f"{dataset.pairs:,} pairs; {readers} can read {_count(dataset.all_readers)} a second{needed}{kept}"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _rate(flops: float) -> str:
    return f"{flops / 1e12:.2f} TFLOP/s" if flops >= 1e12 else f"{flops / 1e9:.0f} GFLOP/s"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
