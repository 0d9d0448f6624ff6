"""Which samples make which batches of an epoch: a pure function of (seed, epoch), so a position in it is a number.

Separate from the stream so that both of its readers, who takes batches and who counts them, ask the same thing.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


class EpochOrder:
    """Every sample once, in an order drawn from (seed, epoch), in batches of samples of one group.

    ``groups`` has the number of the group of each sample: pictures of one size. A batch is made when the order has
    brought ``batch_size`` samples of a group; what is left of each group makes the epoch's last batches, the groups in
    the order of their numbers. So the sizes of an epoch's batches are the same in every epoch.
    """

    def __init__(self, seed: int, groups: Sequence[int], batch_size: int) -> None:
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

    def batches(self, epoch: int, seen: int) -> list[list[int]]:
        """Indices of the samples in each batch of the rest of an epoch."""
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
