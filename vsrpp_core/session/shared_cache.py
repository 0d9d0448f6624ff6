"""The disk cache of a session: the first rank builds it, all read it."""

from collections.abc import Callable, Generator
from pathlib import Path

from vsrpp_core.data.build_disk_cache import find_cache, make_cache
from vsrpp_core.data.disk_cache import DiskCache, header_for
from vsrpp_core.data.stacked import PairPaths, StackGeometry
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.training.distributed import FirstRankError, Ranks


def shared_cache(
    root: Path, pairs: list[PairPaths], geometry: StackGeometry, ranks: Ranks, stopped: Callable[[], bool]
) -> Generator[ev.Event, None, DiskCache | None]:
    """The cache of ``pairs`` for this rank; None, on every rank, where ``stopped`` interrupted its building.

    ``stopped`` is called on the first rank. A VsrppError there ends all of them.
    """
    made, failure = None, ""
    if ranks.is_first:
        try:
            made = yield from make_cache(root, pairs, geometry, stopped)
        except VsrppError as error:
            failure = str(error)
    is_made, failure = ranks.agree((made is not None, failure))
    if failure:
        raise VsrppError(failure) if ranks.is_first else FirstRankError(failure)
    if not is_made or ranks.is_first:
        return made
    wanted = header_for(pairs, geometry)
    found = find_cache(root, wanted)
    if found is None:
        raise VsrppError(f"rank {ranks.rank} does not see the cache of {root} that the first made; share that folder")
    return DiskCache(found, wanted, pairs)
