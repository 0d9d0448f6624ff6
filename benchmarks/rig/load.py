"""What else the machine had to do while something was measured: a figure from a busy machine says so."""

import os
import sys
import time

import psutil

BUSY = 0.2
"""Cores; with more than that in other hands, a figure tells of them too."""


class Ours:
    """Processes whose work is ours although they do not descend from this one, such as a tmux server."""

    def __init__(self) -> None:
        self._roots = {os.getpid()}
        self._gone = 0.0

    def take_in(self, pid: int) -> None:
        self._roots.add(pid)

    def let_go(self, pid: int) -> None:
        """Before it ends: what it has done stays counted."""
        self._roots.discard(pid)
        self._gone += _tree(pid)

    def seconds(self) -> float:
        """Of work so far."""
        return self._gone + sum(_tree(root) for root in self._roots)


OURS = Ours()


class OtherLoad:
    """Cores that programs other than ours kept busy, since it was made, on average."""

    def __init__(self) -> None:
        self._begun = self._now()

    def cores(self) -> float:
        return cores_of_others(self._begun, self._now())

    def tell(self) -> dict[str, float]:
        """For the line of JSON; a word on stderr where it is much."""
        cores = self.cores()
        if cores > BUSY:
            print(
                f"other programs kept {cores:.2f} of {os.cpu_count()} cores busy: these figures tell of that too",
                file=sys.stderr,
            )
        return {"other_load": cores}

    def _now(self) -> tuple[float, float, float]:
        """Moment, seconds of work of the whole machine, seconds of ours."""
        return time.monotonic(), _machine(), OURS.seconds()


def cores_of_others(begun: tuple[float, float, float], ended: tuple[float, float, float]) -> float:
    """Between two readings of (moment, seconds of work of the machine, of ours)."""
    seconds, machine, ours = (after - before for before, after in zip(begun, ended, strict=True))
    return round(max(machine - ours, 0.0) / seconds, 2) if seconds > 0 else 0.0


def _machine() -> float:
    """Guests are counted as users already; what a hypervisor took away was not ours either."""
    times = psutil.cpu_times()._asdict()
    return float(sum(value for name, value in times.items() if name not in ("idle", "iowait", "guest", "guest_nice")))


def _tree(root: int) -> float:
    """Of a process and all that descend from it; those that have ended are counted by who waited for them."""
    total = 0.0
    try:
        top = psutil.Process(root)
        processes = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return total
    for process in processes:
        try:
            total += sum(process.cpu_times()[:4])  # user, system, and both of its children
        except psutil.NoSuchProcess:
            continue
    return total
