"""Several processes that train one run together, one GPU each, as torchrun starts them.

The configured batch is split over the ranks and gradients are summed, so the run is the same for any number of ranks.
Every rank makes every decision from the same figures; what only one can know (commands, files on disk) the first rank
knows and broadcasts. Only the first rank writes.
"""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from vsrpp_core.errors import UsageError, VsrppError, first_line
from vsrpp_core.messages.commands import Command, CommandQueue
from vsrpp_core.training.inbox import Inbox

T = TypeVar("T")


class FirstRankError(VsrppError):
    """The first rank's error, raised on another one: it has been reported already."""


GROUP_TIMEOUT = timedelta(days=7)
"""Ranks wait for the first while it validates, saves or is paused; a rank that dies is noticed at once anyway."""

STEP_TIMEOUT = timedelta(minutes=10)
"""Within a step all do the same, and one that is later than this hangs."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process's place among those that train together; a single rank needs no process group."""

    rank: int = 0
    size: int = 1
    patient: dist.ProcessGroup | None = None
    """The group in which ranks wait for the first, for as long as that takes; without it, that of the steps."""

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def agree(self, value: T) -> T:
        """The first rank's value, on every rank. Plain objects only."""
        if self.size == 1:
            return value
        box: list[T | None] = [value if self.is_first else None]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"), group=self.patient)
        return box[0]  # type: ignore[return-value]

    def from_first(self, work: Callable[[], T]) -> T:
        """The result of ``work``, which only the first rank does. Its VsrppError ends the others too."""
        if self.size == 1:
            return work()
        if not self.is_first:
            value, failure = self.agree((None, ""))
            if failure:
                raise FirstRankError(failure)
            return value  # type: ignore[return-value]
        try:
            return self.agree((work(), ""))[0]
        except VsrppError as error:
            self.agree((None, str(error)))
            raise

    def wait(self) -> None:
        """Block until every rank has reached this call."""
        if self.size > 1:
            dist.barrier(self.patient)

    def all(self, value: bool) -> bool:
        """Whether ``value`` is true on every rank."""
        if self.size == 1:
            return value
        least = torch.tensor(int(value))
        dist.all_reduce(least, op=dist.ReduceOp.MIN)
        return bool(least)

    def largest(self, value: float) -> float:
        """Of all ranks' values."""
        if self.size == 1:
            return value
        most = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(most, op=dist.ReduceOp.MAX)
        return float(most)

    def sum(self, tensor: Tensor) -> Tensor:
        """``tensor`` added up over all ranks, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def join(self, model: nn.Module) -> nn.Module:
        """``model`` wrapped for training: after each backward pass its gradients are the mean over the ranks."""
        return model if self.size == 1 else DistributedDataParallel(model, gradient_as_bucket_view=True)

    @staticmethod
    def no_sync(model: nn.Module) -> AbstractContextManager[None]:
        """Do not sum gradients over the ranks yet: more micro-batches of the same step follow."""
        return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()

    def inbox(self, queue: CommandQueue) -> Inbox:
        """The commands in the first rank's queue, for all ranks."""
        return Inbox(queue) if self.size == 1 else SharedInbox(queue, self)


SINGLE_RANK = Ranks()


class SharedInbox(Inbox):
    """The first rank's commands, handed to every rank in the same order and at the same step."""

    def __init__(self, queue: CommandQueue, ranks: Ranks) -> None:
        super().__init__(queue)
        self._ranks = ranks

    def next(self, wait: bool = False) -> Command | None:
        return self._ranks.agree(super().next(wait) if self._ranks.is_first else None)


LOST = (
    "onnection closed",
    "onnection reset",
    "onnection refused",
    "roken pipe",
    "remote process exit",
    "communicator was aborted",
)
"""What gloo and NCCL say when the other end is gone."""


LATE = ("imed out waiting", "ollective operation timeout")
"""What they say when it does not answer in time."""


def trouble_of_another_rank(error: BaseException) -> str:
    """What became of another rank where that is all that ``error`` says, or empty; the cause is in that rank's log."""
    text = str(error)
    if not isinstance(error, RuntimeError) or not ("gloo" in text or "NCCL" in text):
        return ""
    if any(words in text for words in LATE):
        return f"another rank has not answered for {STEP_TIMEOUT.total_seconds() / 60:g} minutes"
    return "another rank has ended" if any(words in text for words in LOST) else ""


ARRIVAL = timedelta(seconds=50)
"""In which every rank must have come."""

OF_TORCHRUN = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun sets for each rank beside WORLD_SIZE."""


RESTARTS = "TORCHELASTIC_RESTART_COUNT"
"""How often torchrun has started the ranks again after a failure. Its store outlives them, with the addresses of those
that are gone: each start has a part of it for itself. Machines that join are no failure, but change the size."""


def _number(name: str, default: int = 0) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or (name == "WORLD_SIZE" and int(text) < 1):
        raise UsageError(f"{name} is {text!r}, not a number as torchrun sets it; start with torchrun, or unset it")
    return int(text)


def restarts() -> int:
    """Of this job's ranks by torchrun, so far."""
    return _number(RESTARTS)


def _met(size: int) -> tuple[Store, int]:
    """Where all ranks have met, and which one this is. VsrppError where one does not come: the group waits for days."""
    rank = _number("RANK")
    try:
        shared, rank, _ = next(rendezvous("env://", timeout=ARRIVAL))
        store = PrefixStore(f"vsrpp {restarts()} {size}", shared)
        store.set(f"rank {rank}", "is here")
        store.wait([f"rank {other}" for other in range(size)], ARRIVAL)
    except RuntimeError as error:
        raise VsrppError(
            f"rank {rank}: not all {size} ranks have come within {ARRIVAL.total_seconds():g} seconds "
            f"({first_line(error)}); start one for each GPU that WORLD_SIZE counts, with torchrun"
        ) from error
    store.set_timeout(GROUP_TIMEOUT)
    return store, rank


@contextmanager
def ranks_of_this_job() -> Iterator[Ranks]:
    """The ranks that torchrun started, joined until the context ends; a single rank without torchrun."""
    size = _number("WORLD_SIZE", 1)
    if size == 1:
        yield SINGLE_RANK
        return
    missing = [name for name in OF_TORCHRUN if name not in os.environ]
    if missing:
        raise UsageError(
            f"WORLD_SIZE is {size} but {', '.join(missing)} not set, so not by torchrun; start with torchrun, or unset "
            "WORLD_SIZE"
        )
    if _number("RANK") >= size:
        raise UsageError(f"RANK is {_number('RANK')} of WORLD_SIZE {size}; start with torchrun, or unset both")
    _number("MASTER_PORT")
    if torch.cuda.is_available():
        local, devices = _number("LOCAL_RANK"), torch.cuda.device_count()
        if local >= devices:
            raise VsrppError(f"there is no GPU for rank {local}; start with --nproc-per-node {devices} at most")
        torch.cuda.set_device(local)
    backend, (store, rank) = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", _met(size)
    dist.init_process_group(backend, timeout=STEP_TIMEOUT, store=store, rank=rank, world_size=size)
    try:
        yield Ranks(dist.get_rank(), size, dist.new_group(backend="gloo", timeout=GROUP_TIMEOUT))
    finally:
        gc.collect()  # reducers in garbage would end with the process, after the group, and abort it
        dist.destroy_process_group()
