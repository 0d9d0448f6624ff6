"""What the page of a run costs: its visitors' first screens, and what ten of them take from the training.

The demo's network on this machine's cores, watched as `vsrpp-tui --serve` lets ten visitors watch it, and by nobody, in
turns. A visitor is a connection as the page has it, without a browser, of 160 × 48 cells. Prints one JSON line: seconds
and CPU seconds from opening to the first screen that shows the run, with nobody else there; the CPU seconds of a step
with visitors over those without; the cores that the server and each visitor's application take; and the steps between
the first and the last of the journal that are not in it, or twice.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import psutil

from benchmarks.rig.demo import demo_run, trained
from benchmarks.rig.ending import signals_unwind
from benchmarks.rig.load import OtherLoad
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.remote.standing import standing_of
from vsrpp_core.run.folder import RunFolder

VISITORS, OPENINGS, ROUNDS, ROUND_SECONDS = 10, 3, 2, 15.0
SHOWN = b"trains it"
"""Part of the first screen that shows how the run stands."""


Visit = tuple["asyncio.Task[None]", aiohttp.ClientWebSocketResponse]


def main() -> None:
    load = OtherLoad()
    with signals_unwind(), tempfile.TemporaryDirectory() as place:
        run, _ = demo_run(Path(place), {"cadence.journal_every": 1})
        with trained(run) as folder, served(run) as (server, address):
            figures = asyncio.run(measured(folder, server, address))
        steps = [event.step for event in journal.replay(folder.journal) if isinstance(event, ev.StepReported)]
    lost = steps[-1] - steps[0] + 1 - len(set(steps)) + (len(steps) - len(set(steps)))
    print(json.dumps({"benchmark": "visitors", "visitors": VISITORS, **figures, "steps_lost": lost, **load.tell()}))


@contextmanager
def served(run: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The server's process, and its address."""
    words = [sys.executable, "-m", "vsrpp_tui", "--serve", str(run), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield psutil.Process(process.pid), process.stdout.readline().split()[-1]
        finally:
            process.terminate()


async def measured(folder: RunFolder, server: psutil.Process, address: str) -> dict[str, object]:
    trainer = psutil.Process(folder.owner())
    per_step: dict[bool, list[float]] = {True: [], False: []}
    opening, opening_cpu, cores, application_cores = [], [], [], []
    async with aiohttp.ClientSession() as session:
        for _ in range(OPENINGS):
            begun = time.monotonic()
            visit = await opened(session, address)
            opening.append(time.monotonic() - begun)
            opening_cpu.append(_children(server))
            await left([visit], server)
        for place in range(2 * ROUNDS):
            visits = await asyncio.gather(*(opened(session, address) for _ in range(VISITORS if place % 2 else 0)))
            step, before = standing_of(folder).step, (_cpu(trainer), _cpu(server), _children(server))
            begun = time.monotonic()
            await asyncio.sleep(ROUND_SECONDS)
            seconds, after = time.monotonic() - begun, (_cpu(trainer), _cpu(server), _children(server))
            per_step[bool(visits)].append((after[0] - before[0]) / max(standing_of(folder).step - step, 1))
            if visits:
                cores.append((after[1] - before[1]) / seconds)
                application_cores.append((after[2] - before[2]) / seconds / VISITORS)
            await left(visits, server)
    return {
        "first_screen_s": round(statistics.median(opening), 2),
        "first_screen_cpu_s": round(statistics.median(opening_cpu), 2),
        "trainer_cpu_with_visitors": round(statistics.median(per_step[True]) / statistics.median(per_step[False]), 3),
        "server_cores": round(statistics.median(cores), 3),
        "cores_of_a_visitor": round(statistics.median(application_cores), 3),
    }


async def opened(session: aiohttp.ClientSession, address: str) -> Visit:
    """A visit whose first screen is there, and the task that goes on reading it."""
    visit = await session.ws_connect(f"{address}ws?width=160&height=48")
    drawn = b""
    while SHOWN not in drawn:
        drawn += await visit.receive_bytes()

    async def read() -> None:
        with suppress(asyncio.CancelledError):
            async for _ in visit:
                pass

    return asyncio.create_task(read()), visit


async def left(visits: Sequence[Visit], server: psutil.Process) -> None:
    """Close ``visits``, until their applications have ended."""
    for reader, visit in visits:
        reader.cancel()
        await visit.close()
    while server.children():
        await asyncio.sleep(0.1)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _children(server: psutil.Process) -> float:
    return sum(_cpu(child) for child in server.children())


if __name__ == "__main__":
    main()
