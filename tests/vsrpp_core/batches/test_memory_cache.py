import numpy as np

from vsrpp_core.batches.memory_cache import DecodedCache
from vsrpp_core.data.stacked import Pair

PAIR_BYTES = 30


class Loader:
    """Makes pairs of 30 bytes and remembers which were asked of it."""

    def __init__(self) -> None:
        self.loaded: list[int] = []

    def __call__(self, index: int) -> Pair:
        self.loaded.append(index)
        return np.full(10, index, dtype=np.uint8), np.full(20, index, dtype=np.uint8)


def test_cached_pairs_are_loaded_once_and_the_rest_each_time() -> None:
    cache, load = DecodedCache(limit=2 * PAIR_BYTES + 29), Loader()
    for _ in range(3):
        assert [int(cache.get(index, load)[1][0]) for index in range(4)] == [0, 1, 2, 3]
    assert load.loaded == [0, 1, 2, 3, 2, 3, 2, 3]
    assert len(cache) == 2


def test_without_memory_nothing_is_kept() -> None:
    cache, load = DecodedCache(limit=0), Loader()
    for _ in range(2):
        cache.get(5, load)
    assert load.loaded == [5, 5] and len(cache) == 0


def test_the_limit_may_be_filled_to_the_byte() -> None:
    cache, load = DecodedCache(limit=PAIR_BYTES), Loader()
    cache.get(5, load)
    cache.get(5, load)
    assert load.loaded == [5]
