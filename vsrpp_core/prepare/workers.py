"""Videos worked on side by side: threads that decode, threads that cut, and what can be seen of them.

Separate from prepare.py, which only waits. Threads, not processes: decoding, numpy and zlib leave Python's lock, a
kill leaves nothing behind, and they can be started from within an application. A video is decoded by one thread, in
order; its windows are cut by any, and their lines are written in the order of the film.
"""

import gc
import os
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

from vsrpp_core.errors import VsrppError
from vsrpp_core.prepare import footage
from vsrpp_core.prepare.patches import CannotWriteError, Cut, cut_pair
from vsrpp_core.prepare.recipe import Recipe
from vsrpp_core.prepare.sources import Source
from vsrpp_core.prepare.windows import Film, Window, windows_of
from vsrpp_core.prepare.work_folder import Draft, Ending, Journal
from vsrpp_core.video.reading import BrokenVideoError

AHEAD = 2
"""Windows of a video that wait to be cut; each holds its frames."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of video done, in all, and done by earlier calls; the rest as in PrepareProgress."""

    done: float
    total: float
    resumed: float
    videos_done: int
    videos: int
    patches: int
    skipped: dict[str, int]
    working: tuple[str, ...]
    newest: Path | None


class StoppedError(Exception):
    """The work is to end; what is written stays."""


class Workers:
    """Started once; ``close`` stops them and waits for what is at hand."""

    def __init__(self, sources: list[Source], draft: Draft, recipe: Recipe) -> None:
        self._sources, self._draft, self._recipe = sources, draft, recipe
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
        self._resumed = 0.0
        self._newest: Path | None = None

    def start(self) -> None:
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

    def figures(self) -> Figures:
        with self._lock:
            return Figures(
                done=sum(self._at.values()),
                total=sum(max(source.seconds, self._at.get(source.label, 0.0)) for source in self._sources),
                resumed=self._resumed,
                videos_done=self._finished,
                videos=len(self._sources),
                patches=self._patches,
                skipped=dict(self._counts),
                working=tuple(self._working.values()),
                newest=self._newest,
            )

    def _cut_video(self, source: Source) -> None:
        if self._stop.is_set():
            return
        with self._draft.journal(source.label) as journal:
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
        gc.collect()  # libav's frames and what they came from refer to each other: up to 200 MB a video
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
        seen, note = Film(), ""
        pending: deque[Future[Cut]] = deque()
        known = frozenset(journal.cuts)
        moments = footage.moments(source.path, self._recipe.source, source.end, self._threads)
        try:
            for seconds, window in windows_of(moments, source, self._recipe, seen):
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
        except VsrppError as error:  # of the video: its colours, or what the recipe refuses, only further on
            return Ending(seen.frames, tuple(seen.starts), seen.dropped, refused=str(error))
        finally:
            moments.close()
        self._collect(pending, journal, 0)
        return Ending(seen.frames, tuple(seen.starts), seen.dropped, note)

    def _cut_window(self, window: Window, source: Source) -> Cut:
        return cut_pair(window, source, self._draft.cut, self._recipe)

    def _collect(self, pending: "deque[Future[Cut]]", journal: Journal, waiting: int) -> None:
        """Write down what was cut, in order, until at most ``waiting`` are left; raises what a cutter raised."""
        while len(pending) > waiting:
            cut = pending.popleft().result()
            journal.add(cut)
            with self._lock:
                if cut.name:
                    self._patches += 1
                    self._newest = self._draft.cut.lr_folder("train") / cut.name
                else:
                    self._counts[cut.reason] += 1
