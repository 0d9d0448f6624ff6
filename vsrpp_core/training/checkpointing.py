"""When a checkpoint is due, which kind it is, and what its sidecar says."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

from vsrpp_core.checkpoint.checkpoints import CheckpointError, CheckpointStore
from vsrpp_core.errors import VsrppError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import CheckpointKind
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.disk import DiskWatch
from vsrpp_core.run.folder import BEST_NAME, CheckpointInfo
from vsrpp_core.training.distributed import SINGLE_RANK, Ranks
from vsrpp_core.training.progress import Progress
from vsrpp_core.training.step import FIGURES


class CheckpointSaver:
    """Keeps the cadences of a run's checkpoints and writes them into its store.

    ``state`` returns what a checkpoint holds, ``epoch`` the current epoch.
    """

    def __init__(
        self,
        store: CheckpointStore,
        config: RunConfig,
        progress: Progress,
        state: Callable[[], dict[str, Any]],
        epoch: Callable[[], int],
        ranks: Ranks = SINGLE_RANK,
    ) -> None:
        self._store, self._config, self._progress = store, config, progress
        self._state, self._epoch, self._ranks = state, epoch, ranks
        self._disk = DiskWatch(store.folder, config.checkpoints.min_free_gb)
        self._kept_step = -1
        self._recovery_tried_at = time.monotonic()

    def reconfigure(self, config: RunConfig) -> None:
        """Use other cadences from now on."""
        self._config = config
        self._disk.min_free_gb = config.checkpoints.min_free_gb
        self._store.keep_superseded_best = config.checkpoints.keep_superseded_best

    # what is due

    @property
    def is_complete(self) -> bool:
        return self._progress.step >= self._config.training.max_steps

    @property
    def step_is_kept(self) -> bool:
        """Whether this step already has a file that is kept for good."""
        return self._kept_step == self._progress.step

    def due(self) -> Iterator[CheckpointKind]:
        """Kinds to save now; the last checkpoint of a completed run is written when the session ends."""
        if self._regular_is_due() and not self.is_complete and not self.step_is_kept:
            yield "regular"
        if time.monotonic() - self._recovery_tried_at >= 60 * self._config.cadence.recovery_minutes:
            self._recovery_tried_at = time.monotonic()  # also on a full disk: not again at every step
            yield "recovery"

    def _regular_is_due(self) -> bool:
        return self.is_complete or self._progress.step % self._config.cadence.checkpoint_every == 0

    def in_best_window(self) -> bool:
        cadence = self._config.cadence
        return cadence.best_from <= self._progress.step % cadence.checkpoint_every <= cadence.best_until

    def kind_of_best(self) -> CheckpointKind:
        """A step has one file: one kept for good as regular or manual keeps that kind when it is the best too."""
        if self._regular_is_due():
            return "regular"
        return self._store.kept_kind(self._progress.step, self._progress.branch) or "best"

    # saving

    def save_and_report(
        self, kind: CheckpointKind
    ) -> Iterator[ev.CheckpointSaved | ev.CheckpointFailed | ev.WarningRaised]:
        """Save and report; if the disk refuses, that is reported and training continues. Only the first rank writes."""
        if not self._ranks.is_first:
            return
        try:
            saved = self.save(kind)
        except CheckpointError as error:
            yield ev.CheckpointFailed(step=self._progress.step, kind=kind, error=str(error))
            return
        yield saved
        if shortage := self._disk.look(saved.size):
            yield ev.WarningRaised(message=shortage)

    def save(self, kind: CheckpointKind) -> ev.CheckpointSaved:
        """Write a checkpoint now. Raises CheckpointError; earlier checkpoints are then intact."""
        start, progress = time.perf_counter(), self._progress
        info = self._store.save(self._state(), lambda name, size: self._describe(kind, name, size))
        is_best = progress.is_best
        if is_best and kind in ("best", "regular", "manual"):
            self._store.mark_best(info)
        if kind in ("regular", "manual"):
            self._kept_step = info.step
        seconds = time.perf_counter() - start
        return ev.CheckpointSaved(
            step=info.step, kind=kind, name=info.name, size=info.size, seconds=seconds, is_best=is_best
        )

    def best_name(self) -> str:
        """Of the best checkpoint; empty where there is none."""
        is_there = self._progress.best_step > 0 and (self._store.folder / BEST_NAME).exists()
        return BEST_NAME if is_there else ""

    def repair_best(self) -> Iterator[ev.WarningRaised]:
        """After a resume: link the best file as the best, in case a kill or a full disk prevented it."""
        if not self._ranks.is_first or not self._progress.best_step:
            return
        try:
            self._store.mend_best(self._progress.best_step, self._progress.best_branch)
        except CheckpointError as error:
            yield ev.WarningRaised(message=f"{error}, then resume once more")

    def last_good(self, up_to: int) -> tuple[str, dict[str, Any], list[str]]:
        """Name and contents of the newest checkpoint, up to a step, whose gradients were finite when it was made.

        The name is empty where there is none; the third says why newer ones could not be read.
        """
        name, faults = self._ranks.from_first(lambda: self._name_of_last_good(up_to))
        state = self._store.load(name) if name else {}
        self._ranks.wait()  # the first rank may write this file next
        return name, state, faults

    def _name_of_last_good(self, up_to: int) -> tuple[str, list[str]]:
        faults = []
        for name, state in self._store.readable(up_to):
            if isinstance(state, VsrppError):
                faults.append(str(state))
            elif _is_good(state):
                return name, faults
        return "", faults

    def last_sound(self, up_to: int) -> str:
        """The newest checkpoint, up to a step, whose loss is that of a picture too; empty where there is none."""
        return self._ranks.from_first(
            lambda: next(
                (
                    name
                    for name, state in self._store.readable(up_to)
                    if not isinstance(state, VsrppError) and _is_sound(state)
                ),
                "",
            )
        )

    def forget_kept_step(self) -> None:
        """After a rollback steps that were saved are taken, and saved, again."""
        self._kept_step = -1

    def name_of(self, kind: CheckpointKind) -> str:
        """The file name of a checkpoint made now."""
        return self._store.path(kind, self._progress.step).name

    def _describe(self, kind: CheckpointKind, name: str, size: int) -> CheckpointInfo:
        progress = self._progress
        return CheckpointInfo(
            name=name,
            step=progress.step,
            epoch=self._epoch(),
            max_steps=self._config.training.max_steps,
            kind=kind,
            quality=progress.last_quality if progress.last_quality_step == progress.step else math.nan,
            loss=progress.last_loss,
            best_quality=progress.best_quality,
            best_step=progress.best_step,
            size=size,
            saved_at=time.time(),
            branch=progress.branch,
        )


GREY_LOSS = 0.5
"""The loss of a plain grey picture is at most this, whatever the ground truth: weights that lose more are ruined."""


def _is_sound(state: dict[str, Any]) -> bool:
    waiting = [row[FIGURES.index("loss_total")] for row in state["figures"]["pending"]]
    last = [] if math.isnan(state["progress"]["last_loss"]) else [state["progress"]["last_loss"]]
    return _is_good(state) and all(loss <= GREY_LOSS for loss in (*waiting, *last))


def _is_good(state: dict[str, Any]) -> bool:
    """Whether gradients were finite when it was saved, including those of figures that were not read back yet."""
    waiting = (row[FIGURES.index("gradient_norm")] for row in state["figures"]["pending"])
    return not state["progress"]["skipped_in_a_row"] and all(map(math.isfinite, waiting))
