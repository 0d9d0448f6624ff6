"""Which samples an epoch has and which batches they make: a pure function of (seed, epoch), so a position is a number.

Separate from the stream so that both of its readers, who takes batches and who counts them, ask the same thing.
"""

import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np


def shown(categories: Sequence[str], weights: Mapping[str, float], seed: int, epoch: int) -> list[tuple[int, int]]:
    """What an epoch has of samples of these categories, each as its index and how often the epoch had it before.

    Of a category of weight 2.25 every sample twice, and a quarter of them once more: in each epoch the next quarter of
    an order drawn from the seed. A category that has no weight has 1.
    """
    slots = list[tuple[int, int]]()
    for category in sorted(set(categories)):
        own = [index for index, one in enumerate(categories) if one == category]
        times, more = divmod(round(weights.get(category, 1.0) * len(own)), len(own))
        slots += [(index, time) for time in range(times) for index in own]
        if more:
            order = np.random.default_rng((seed, zlib.crc32(category.encode()))).permutation(own).tolist()
            first = (epoch - 1) * more
            slots += [(order[(first + place) % len(own)], times) for place in range(more)]
    return sorted(slots)


class EpochOrder:
    """Every sample once, in an order drawn from (seed, epoch), in batches of samples of one group.

    ``groups`` has the number of the group of each sample: pictures of one size. A batch is made when the order has
    brought ``batch_size`` samples of a group; what is left of each group makes the epoch's last batches, the groups in
    the order of their numbers. So the sizes of an epoch's batches are the same in every epoch.

    With ``slots`` (``shown``) it is what these have, each slot once: then the groups of an epoch's may differ.
    """

    def __init__(
        self, seed: int, groups: Sequence[int], batch_size: int, slots: Sequence[tuple[int, int]] | None = None
    ) -> None:
        self._slots = slots
        groups = groups if slots is None else [groups[index] for index, _ in slots]
        self._seed, self.groups, self._batch_size = seed, groups, batch_size
        counts = np.bincount(np.asarray(groups, dtype=np.int64)) if len(groups) else np.zeros(1, dtype=np.int64)
        full, rests = int((counts // batch_size).sum()), counts % batch_size
        self.n_groups = int((counts > 0).sum())
        self._ends = np.cumsum([batch_size] * full + [int(rest) for rest in rests if rest])

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._ends)

    def taken(self, seen: int) -> int:
        """Batches that ``seen`` samples of an epoch make, the last one perhaps not whole."""
        return int(np.searchsorted(self._ends, seen)) + 1 if seen else 0

    def sizes(self, seen: int, count: int) -> list[int]:
        """Of the next ``count`` batches of an epoch, fewer at its end."""
        if self.n_groups <= 1:  # after another batch size ``seen`` may be within a batch of today's
            left = len(self.groups) - seen
            return [min(self._batch_size, left - at) for at in range(0, left, self._batch_size)[:count]]
        at = self.taken(seen)
        ends = [seen, *self._ends[at : at + count].tolist()]
        return [end - start for start, end in pairwise(ends)]

    def keys(self, epoch: int, seen: int) -> list[list[tuple[int, ...]]]:
        """Of each batch of the rest of an epoch the samples: epoch, index, and how often it had it before if it had."""
        batches = self.batches(epoch, seen)
        if self._slots is None:
            return [[(epoch, index) for index in batch] for batch in batches]
        drawn = [[self._slots[slot] for slot in batch] for batch in batches]
        return [[(epoch, index, time) if time else (epoch, index) for index, time in batch] for batch in drawn]

    def batches(self, epoch: int, seen: int) -> list[list[int]]:
        """Indices of the samples, or slots, in each batch of the rest of an epoch."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self.groups)).tolist()
        if self.n_groups <= 1:
            return [order[start : start + self._batch_size] for start in range(seen, len(order), self._batch_size)]
        waiting: dict[int, list[int]] = {group: [] for group in sorted(set(self.groups))}
        made = list[list[int]]()
        for index in order:
            batch = waiting[self.groups[index]]
            batch.append(index)
            if len(batch) == self._batch_size:
                made.append(batch)
                waiting[self.groups[index]] = []
        made += [batch for batch in waiting.values() if batch]
        return made[self.taken(seen) :]
