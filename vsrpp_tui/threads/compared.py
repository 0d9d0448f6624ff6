"""Several runs, each followed by a thread of its own as far as it goes, and what is known of all."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vsrpp_core.errors import VsrppError
from vsrpp_core.report.comparison import Course, course_of, names_of
from vsrpp_core.report.record import RunRecord
from vsrpp_core.run.folder import RunFolder
from vsrpp_tui.state.compared import ComparedRun
from vsrpp_tui.threads.follower import Follower


class ComparedRuns:
    """Begins to read at once; ``stop`` ends that."""

    def __init__(self, paths: Sequence[Path], colours: Sequence[str]) -> None:
        """``colours``: names of at least as many as there are runs."""
        names = names_of(paths)
        self._runs = [_Followed(path, name, colour) for path, name, colour in zip(paths, names, colours, strict=False)]

    @property
    def caught_up(self) -> bool:
        """Whether all that was there is read, as far as it can be."""
        return all(run.follower.caught_up or run.follower.fault for run in self._runs)

    def now(self) -> tuple[ComparedRun, ...]:
        return tuple(run.now() for run in self._runs)

    def stop(self) -> None:
        """Nothing waits for the threads: one may be in the middle of a long journal, and writes nothing."""
        for run in self._runs:
            run.follower.stop()


class _Followed:
    def __init__(self, path: Path, name: str, colour: str) -> None:
        self._folder, self._plain = RunFolder(path), ComparedRun(name, colour, path)
        self._record: RunRecord | None = None
        self._course: Course | None = None
        self._fault = ""
        self.follower = Follower(self._folder)
        self.follower.start()

    def now(self) -> ComparedRun:
        follower, state = self.follower, self.follower.state
        if follower.fault or not follower.caught_up:
            return replace(self._plain, fault=follower.fault)
        if state.started is None:
            return replace(self._plain, fault="nothing trained yet")
        if state.record is not self._record:
            self._record = state.record
            try:
                self._course, self._fault = course_of(self._folder, state.record, state.started), ""
            except VsrppError as error:
                self._course, self._fault = None, str(error)
        doing = state.phase if follower.owner or state.is_over else "stopped"
        return replace(
            self._plain,
            course=self._course,
            doing=doing,
            fault=self._fault,
            pictures=state.pictures,
            kept=state.kept_pictures,
        )
