"""All checks in order, and what they mean for the run together.

Separate from the checks so that a screen or a script can take single ones.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path

from vsrpp_core.data.build_disk_cache import find_cache
from vsrpp_core.data.disk_cache import DiskCache, header_for
from vsrpp_core.data.reader_count import batch_bytes, most_readers
from vsrpp_core.data.stacked import (
    DatasetFolder,
    DatasetSummary,
    PairPaths,
    StackGeometry,
    load_pair,
    measure,
    summarize,
)
from vsrpp_core.data.survey import measured
from vsrpp_core.device.hardware import Hardware, choose_hardware, describe_device
from vsrpp_core.doctor import card, machine
from vsrpp_core.doctor.findings import DatasetSpeed, Finding, NotChecked, Outlook
from vsrpp_core.errors import VsrppError, first_line
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.disk import GB
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.tune.default_settings import assumed_geometry, default_config
from vsrpp_core.tune.predict import predict
from vsrpp_core.tune.workload import Workload, parameters

READING_SECONDS, READ_AT_LEAST = 2.0, 3
BYTES_PER_PARAMETER = 16
"""Of a checkpoint: the weight, its average and two moments, in fp32."""


def examine(run: Path, data: Path | None) -> Iterator[Finding | Outlook]:
    """Every finding as soon as it is there, and at last the outlook. Nothing is left behind on the disk.

    ``run`` need not exist: then its settings are those a new run would get. VsrppError for settings that cannot be
    read.
    """
    folder = RunFolder(run)
    known = RunConfig.load_if_any(folder.config)
    root = data or (Path(known.data.root) if known and known.data.root else None)
    summary = summarize(root) if root else None
    geometry = (summary.geometry if summary else None) or assumed_geometry(known)
    view = card.driver_view()
    build = card.torch_build(view)
    yield build
    if view:
        yield view.card
    config = known or default_config(describe_device(), min(geometry.height, geometry.width))
    found: list[Finding] = [build]
    for finding in _checks(run, root, summary, config, geometry, computes=not build.problem):
        found.append(finding)
        yield finding
    yield _outlook(found, config)


def _checks(
    run: Path,
    root: Path | None,
    summary: DatasetSummary | None,
    config: RunConfig,
    geometry: StackGeometry,
    computes: bool,
) -> Iterator[Finding]:
    hardware = None
    if computes:
        try:
            hardware = choose_hardware(config.training.precision)
            yield from card.arithmetic(hardware)
            yield card.speed(hardware, config.model.n_feats)
        except (RuntimeError, VsrppError) as error:
            yield NotChecked("arithmetic", first_line(error))
    yield machine.host()
    workers = most_readers(config, describe_device().kind, summary.train if summary else 0, geometry)
    batch = batch_bytes(config, geometry)
    yield from filter(None, (machine.shared_memory(workers, batch), machine.open_files()))
    work = Workload.of(config, geometry, "fp32")
    yield machine.run_disk(run, BYTES_PER_PARAMETER * parameters(work))
    if root and summary:
        yield _dataset_speed(root, summary, config, workers, _samples_per_second(config, geometry, hardware))
    yield machine.screen()
    yield from filter(None, (machine.tmux(),))
    yield machine.codecs()


def _samples_per_second(config: RunConfig, geometry: StackGeometry, hardware: Hardware | None) -> float:
    """As a run is expected to take them; NaN where that is not known."""
    if hardware is None:
        return math.nan
    samples = config.training.batch_size * config.training.accumulation
    return samples / predict(config, geometry, hardware).seconds


def _dataset_speed(root: Path, summary: DatasetSummary, config: RunConfig, workers: int, needed: float) -> DatasetSpeed:
    """Pairs from all over the dataset, as the first epoch reads them: from the cache file where there is one."""
    if summary.problem or summary.geometry is None:
        return DatasetSpeed(root, 0, math.nan, needed, workers, False, summary.problem)
    pairs, geometry = DatasetFolder(root).pairs("train"), summary.geometry
    is_kept = config.data.cache == "memory" and len(pairs) * geometry.pair_bytes <= config.data.cache_gb * GB
    try:
        cache = _disk_cache(root, pairs, geometry) if config.data.cache == "disk" else None
        done, start = 0, time.monotonic()
        for index in _spread(len(pairs)):
            if cache:
                cache.read(index)
            else:
                load_pair(pairs[index], measure(pairs[index]))
            done += 1
            if done >= READ_AT_LEAST and time.monotonic() - start > READING_SECONDS:
                break
    except VsrppError as error:
        return DatasetSpeed(root, len(pairs), math.nan, needed, workers, is_kept, str(error))
    return DatasetSpeed(root, len(pairs), done / max(time.monotonic() - start, 1e-9), needed, workers, is_kept)


def _disk_cache(root: Path, pairs: list[PairPaths], geometry: StackGeometry) -> DiskCache | None:
    pairs = list(measured(pairs))
    header = header_for(pairs, geometry)
    file = find_cache(root, header)
    return DiskCache(file, header, pairs) if file else None


def _spread(count: int) -> Iterator[int]:
    """Every index once, far apart at first."""
    step = max(1, int(0.618 * count))
    while math.gcd(step, count) > 1:
        step += 1
    return (number * step % count for number in range(count))


def _outlook(found: list[Finding], config: RunConfig) -> Outlook:
    reading = next((finding for finding in found if isinstance(finding, DatasetSpeed)), None)
    samples = config.training.batch_size * config.training.accumulation
    step = samples / reading.needed_per_second if reading else math.nan
    seconds = samples / reading.all_readers if reading else math.nan
    if any(finding.verdict == "fault" for finding in found):
        return Outlook("faults", step, seconds)
    if reading is None or math.isnan(step) or math.isnan(seconds):
        return Outlook("unknown", step, seconds)
    return Outlook("reading" if reading.problem else "device", step, seconds)
