"""The measurements of ``vsrpp bench`` in order, each a part of the result as soon as it is there."""

import platform
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import psutil
import torch

from vsrpp_core import __version__
from vsrpp_core.batches.dataset import PairDataset, TrainingStream
from vsrpp_core.bench.results import Loop, Machine, Part, Reading, Step, Upscaling
from vsrpp_core.data.reader_count import most_readers
from vsrpp_core.data.resize import downscaled, imresize
from vsrpp_core.data.stacked import (
    DatasetFolder,
    PairPaths,
    Split,
    StackGeometry,
    summarize,
    write_pair,
)
from vsrpp_core.data.survey import geometry_to_train, measured
from vsrpp_core.device.hardware import Hardware, choose_hardware, describe_device
from vsrpp_core.device.speed import convolution_flops
from vsrpp_core.doctor.card import driver_view
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.network.inference import PictureUpscaler
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.files import nearest_folder
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.session.session import open_session
from vsrpp_core.training.step import build_model
from vsrpp_core.tune.default_settings import assumed_geometry, default_config
from vsrpp_core.tune.ladder import Rung
from vsrpp_core.tune.measure import measure_steps
from vsrpp_core.tune.predict import predict
from vsrpp_core.tune.run_tuning import told_by
from vsrpp_core.tune.search import Search
from vsrpp_core.tune.workload import Workload, flops

PAIRS: dict[Split, int] = {"train": 16, "val": 4}
"""Of the dataset that the short session has; links to the first ones of the user's, where there is one."""
BUSY_SECONDS, READING_SECONDS = 1.0, 2.0
SESSION_SECONDS, LEAST_STEPS, MOST_STEPS = 10.0, 4, 40
FRAMES = ((1280, 720), (640, 360), (320, 180), (160, 90))
"""LR pixels of the frames that are upscaled: the first that is expected to take UPSCALING_SECONDS at most."""
UPSCALING_SECONDS = 20.0


def bench(run: Path, data: Path | None) -> Iterator[Part]:
    """Measure this machine with the settings of ``run``, or those a new run would get: on a card the largest network of
    the ladder that passes. Nothing is left on the disk.

    VsrppError for settings or a dataset that cannot be used, and where the short session fails.
    """
    known = RunConfig.load_if_any(RunFolder(run).config)
    root = data or (Path(known.data.root) if known and known.data.root else None)
    with tempfile.TemporaryDirectory(prefix=".vsrpp-bench-", dir=nearest_folder(run)) as place:
        folder = _dataset(root, Path(place) / "data", assumed_geometry(known))
        geometry = geometry_to_train(root or folder.root, known.data.crop if known else 0)
        config = known or default_config(describe_device(), min(geometry.height, geometry.width))
        config = config.with_overrides({**told_by(geometry), "data.root": str(folder.root)})
        hardware = choose_hardware(config.training.precision)
        hardware.apply(fixed_shapes=True)
        yield _machine(hardware)
        search = Search(config, hardware, geometry, measure_steps)
        for rung in search.rungs:
            yield _rung(search, rung, hardware)
        if known is None and hardware.device.type == "cuda" and search.passed:  # what auto-tune would take
            config, _ = search.choose(search.passed.index)
        own = _own_step(config, hardware, geometry)
        yield own
        pairs = list(measured(DatasetFolder(root or folder.root).pairs("train")))
        yield from _readings(config, hardware, pairs, geometry, is_made_up=root is None)
        yield _session(Path(place) / "run", config, folder.root, own.seconds)
        yield _upscaling(config, hardware)


def _machine(hardware: Hardware) -> Machine:
    device, view = hardware.description, driver_view() if hardware.device.type == "cuda" else None
    return Machine(
        device=device.name,
        kind=device.kind,
        memory=device.memory,
        precision=hardware.precision,
        processor=_processor(),
        cores=psutil.cpu_count() or 1,
        threads=torch.get_num_threads(),
        host_memory=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        torch=torch.__version__,
        cuda=torch.version.cuda or "",
        driver=view.driver if view else "",
        vsrpp=__version__,
        date=date.today().isoformat(),
        busy=psutil.cpu_percent(BUSY_SECONDS) / 100,
        power_limit=view.card.power_limit if view else None,
        throttled=view.card.throttled if view else (),
    )


def _processor() -> str:
    """The CPU's name as Linux says it, else what Python knows of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


# a dataset


def _dataset(root: Path | None, place: Path, geometry: StackGeometry) -> DatasetFolder:
    """A small dataset at ``place``: links to the first pairs of the one at ``root``, or of made-up pictures."""
    folder = DatasetFolder(place)
    if root is None:
        _make_up(folder, geometry)
        return folder
    summary = summarize(root)
    if summary.problem:
        raise VsrppError(summary.problem)
    for split, count in PAIRS.items():
        for number, pair in enumerate(DatasetFolder(root).pairs(split)[:count]):
            for file, into in ((pair.lr, folder.lr_folder(split)), (pair.gt, folder.gt_folder(split))):
                into.mkdir(parents=True, exist_ok=True)
                (into / f"{number}{file.suffix}").symlink_to(file.absolute())  # several folders may have a name
    return folder


def _make_up(folder: DatasetFolder, geometry: StackGeometry) -> None:
    """Smooth pictures with grain, which PNG packs about as well as those of a film."""
    random, side = np.random.default_rng(0), geometry.gt_width
    for index in range(sum(PAIRS.values())):
        smooth = imresize(random.integers(0, 256, (side // 9, side // 9, 3), dtype=np.uint8), side, side)
        picture = (smooth + random.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)
        lr = downscaled(picture, geometry.scale)
        middle = geometry.n_frames // 2
        frames = [np.roll(lr, shift - middle, axis=1) for shift in range(geometry.n_frames)]
        write_pair(folder, "train" if index < PAIRS["train"] else "val", f"made_up_{index}.png", frames, picture)


# steps


def _own_step(config: RunConfig, hardware: Hardware, geometry: StackGeometry) -> Step:
    """The run's settings, as they are; its own limits of time do not end the measurement."""
    patient = config.with_overrides({"tune.max_seconds": 3600.0})
    measured = measure_steps(patient, hardware, geometry)
    seconds = measured.seconds * config.training.accumulation
    verdict = "out of memory" if measured.out_of_memory else "the run's own settings"
    return _step(0, config, hardware, geometry, seconds, measured.memory_peak, verdict)


def _rung(search: Search, rung: Rung, hardware: Hardware) -> Step:
    """With the limits of auto-tune; what is ruled out by them is not measured."""
    reason = "" if rung.modes else rung.verdict
    reason = reason or search.why_not_measure(rung)
    if reason:
        config = rung.configure(search.config, rung.mode, search.geometry.n_frames)
        return _step(rung.index, config, hardware, search.geometry, float("nan"), 0, f"not measured, {reason}")
    tried = [event for event in search.attempt(rung) if isinstance(event, ev.ConfigurationTried)][-1]
    config = rung.configure(search.config, tried.checkpointing, search.geometry.n_frames)
    return _step(
        rung.index, config, hardware, search.geometry, tried.seconds_per_step, tried.memory_peak, tried.verdict
    )


def _step(
    rung: int,
    config: RunConfig,
    hardware: Hardware,
    geometry: StackGeometry,
    seconds: float,
    memory: int,
    verdict: str,
) -> Step:
    training, work = config.training, Workload.of(config, geometry, hardware.precision)
    ceiling = convolution_flops(hardware.device.type, hardware.precision, work.n_feats)
    return Step(
        rung=rung,
        n_feats=work.n_feats,
        n_blocks=work.n_blocks,
        batch_size=training.batch_size,
        accumulation=training.accumulation,
        checkpointing=training.checkpointing,
        width=work.width,
        height=work.height,
        seconds=seconds,
        memory=memory,
        share=flops(work) / seconds / ceiling,
        verdict=verdict,
    )


# reading, a session, upscaling


def _readings(
    config: RunConfig, hardware: Hardware, pairs: list[PairPaths], geometry: StackGeometry, is_made_up: bool
) -> Iterator[Reading]:
    """By the program itself, and by as many processes as a run would have."""
    most = most_readers(config, hardware.description.kind, len(pairs), geometry)
    for readers in sorted({0, most}):
        dataset = PairDataset(pairs, geometry, 0, config.data.crop, config.data.augment, cache_bytes=0)
        batch = min(config.training.batch_size, len(pairs))
        stream = TrainingStream(dataset, 0, batch, 1, readers)
        try:
            yield Reading(readers, _samples_per_second(stream), is_made_up)
        finally:
            stream.close()


def _samples_per_second(stream: TrainingStream) -> float:
    """After the first step, for which processes are started."""
    stream.next_step()
    stream.confirm()
    samples, start = 0, time.perf_counter()
    while True:
        stream.next_step()
        samples += stream.samples_drawn
        stream.confirm()
        taken = time.perf_counter() - start
        if taken >= READING_SECONDS:
            return samples / taken


def _session(run: Path, config: RunConfig, data: Path, step_seconds: float) -> Loop:
    """Some steps, one validation and one checkpoint of a session of its own."""
    steps = int(max(LEAST_STEPS, min(MOST_STEPS, SESSION_SECONDS / step_seconds))) if step_seconds > 0 else LEAST_STEPS
    cadences = {f"cadence.{name}_every": steps for name in ("validate", "checkpoint", "tensorboard", "journal")}
    short = {
        **cadences,
        "training.max_steps": steps,
        "cadence.status_every": 1,
        "cadence.best_from": 0,
        "cadence.best_until": 0,
        "training.init": "",  # whose file may be gone, and whose weights take no other time
    }
    settings = {setting.key: setting.value for setting in config.settings()}
    reports, loop = list[ev.StepReported](), {"validation_pairs": 0, "validation_seconds": 0.0}
    saved: ev.CheckpointSaved | None = None
    session = open_session(run, data, start="fresh", overrides={**settings, **short})
    session.keep_private()
    for event in session.events(CommandQueue()):
        match event:
            case ev.StepReported():
                reports.append(event)
            case ev.ValidationFinished():
                loop = {"validation_pairs": event.samples, "validation_seconds": event.seconds / event.samples}
            case ev.CheckpointSaved():
                saved = event
            case ev.SessionFailed():
                raise VsrppError(f"the short training failed: {event.error}")
    later = reports[1:]  # kernels are prepared in the first
    assert later and saved, "a session of several steps reports each, and saves the last"
    return Loop(
        steps=len(later),
        seconds=float(np.median([report.seconds_per_step for report in later])),
        data_wait=float(np.mean([report.data_wait for report in later])),
        validation_seconds=float(loop["validation_seconds"]),
        validation_pairs=int(loop["validation_pairs"]),
        checkpoint_seconds=saved.seconds,
        checkpoint_size=saved.size,
    )


def _upscaling(config: RunConfig, hardware: Hardware) -> Upscaling:
    bearable = (size for size in FRAMES if _expected(config, hardware, *size) <= UPSCALING_SECONDS)
    width, height = next(bearable, FRAMES[-1])
    model, upscaler = build_model(config, hardware).eval(), PictureUpscaler(hardware)
    frames = np.random.default_rng(0).integers(0, 256, (config.model.n_frames, height, width, 3), dtype=np.uint8)
    upscaler(model, frames)  # prepares kernels, and finds the size of tiles
    start = time.perf_counter()
    upscaler(model, frames)
    return Upscaling(width, height, time.perf_counter() - start, upscaler.tile)


def _expected(config: RunConfig, hardware: Hardware, width: int, height: int) -> float:
    """Seconds of the forward pass: a third of those of a step with one such sample, where that is known."""
    one = config.with_overrides({"training.batch_size": 1, "training.accumulation": 1, "data.crop": 0})
    seconds = predict(one, StackGeometry(config.model.n_frames, height, width, config.model.scale), hardware).seconds
    return seconds / 3 if seconds == seconds else 0.0
