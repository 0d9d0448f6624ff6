"""Decoded images kept in memory, so that a small dataset is read from disk once, not once per epoch."""

from collections.abc import Callable

from vsrpp_core.data.stacked import Pair


class DecodedCache:
    """Keeps what is loaded first until ``limit`` bytes are full, and never evicts.

    An epoch touches every sample once: evicting the oldest would drop each sample just before it is needed again.
    Keeping a fixed part serves that part every time.
    """

    def __init__(self, limit: int) -> None:
        self._room = limit
        self._pairs: dict[int, Pair] = {}

    def get(self, index: int, load: Callable[[int], Pair]) -> Pair:
        """The pair of ``index``, from memory or by ``load``. The arrays are shared: do not write to them."""
        pair = self._pairs.get(index)
        if pair is not None:
            return pair
        pair = load(index)
        size = pair[0].nbytes + pair[1].nbytes
        if size <= self._room:
            self._room -= size
            self._pairs[index] = pair
        return pair

    def __len__(self) -> int:
        return len(self._pairs)
