"""What the upscaling screen shows, as one value: ``reduce(state, event, now)`` gives the next. Pure."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from vsrpp_core.apply.upscale import job_events as up
from vsrpp_core.messages.describe import Tone
from vsrpp_core.messages.events import WarningRaised
from vsrpp_core.messages.pace import Pace, clock
from vsrpp_tui.state.job import EndingEvent, JobFailed, JobState, at, reduce_ending
from vsrpp_tui.state.log import Log, LogLine, with_line

FileStage = Literal["waiting", "working", "done", "failed"]


@dataclass(frozen=True, slots=True)
class UpscalePlanned:
    """The files to upscale, and the results that exist already; reported before the first file."""

    files: tuple["FileState", ...]
    skipped: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class FileState:
    """One source. ``frames`` is an estimate, or 0; ``pixels`` of one of its pictures, or 0."""

    name: str
    out: Path
    frames: int = 0
    pixels: int = 0
    stage: FileStage = "waiting"
    done: int = 0
    outcome: str = ""
    """How it ended, in words."""

    @property
    def is_over(self) -> bool:
        return self.stage in ("done", "failed")

    @property
    def work(self) -> float:
        """Its pixels, which decide how long the network takes."""
        return float(self.frames * self.pixels)

    @property
    def work_done(self) -> float:
        return self.work if self.is_over else float(min(self.done, self.frames) * self.pixels)


@dataclass(frozen=True, slots=True)
class UpscaleState(JobState):
    files: tuple[FileState, ...] = ()
    started: up.UpscaleStarted | None = None
    """Of the current file."""
    progress: up.UpscaleProgress | None = None
    preview: up.UpscalePreview | None = None
    pace: Pace = field(default_factory=Pace)
    """Frames of the current file."""
    work_pace: Pace = field(default_factory=Pace)
    """Of all files, in pixels."""
    log: Log = ()
    epoch: float = 0.0
    """Seconds since the Unix epoch when the clock of ``now`` was at 0, for the log."""

    @property
    def n_over(self) -> int:
        return sum(file.is_over for file in self.files)

    @property
    def n_failed(self) -> int:
        return sum(file.stage == "failed" for file in self.files)

    @property
    def share(self) -> float:
        """0..1 of all files; by their number while the length of one is unknown."""
        if not self.files:
            return 0.0
        if all(file.work for file in self.files):
            return sum(file.work_done for file in self.files) / sum(file.work for file in self.files)
        return (self.n_over + self._share_of_current) / len(self.files)

    @property
    def seconds_left(self) -> float:
        """Of all files; NaN while it is unknown."""
        if len(self.files) == 1:
            return self.pace.left(self.files[0].frames)
        if not all(file.work for file in self.files):
            return math.nan
        return self.work_pace.left(sum(file.work for file in self.files))

    @property
    def _share_of_current(self) -> float:
        """0 between two files, when ``progress`` is still that of the last one."""
        progress, at_work = self.progress, any(file.stage == "working" for file in self.files)
        return progress.done / progress.total if at_work and progress and progress.total else 0.0


Event = up.UpscaleEvent | UpscalePlanned | EndingEvent


def reduce(state: UpscaleState, event: Event, now: float) -> UpscaleState:
    state = at(state, now)
    match event:
        case UpscalePlanned():
            for out in () if state.files else event.skipped:  # once, though the plan is reported again
                state = _logged(state, "plain", f"{out} exists already and is left as it is")
            return replace(state, phase=state.unless_stopping("looking"), files=event.files)
        case up.UpscaleStarted():
            return _started(state, event)
        case up.UpscaleProgress():
            return _progressed(state, event)
        case up.UpscalePreview():
            return replace(state, preview=event)
        case up.UpscaleFinished():
            return _finished(state, event)
        case up.UpscaleFailed():
            state = _with(state, event.name, stage="failed", outcome=event.error)
            return _logged(state, "fault", f"{event.name} is left out: {event.error}")
        case WarningRaised():
            return _logged(state, "warning", event.message)
        case _:
            return _ending(state, event)


def _ending(state: UpscaleState, event: EndingEvent) -> UpscaleState:
    state = reduce_ending(state, event, is_complete=bool(state.files) and state.n_over == len(state.files))
    if not isinstance(event, JobFailed):
        return state
    files = tuple(
        replace(file, stage="failed", outcome=event.error) if file.stage == "working" else file for file in state.files
    )
    return _logged(replace(state, files=files), "fault", event.error)


def _started(state: UpscaleState, event: up.UpscaleStarted) -> UpscaleState:
    state = replace(state, phase=state.unless_stopping("working"), started=event, progress=None, pace=Pace())
    state = _with(state, event.name, stage="working", done=event.resumed_from, out=event.out)
    text = f"{event.name}: {event.size}, {event.codec} {event.pixels}, on {event.device} in {event.precision}"
    text += f"; resumes after {event.resumed_from:,} frames" if event.resumed_from else ""
    return _logged(state, "plain", text)


def _progressed(state: UpscaleState, event: up.UpscaleProgress) -> UpscaleState:
    same = state.progress is not None and state.progress.stage == event.stage
    pace = (state.pace if same else Pace()).noted(state.now, event.done)
    state = replace(state, progress=event, pace=pace)
    if event.stage != "upscaling":
        return state
    state = _with(state, event.name, done=event.done, frames=event.total)
    return replace(state, work_pace=state.work_pace.noted(state.now, sum(file.work_done for file in state.files)))


def _finished(state: UpscaleState, event: up.UpscaleFinished) -> UpscaleState:
    made = event.frames - event.resumed_from
    rate = f", {made / event.seconds:.2f} fps" if made and event.seconds else ""
    outcome = f"{event.frames:,} frames in {clock(event.seconds)}{rate}"
    outcome = f"{event.frames:,} frames, finished by an earlier run" if event.is_kept else outcome
    state = _with(state, event.name, stage="done", outcome=outcome, done=event.frames, frames=event.frames)
    return _logged(state, "good", f"{event.out}: {outcome}")


def _with(state: UpscaleState, name: str, **changes: object) -> UpscaleState:
    """``state`` with changes to the first file of this name that is not over."""
    files = list(state.files)
    place = next((i for i, file in enumerate(files) if file.name == name and not file.is_over), None)
    if place is not None:
        files[place] = replace(files[place], **changes)  # type: ignore[arg-type]
    return replace(state, files=tuple(files))


def _logged(state: UpscaleState, tone: Tone, text: str) -> UpscaleState:
    return replace(state, log=with_line(state.log, LogLine(state.epoch + state.now, tone, text)))
