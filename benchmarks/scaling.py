"""What several GPUs gain: the bytes that each step sums over the ranks, against the time of the step.

    python benchmarks/scaling.py           the tables of docs/scaling.md
    python benchmarks/scaling.py --check   measures the parts with two processes on this machine, and puts them together

A step of N ranks takes as long as one rank's own part, and what does not overlap of the gradients' sum. The sum is a
ring: each rank sends and receives 2 (N - 1) / N of the bytes over the slowest link there is, and each of the 2 (N - 1)
passes takes a latency ("Performance reported by NCCL tests", NVIDIA/nccl-tests, doc/PERFORMANCE.md). It overlaps with
the backward pass of the last micro-batch, bucket by bucket as gradients become known, but for the last bucket.

The check takes three things in turns in two processes: steps that sum nothing, steps that do, and the sum by itself.
Its last line is JSON.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from socket import socket

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import DeviceDescription, Hardware, choose_hardware
from vsrpp_core.network.loss import LossWeights
from vsrpp_core.run.config import RunConfig
from vsrpp_core.training.distributed import Ranks
from vsrpp_core.training.step import OptimizerStep, build_model
from vsrpp_core.tune.ladder import Rung, forecast
from vsrpp_core.tune.measure import _random_batch

GEOMETRY = StackGeometry(5, 180, 180)
RANKS = (2, 4, 8, 16, 32, 64)

BACKWARD = 2 / 3
"""Of a micro-batch's time: each convolution of the forward pass has two in the backward pass, for its input and for its
weight."""

BUCKET = 25 * 2**20
"""Bytes that DistributedDataParallel sums at once, by default (``bucket_cap_mb``)."""

MESSAGES, MESSAGE_SECONDS = 4, 100e-6
"""What ranks tell each other through the hosts in each step, one after the other before it begins: a command's length
and the command, whether all have their pictures, and the figures. Each takes log2 N passes; the seconds are those of a
pass through TCP between machines, rounded up: over this machine's loopback ``--check`` finds about as much."""


@dataclass(frozen=True, slots=True)
class Link:
    """The slowest connection in the ring: bytes a second in either direction, and seconds of latency a pass."""

    name: str
    bandwidth: float
    latency: float


LINKS = (
    Link("NVLink 4", 370e9, 5e-6),
    Link("PCIe 5", 28e9, 5e-6),
    Link("100 Gb/s", 7.5e9, 10e-6),
    Link("10 Gb/s", 1.18e9, 30e-6),
)
"""What all-reduces reach, not what is printed on the box. NVLink: 370 of 450 GB/s by a maintainer of NCCL
(NVIDIA/nccl-tests issue 212). PCIe: 28 GB/s with 8 RTX 5090 in one machine (NVIDIA/nccl issue 1639). 100 Gb Ethernet:
60 % of the line's rate through TCP (NVIDIA/nccl issue 209), and less where several sockets share the card's interrupts
(issue 450); RDMA reaches twice that. 10 Gb Ethernet: the line's rate less the headers of Ethernet, IP and TCP, 1,448 of
1,538 bytes. Latencies: a small all-reduce of 8 GPUs on PCIe takes 42 us (nccl issue 1530), of 16 and 64 GPUs over
100 Gb Ethernet 160 and 630 us (gists of jacobkahn with nccl-tests on p3dn.24xlarge); the last is a guess."""


def card(
    name: str, capability: tuple[int, int], processors: int, clock: float, memory: int, bandwidth: float
) -> Hardware:
    """A card that need not be here, as its data sheet describes it, in bf16."""
    device = DeviceDescription(name, memory, "cuda", capability, processors, clock, bandwidth)
    return Hardware(torch.device("cuda"), device, "bf16", "")


H100 = card("H100 SXM", (9, 0), 132, 1.83e9, 80 * 10**9, 3.35e12)
RTX_4090 = card("NVIDIA GeForce RTX 4090", (8, 9), 128, 2.52e9, 24 * 10**9, 1.008e12)
"""NVIDIA's white papers on Hopper and on Ada: multiprocessors, boost clock, memory."""


@cache
def rungs(hardware: Hardware) -> list[Rung]:
    """The ladder of auto-tune on whole patches."""
    return forecast(RunConfig(), hardware, GEOMETRY)


def ring_seconds(n_bytes: float, ranks: int, link: Link) -> float:
    """Of the sum of ``n_bytes`` over ``ranks``."""
    return 2 * (ranks - 1) * (n_bytes / ranks / link.bandwidth + link.latency)


def exposed_seconds(n_bytes: float, ranks: int, link: Link, overlap: float) -> float:
    """What a step waits for the sum, of which ``overlap`` seconds of computing hide all but the last bucket."""
    last = ring_seconds(min(n_bytes, BUCKET), ranks, link)
    return max(last, ring_seconds(n_bytes, ranks, link) - overlap)


def told_seconds(ranks: int) -> float:
    """Of the messages between the hosts."""
    return MESSAGES * MESSAGE_SECONDS * (ranks - 1).bit_length()


def efficiency(rung: Rung, ranks: int, link: Link) -> float:
    """Share of ``ranks`` times the speed of one, where each has the rung's own batch."""
    prediction = rung.predictions[rung.mode]
    overlap = BACKWARD * prediction.seconds / rung.accumulation
    waited = exposed_seconds(4 * prediction.parameters, ranks, link, overlap) + told_seconds(ranks)
    return prediction.seconds / (prediction.seconds + waited)


def speedup_of_one_batch(rung: Rung, link: Link, ranks: int) -> float:
    """Times the speed of one rank, where the batch of a step stays and is split as one micro-batch."""
    prediction = rung.predictions[rung.mode]
    samples = rung.batch_size * rung.accumulation
    part = prediction.seconds * -(-samples // ranks) / samples
    waited = exposed_seconds(4 * prediction.parameters, ranks, link, BACKWARD * part) + told_seconds(ranks)
    return prediction.seconds / (part + waited)


def table(heading: str, columns: list[str], cell: Callable[[Rung, int], str], hardware: Hardware) -> str:
    """Markdown with a row for each rung."""
    rows = [[heading, *columns], ["---"] * (len(columns) + 1)]
    for rung in rungs(hardware):
        name = f"{rung.n_feats} × {rung.n_blocks}, {rung.batch_size * rung.accumulation} samples"
        rows.append([name, *(cell(rung, place) for place in range(len(columns)))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def sizes(hardware: Hardware, link: Link) -> str:
    """Bytes, the step's seconds, and those of the sum over 8 ranks."""

    def cell(rung: Rung, place: int) -> str:
        prediction = rung.predictions[rung.mode]
        n_bytes = 4 * prediction.parameters
        return (
            f"{n_bytes / 1e6:.0f} MB",
            f"{prediction.seconds:.2f} s",
            f"{1e3 * ring_seconds(n_bytes, 8, link):.1f} ms",
        )[place]

    return table("network", ["gradients", "step of one card", f"their sum, 8 ranks, {link.name}"], cell, hardware)


def growing(hardware: Hardware, link: Link) -> str:
    """Efficiency where the batch grows with the ranks."""
    columns = [str(ranks) for ranks in RANKS]
    return table(
        f"{link.name}, ranks",
        columns,
        lambda rung, place: f"{100 * efficiency(rung, RANKS[place], link):.0f} %",
        hardware,
    )


def splitting(hardware: Hardware) -> str:
    """Speed with one batch, on two and four ranks, over each link."""
    cases = [(link, ranks) for link in LINKS for ranks in (2, 4)]
    columns = [f"{link.name}, {ranks}" for link, ranks in cases]
    return table("network", columns, lambda rung, place: f"{speedup_of_one_batch(rung, *cases[place]):.1f}", hardware)


# the check

CHECKED = {"model.n_feats": 128, "model.n_blocks": 16, "training.batch_size": 1, "training.precision": "fp32"}
"""Many weights on few pixels: else the sum would be lost in the scatter of the steps."""

TURNS, SIDE = 25, 8


def measure(rank: int, port: int) -> None:
    """One of two processes, on one thread; the first prints."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", world_size=2, rank=rank)
    config, hardware = RunConfig().with_overrides(CHECKED), choose_hardware("fp32")
    step = OptimizerStep(build_model(config, hardware), config.training, hardware, Ranks(rank, 2))
    batch, weights = _random_batch(config, StackGeometry(5, SIDE, SIDE)), LossWeights(0.6, 0.2, 0.2)
    network = step._model
    gradients = torch.zeros(sum(p.numel() for p in network.parameters()))

    def alone() -> None:
        with Ranks.no_sync(network):
            step._backward(network, batch, weights, False)

    parts: dict[str, Callable[[], object]] = {
        "alone": alone,
        "together": lambda: step._backward(network, batch, weights, False),
        "sum": lambda: dist.all_reduce(gradients),
        "message": lambda: dist.all_reduce(torch.zeros(1)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for turn in range(TURNS + 1):
        for name, part in parts.items():
            dist.barrier()
            began = time.perf_counter()
            part()
            dist.barrier()  # the step takes as long as its slower rank
            if turn:
                seconds[name].append(time.perf_counter() - began)
            network.zero_grad()
    if rank == 0:
        report(seconds, 4 * gradients.numel())
    dist.destroy_process_group()


def report(seconds: dict[str, list[float]], n_bytes: int) -> None:
    """Steps that sum beside what the parts come to, by medians and by the least, which other work disturbs less; in
    milliseconds."""
    for name, of in (("median", statistics.median), ("least", min)):
        found = {part: 1e3 * of(each) for part, each in seconds.items()}
        found["if_all_overlaps"] = max(found["alone"], found["sum"])
        found["if_nothing_does"] = found["alone"] + found["sum"]
        bandwidth = n_bytes / found["sum"] / 1e6
        rounded = {part: round(each, 2) for part, each in found.items()}
        more = {"megabytes": round(n_bytes / 1e6, 2), "gb_per_s": round(bandwidth, 3), "load": os.getloadavg()[0]}
        print(json.dumps({"benchmark": "scaling", "figures": name, **rounded, **more}))


def main() -> None:
    parser = argparse.ArgumentParser(description="What several GPUs gain.")
    parser.add_argument("--check", action="store_true", help="measure with two processes on this machine")
    if parser.parse_args().check:
        with socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        spawn(measure, (port,), nprocs=2)
        return
    for text in (
        sizes(H100, LINKS[0]),
        sizes(RTX_4090, LINKS[1]),
        *(growing(H100, link) for link in LINKS),
        splitting(H100),
    ):
        print(f"{text}\n")


if __name__ == "__main__":
    main()
