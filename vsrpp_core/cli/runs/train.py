"""``vsrpp train``: a session without a screen."""

import argparse
import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vsrpp_core.cli.runs.keep import Keeper
from vsrpp_core.cli.shared.console import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_STOPPED_UNSAVED,
    EXIT_USAGE,
    Progressed,
    ProgressView,
    Terminal,
    complain,
    let_go,
    on_signals,
    patient_terminal,
)
from vsrpp_core.cli.shared.options import add_settings, finish_option, restarts_option, settings_of
from vsrpp_core.errors import UsageError, command
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import Command, CommandQueue, FinishNow, Pause, Stop
from vsrpp_core.messages.describe import describe, describe_lost
from vsrpp_core.remote.detach import READY, DetachError, in_background, train_detached
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import place
from vsrpp_core.run.presets import NAMED, PRESET_HELP, PRESETS
from vsrpp_core.run.settings import NO_OVERRIDES

if TYPE_CHECKING:
    from vsrpp_core.session.session import Session


SAVING_SECONDS = 60.0
"""What a step and a save may take before a second Ctrl-C gives up on them."""


DETACHED_RESTARTS = 3
"""In a row, where the user names no other number."""

BEGUN = (ev.PreparationProgressed, ev.TuningStarted, ev.SessionStarted)
"""Events of which a session that cannot begin has none."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=place, metavar="RUN", help="the run's folder")
    parser.add_argument("--data", type=place, metavar="ROOT", help="dataset folder; a resumed run knows its own")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--resume", action="store_true", help="continue from the newest checkpoint")
    start.add_argument("--fresh", action="store_true", help="move what the run holds into its .trash and start over")
    parser.add_argument(
        "--from",
        default="",
        metavar="NAME",
        dest="checkpoint",
        help="with --resume: continue from this checkpoint of the run; newer ones move into its .trash",
    )
    parser.add_argument(
        "--init",
        type=place,
        metavar="FILE",
        help="begin with the weights of a checkpoint or an exported network; the run takes its form (training.init)",
    )
    parser.add_argument(
        "--finish",
        type=finish_option,
        metavar="N",
        help="let the learning rate fall over the next N steps, or with h (3h) hours, and end the run there",
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        help=f"{PRESET_HELP}. --set still wins",
    )
    parser.add_argument(
        "--paused", action="store_true", help="stand still before the first step; `vsrpp resume` continues"
    )
    parser.add_argument(
        "--detach", action="store_true", help="train in a process of its own, which goes on when the terminal is closed"
    )
    parser.add_argument(
        "--restarts",
        type=restarts_option,
        metavar="N",
        help="start again up to N times in a row, with growing waits, after a crash that may pass (3 with --detach)",
    )
    parser.add_argument("--ready", type=int, default=0, help=argparse.SUPPRESS)  # descriptor of who waits for the start
    parser.add_argument("--kept", action="store_true", help=argparse.SUPPRESS)  # started by a keeper
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    if options.detach and not (options.ready or options.kept):
        return _detach(options)
    wanted = options.restarts if options.restarts is not None else DETACHED_RESTARTS if options.ready else 0
    if wanted and not options.kept:
        _refuse_ranks("--restarts", "torchrun has --max-restarts")
        return Keeper(RunFolder(options.run), options.arguments, wanted, options.ready).run()
    from vsrpp_core.session.plan import Start
    from vsrpp_core.session.session import open_session
    from vsrpp_core.training.distributed import FirstRankError, ranks_of_this_job, restarts

    if restarts() and any(not info.is_damaged for info in RunFolder(options.run).checkpoint_infos()):
        _take_as_it_stands(options)
    start: Start = "resume" if options.resume else "fresh"
    settings = {**NAMED.get(options.preset, NO_OVERRIDES), **settings_of(options)}
    if options.checkpoint and not options.resume:
        raise UsageError("--from names a checkpoint to resume from; add --resume")
    if options.init:
        settings["training.init"] = str(options.init)
        if options.resume:
            raise UsageError("--init is what a fresh run begins with; a resumed one has its weights, so leave it out")
    with ranks_of_this_job() as ranks:
        try:
            ranks.from_first(lambda: _refuse_to_overwrite(options))
            session = open_session(
                options.run, options.data, start=start, overrides=settings, ranks=ranks, checkpoint=options.checkpoint
            )
        except FirstRankError:
            return EXIT_FAILED
        if not ranks.is_first:
            status = _follow_session(session, ranks.rank)
        else:
            first = (Pause(),) if options.paused else ()
            status = run_session(session, options.finish, first, options.ready, options.kept)
    if ranks.size > 1 and status == EXIT_INTERRUPTED:
        return EXIT_DONE  # any other status is a crash to torchrun, after which it would start a stopped run again
    return status


def _detach(options: argparse.Namespace) -> int:
    """Start this command once more, in the background, and wait until it trains."""
    _refuse_ranks("--detach", "detach torchrun itself, with nohup")
    _refuse_to_overwrite(options)
    folder = RunFolder(options.run)
    try:
        pid = train_detached(folder, options.arguments)
    except DetachError as error:
        complain(f"vsrpp: {error}")
        return error.status if error.status in (EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED) else EXIT_FAILED
    Terminal().say(*in_background(folder, pid))
    return EXIT_DONE


def _take_as_it_stands(options: argparse.Namespace) -> None:
    """What a keeper does: torchrun repeats the command of the beginning, in which --fresh would undo the run."""
    options.resume, options.fresh, options.checkpoint = True, False, ""
    options.settings, options.preset, options.finish, options.paused = [], None, None, False


def _refuse_ranks(option: str, instead: str) -> None:
    if "WORLD_SIZE" in os.environ:
        raise UsageError(f"{option} is for one process and not for those of torchrun; {instead}")


def _tell_ready(descriptor: int) -> None:
    """For the process that started this one and waits: the session has begun."""
    with suppress(OSError):  # it does not wait any longer
        os.write(descriptor, READY)
        os.close(descriptor)


def _refuse_to_overwrite(options: argparse.Namespace) -> None:
    summary = RunFolder(options.run).summary()
    if summary.checkpoints and not (options.resume or options.fresh):
        reached = f"at step {summary.newest.step:,}" if summary.newest else "whose checkpoints are all damaged"
        raise UsageError(
            f"{options.run} already holds a run {reached}; "
            "continue it with --resume, or start over with --fresh (what it holds moves into its .trash)"
        )


def run_session(
    session: "Session",
    finish: FinishNow | None = None,
    first: Iterable[Command] = (),
    ready: int = 0,
    is_kept: bool = False,
) -> int:
    """Run a session to its end, printing what happens. ``finish`` is given once a step has been timed, ``first`` before
    any; the descriptor ``ready`` is told when the session has begun. ``is_kept``: a keeper looks at the status.

    Ctrl-C, SIGTERM and SIGHUP save and end it (status 130); so does a closed output.
    """
    terminal, commands, outcome = patient_terminal(), CommandQueue(), _Outcome()
    for order in first:
        commands.put(order)
    with _stop_on_signals(commands), closing(session.events(commands)) as events:
        try:
            with ProgressView(terminal, first_line_at_once=True) as view:
                printer = _Printer(terminal, view)
                for event in events:
                    outcome.note(event)
                    printer.show(event)
                    if ready and isinstance(event, BEGUN):
                        _tell_ready(ready)
                        ready = 0
                    if finish and isinstance(event, ev.StepReported):
                        commands.put(finish)
                        finish = None
            terminal.say(*outcome.next_steps(session.folder))
        except OSError:  # of the console alone: a session reports its errors as events
            commands.put(Stop())
            for event in events:
                outcome.note(event)
    let_go(sys.stdout)  # a job that is done has not failed for want of room for its words
    return EXIT_STOPPED_UNSAVED if is_kept and outcome.is_stopped_unsaved else outcome.status


def _follow_session(session: "Session", rank: int) -> int:
    """Take part in a session that the first rank reports; only a failure of this one is printed."""
    commands, outcome = CommandQueue(), _Outcome()
    with _stop_on_signals(commands), closing(session.events(commands)) as events:
        for event in events:
            outcome.note(event)
            if isinstance(event, ev.SessionFailed):
                complain(f"rank {rank}: {describe(event).in_full}")
    return outcome.status


def _stop_on_signals(commands: CommandQueue) -> AbstractContextManager[None]:
    """The first signal asks the session to stop after its step; pressed twice, Ctrl-C must not cost the save."""
    return on_signals(lambda: commands.put(Stop()), patience=SAVING_SECONDS)


class _Outcome:
    """How a session ended."""

    def __init__(self) -> None:
        self._end: ev.SessionEnded | None = None
        self._lost: ev.RunLost | None = None
        self._was_stopped = False

    def note(self, event: ev.Event) -> None:
        match event:
            case ev.SessionEnded():
                self._end = event
            case ev.RunLost():
                self._lost = event
            case ev.ValidationFinished():
                self._lost = None  # it is said again where it still is
            case ev.CommandAnswered(command=Stop.name, accepted=True):
                self._was_stopped = True

    @property
    def status(self) -> int:
        if self._end is None:
            return EXIT_FAILED
        return EXIT_DONE if self._end.reason == "completed" else EXIT_INTERRUPTED

    @property
    def is_stopped_unsaved(self) -> bool:
        return self._was_stopped and self._end is None

    def next_steps(self, folder: RunFolder) -> list[str]:
        """What can be done with the run now."""
        if self._end is None or not self._end.checkpoint:
            return []
        if self._lost:
            return [describe_lost(self._lost)]
        if self._end.reason == "stopped":
            return [f"continue with: {command('vsrpp', 'train', folder.path, '--resume')}"]
        return [f"score it with: {folder.scoring_command(self._end.checkpoint)}"]


class _Printer:
    """Prints events as lines and moves the progress line."""

    def __init__(self, terminal: Terminal, view: ProgressView) -> None:
        self._terminal, self._view = terminal, view
        self._at = Progressed("training", 0, 0, unit="step ")

    def show(self, event: ev.Event) -> None:
        if line := describe(event).in_full:
            self._terminal.say(line)
        match event:
            case ev.PreparationProgressed():
                self._view.show(Progressed(event.task, event.done, event.total))
            case ev.SessionStarted():
                self._draw(done=event.step, total=event.max_steps)
            case ev.ParameterChanged(key="training.max_steps") if self._at.total:
                self._draw(total=int(event.new))
            case ev.PhaseChanged() if self._at.total:
                self._draw(label=event.phase)
            case ev.StepReported():
                figures = f"loss {event.loss_total:.4f}, {event.seconds_per_step:.2f} s/step"
                self._at = replace(self._at, done=event.step, figures=figures)
                self._view.show(self._at)

    def _draw(self, **changed: Any) -> None:
        self._at = replace(self._at, **changed)
        self._view.draw(self._at)
