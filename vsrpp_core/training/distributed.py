"""Several processes that train one run together, one GPU each, as torchrun starts them.

The batch of the configuration is split over the ranks and gradients are summed, so that the run is the same whatever
the number of ranks. Every rank takes every decision from the same figures; what only one can know (commands, what is on
the disk) the first rank knows and tells the others. Only the first rank writes.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.messages.commands import Command, CommandQueue
from vsrpp_core.training.inbox import Inbox

T = TypeVar("T")


class ToldByFirstError(VsrppError):
    """What the first rank raised, raised on another one: it has been told already."""


PATIENCE = timedelta(days=7)
"""Ranks wait for the first while it validates, saves or is paused; one that has died is noticed at once anyway."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process's place among those that train together; one alone needs no process group."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def agree(self, value: T) -> T:
        """The first rank's value, on every rank. Plain objects only."""
        if self.size == 1:
            return value
        box: list[T | None] = [value if self.is_first else None]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]  # type: ignore[return-value]

    def from_first(self, work: Callable[[], T]) -> T:
        """What ``work`` gives on the first rank, which alone does it. Its VsrppError ends the others too."""
        if self.size == 1:
            return work()
        if not self.is_first:
            value, failure = self.agree((None, ""))
            if failure:
                raise ToldByFirstError(failure)
            return value  # type: ignore[return-value]
        try:
            return self.agree((work(), ""))[0]
        except VsrppError as error:
            self.agree((None, str(error)))
            raise

    def wait(self) -> None:
        """Until every rank has come here."""
        if self.size > 1:
            dist.barrier()

    def sum(self, tensor: Tensor) -> Tensor:
        """``tensor`` added up over all ranks, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def join(self, model: nn.Module) -> nn.Module:
        """``model`` as it is trained: its gradients are the mean over the ranks after each backward pass."""
        return model if self.size == 1 else DistributedDataParallel(model, gradient_as_bucket_view=True)

    @staticmethod
    def postponed(model: nn.Module) -> AbstractContextManager[None]:
        """Keep gradients to this rank: more micro-batches of the same step follow."""
        return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()

    def inbox(self, queue: CommandQueue) -> Inbox:
        """Commands for all ranks; those put into the first rank's queue."""
        return Inbox(queue) if self.size == 1 else SharedInbox(queue, self)


ALONE = Ranks()


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
"""How gloo and NCCL tell that the other end is gone."""


def another_rank_has_ended(error: BaseException) -> bool:
    """Whether ``error`` only says that the connection to another rank is gone; that one knows why."""
    text = str(error)
    lost = any(words in text for words in LOST)
    return isinstance(error, RuntimeError) and ("gloo" in text or "NCCL" in text) and lost


@contextmanager
def ranks_of_this_job() -> Iterator[Ranks]:
    """The ranks that torchrun started, joined until the context ends; alone where it was not torchrun."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    if "LOCAL_RANK" not in os.environ or "MASTER_ADDR" not in os.environ:
        raise UsageError(f"WORLD_SIZE is {size}, but not by torchrun; start with torchrun, or unset WORLD_SIZE")
    if torch.cuda.is_available():
        local, devices = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= devices:
            raise UsageError(f"there is no GPU for rank {local}; start with --nproc-per-node {devices} at most")
        torch.cuda.set_device(local)
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()
