"""Videos in parallel: threads that decode, threads that cut, and their progress.

Separate from pipeline.py, which only waits. Threads, not processes: decoding, numpy and zlib release Python's lock, a
kill leaves nothing behind, and threads can be started from within an application. A video is decoded by one thread, in
order; its windows are cut by any, and their lines are written in the order of the film.
"""

import gc
import math
import os
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event, Lock

from vsrpp_core.errors import VsrppError
from vsrpp_core.prepare import footage
from vsrpp_core.prepare.job.prepare_events import PrepareProgress
from vsrpp_core.prepare.job.work_folder import Ending, Journal, PrepareFolder
from vsrpp_core.prepare.patches import CannotWriteError, Cut, cut_pair
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.prepare.sources import Source
from vsrpp_core.prepare.windows import FilmStats, Window, windows_of
from vsrpp_core.video.clock import Oddities
from vsrpp_core.video.decoding import BrokenVideoError, Damage

AHEAD = 2
"""Windows of a video that wait to be cut; each holds its frames."""


class StoppedError(Exception):
    """The work was asked to end; what is written is kept."""


class Workers:
    """Started once; ``close`` stops them and waits for what they are doing."""

    def __init__(self, sources: list[Source], work: PrepareFolder, recipe: Recipe) -> None:
        self._sources, self._work, self._recipe = sources, work, recipe
        cores = recipe.work.workers or os.cpu_count() or 1
        readers = max(1, min(cores, len(sources)))
        self._threads = max(1, cores // readers)
        self._readers, self._cutters = ThreadPoolExecutor(readers), ThreadPoolExecutor(cores)
        self._jobs: list[Future[None]] = []
        self._stop, self._lock = Event(), Lock()
        self._at: dict[str, float] = {}
        self._working: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._patches = self._finished = 0
        self._resumed = self._begun = 0.0
        self._newest: Path | None = None

    def start(self) -> None:
        self._begun = time.monotonic()
        for source in self._sources:
            self._jobs.append(self._readers.submit(self._cut_video, source))

    def wait(self, seconds: float) -> bool:
        """Whether all is done, after at most so long; raises what a worker raised."""
        done, left = wait(self._jobs, seconds, return_when="FIRST_EXCEPTION")
        for job in done:
            job.result()
        return not left

    def close(self) -> None:
        self._stop.set()
        self._readers.shutdown(cancel_futures=True)
        self._cutters.shutdown(cancel_futures=True)

    def progress(self) -> PrepareProgress:
        """How far the cutting is; the time left goes by the pace since ``start``."""
        with self._lock:
            done = sum(self._at.values())
            total = sum(max(source.seconds, self._at.get(source.label, 0.0)) for source in self._sources)
            fresh = done - self._resumed
            left = (total - done) * (time.monotonic() - self._begun) / fresh if fresh > 0 and total else math.nan
            return PrepareProgress(
                stage="cutting",
                done=done,
                total=total,
                seconds_left=left if math.isnan(left) else max(0.0, left),
                videos_done=self._finished,
                videos=len(self._sources),
                patches=self._patches,
                skipped=dict(self._counts),
                working=tuple(self._working.values()),
                resumed=self._resumed,
                newest=self._newest,
            )

    def _cut_video(self, source: Source) -> None:
        if self._stop.is_set():
            return
        with self._work.journal(source.label) as journal:
            self._count_known(source, journal)
            if journal.ending is None:
                with self._lock:
                    self._working[source.label] = source.path.name
                try:
                    journal.end(self._cut_frames(source, journal))
                except StoppedError:
                    return
                finally:
                    with self._lock:
                        del self._working[source.label]
        gc.collect()  # libav's frames and their decoder refer to each other: up to 200 MB per video
        with self._lock:
            self._at[source.label] = source.seconds
            self._finished += 1

    def _count_known(self, source: Source, journal: Journal) -> None:
        with self._lock:
            for cut in journal.cuts.values():
                self._patches += bool(cut.name)
                self._counts.update([cut.reason] if cut.reason else [])
            if journal.ending:
                self._resumed += source.seconds

    def _cut_frames(self, source: Source, journal: Journal) -> Ending:
        seen, note = FilmStats(), ""
        pending: deque[Future[Cut]] = deque()
        known = frozenset(journal.cuts)
        damages, odd = list[Damage](), Oddities()
        frames = footage.timed_frames(source.path, self._recipe.source, source.end, self._threads, damages.append, odd)
        try:
            for seconds, window in windows_of(frames, source, self._recipe, seen):
                if self._stop.is_set():
                    raise StoppedError
                if window and window.start not in known:
                    pending.append(self._cutters.submit(self._cut_window, window, source))
                self._collect(pending, journal, AHEAD)
                with self._lock:
                    self._at[source.label] = seconds
        except BrokenVideoError as error:
            note = f"{error}; the frames before that were used"
        except CannotWriteError:
            raise
        except VsrppError as error:  # of this video, beyond its first frame: its colours, or what the recipe refuses
            return Ending(seen.frames, tuple(seen.starts), seen.dropped, refused=str(error))
        finally:
            frames.close()
        self._collect(pending, journal, 0)
        notes = [text for text in (*source.info.notes, *_told(source.path, damages, odd), note) if text]
        return Ending(seen.frames, tuple(seen.starts), seen.dropped, "; ".join(notes))

    def _cut_window(self, window: Window, source: Source) -> Cut:
        return cut_pair(window, source, self._work.cut, self._recipe)

    def _collect(self, pending: "deque[Future[Cut]]", journal: Journal, waiting: int) -> None:
        """Record finished cuts, in order, until at most ``waiting`` are pending; raises what a cutter raised."""
        while len(pending) > waiting:
            cut = pending.popleft().result()
            journal.add(cut)
            with self._lock:
                if cut.name:
                    self._patches += 1
                    self._newest = self._work.cut.lr_folder("train") / cut.name
                else:
                    self._counts[cut.reason] += 1


def _told(path: Path, damages: list[Damage], odd: Oddities) -> Iterator[str]:
    lost = sum(damage.count for damage in damages)
    if len(damages) < 2:
        yield from (f"{path} is {damage}" for damage in damages)
    else:
        first, last = damages[0].seconds, damages[-1].seconds
        places = f"{len(damages):,} places from {first:.2f} to {last:.2f} s"
        yield f"{path} is damaged in {places}: {lost:,} frames are left out"
    yield from (f"{path} {sentence}" for sentence in odd.sentences(lost))
