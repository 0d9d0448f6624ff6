"""What else the machine had to do while something was measured: a figure from a busy machine says so."""

import os
import sys
import time

import psutil

BUSY = 0.2
"""Cores; with more than that in other hands, a figure tells of them too."""


class OtherLoad:
    """Cores that programs other than ours kept busy, since it was made, on average."""

    def __init__(self, *roots: int) -> None:
        """``roots`` are processes of ours that do not descend from this one, such as a tmux server."""
        self._roots = (os.getpid(), *roots)
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
        return time.monotonic(), _machine(), sum(_tree(root) for root in self._roots)


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
