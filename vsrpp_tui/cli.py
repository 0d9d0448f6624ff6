"""``vsrpp-tui``: the command line, and the process around the application from its start to its exit status."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from vsrpp_core import __version__
from vsrpp_core.batches.loader_processes import start_tracker
from vsrpp_core.cli.shared.console import let_go
from vsrpp_core.errors import UsageError, VsrppError
from vsrpp_core.remote.detach import in_background, train_detached
from vsrpp_core.run.folder import RunFolder, demo_run_path
from vsrpp_core.run.names import place
from vsrpp_core.run.presets import PRESET_HELP, PRESETS
from vsrpp_tui.app.app import EXIT_DONE, EXIT_FAILED, Farewell, VsrppApp
from vsrpp_tui.screens.start.start import Choice
from vsrpp_tui.state.run import RunState
from vsrpp_tui.terminal.driver import wait_for_foreground
from vsrpp_tui.terminal.output import captured_output, log_path
from vsrpp_tui.user.keys import KeyTable
from vsrpp_tui.user.preferences import Preferences, preferences_path, read_preferences

EXIT_USAGE = 2
DEFAULT_RUN = "Learn"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the application; the exit status: 0 done, 1 failed, 2 wrong usage."""
    options = make_parser().parse_args(arguments)
    if options.completion:
        from vsrpp_core.cli.completion import completion_script

        sys.stdout.write(completion_script(make_parser(), options.completion))
        return 0
    try:
        refuse_contradictions(options)
        if options.serve:
            return _serve(options)
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError("this is not a terminal; use `vsrpp train` to train without a screen")
        if not wait_for_foreground():
            raise UsageError("this was started in the background; start it in the foreground of a terminal")
        return run(_application(options), options.go_on)
    except VsrppError as error:
        print(f"vsrpp-tui: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILED


def _application(options: argparse.Namespace) -> VsrppApp:
    """The application the command line asks for. Raises UsageError, also for a fault in the user's tui.toml."""
    preferences = read_preferences(preferences_path(), _key_tables)
    if options.replay:
        from vsrpp_tui.app.watching import ReplayApp

        return ReplayApp(options.replay, preferences)
    if options.attach:
        return _attached(options.attach, preferences)
    if options.demo and RunFolder(demo_run_path()).owner():
        return _attached(demo_run_path(), preferences)
    if options.demo:
        return VsrppApp(Choice(demo_run_path(), None, demo=True), preferences)
    run, data = (options.run or Path(DEFAULT_RUN)).absolute(), options.data.absolute() if options.data else None
    if RunFolder(run).owner():
        return _attached(run, preferences)
    return VsrppApp(Choice(run, data, preset=options.preset), preferences)


def _serve(options: argparse.Namespace) -> int:
    """Serve the run to browsers until Ctrl-C. Raises UsageError where it, or what that needs, is not there."""
    if not find_spec("textual_serve"):
        raise UsageError("--serve needs textual-serve; install with: pip install 'vsrpp[web]'")
    from vsrpp_tui.web.server import serve

    run = (options.run or Path(DEFAULT_RUN)).absolute()
    if not run.is_dir():
        raise UsageError(f"{run} is not a run's folder; name one to serve")
    read_preferences(preferences_path(), _key_tables)  # a fault is said here, and not to a visitor
    serve(run, options.host or LOCAL_HOST, options.port if options.port is not None else PORT)
    return EXIT_DONE


def _attached(run: Path, preferences: Preferences) -> VsrppApp:
    from vsrpp_tui.app.watching import AttachedApp

    return AttachedApp(run, preferences)


WORDS = {
    "run": "RUN",
    "data": "--data",
    "demo": "--demo",
    "attach": "--attach",
    "replay": "--replay",
    "go_on": "--go-on",
    "preset": "--preset",
    "serve": "--serve",
    "host": "--host",
    "port": "--port",
}
ONLY_WITH: dict[str, tuple[str, ...]] = {
    "demo": ("go_on",),
    "attach": (),
    "replay": (),
    "serve": ("run", "host", "port"),
    "host": ("run", "serve", "port"),
    "port": ("run", "serve", "host"),
}
"""What each may be combined with."""

LOCAL_HOST, PORT = "127.0.0.1", 8000


def refuse_contradictions(options: argparse.Namespace) -> None:
    """Nothing that was asked for is passed over. Raises UsageError."""
    default = make_parser().get_default
    given = [name for name in WORDS if getattr(options, name) != default(name)]
    for word, others in ONLY_WITH.items():
        surplus = [WORDS[name] for name in given if name not in (word, *others)]
        if word in given and surplus:
            raise UsageError(f"{WORDS[word]} cannot be combined with {' and '.join(surplus)}; leave one out")
    if not options.serve and {"host", "port"}.intersection(given):
        raise UsageError("--host and --port say where --serve serves; add --serve")


def _key_tables() -> list[KeyTable]:
    from vsrpp_tui.app.key_tables import key_tables  # loads every screen

    return key_tables()


def run(app: VsrppApp, go_on: bool = False) -> int:
    """Run ``app`` to its end; the exit status. ``go_on``: keep training if the screen crashes."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must not starve the screen
    farewell: Farewell | None = None
    crashed = False
    with captured_output():
        start_tracker()  # a running screen's descriptors must not reach it
        try:
            farewell = app.run()
            crashed = farewell is None  # Textual has written the exception to the log
        finally:  # whatever happened to the screen, the run is saved
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal may send two, and the second would kill
            if app.worker and not (crashed and go_on):
                app.worker.finish()
            if app.job:
                app.job.job.finish()
            app.tensorboard.stop()
    if farewell is None:
        farewell = after_crash(app)
    if farewell.detached:
        farewell = _train_on(app.folder, farewell)
    if farewell.message:
        with suppress(OSError):  # the terminal may be closed
            print(farewell.message, file=sys.stderr if farewell.status else sys.stdout, flush=True)
    for output in (sys.stdout, sys.stderr):
        let_go(output)
    if app.loader and app.loader.is_alive():
        os._exit(farewell.status)  # still importing torch: nothing is open, and waiting for it would look like a hang
    return farewell.status


def _train_on(folder: RunFolder, farewell: Farewell) -> Farewell:
    """Go on with the run in the background, now that the session here has saved and ended."""
    try:
        pid = train_detached(folder, farewell.detached)
    except VsrppError as error:
        return Farewell(EXIT_FAILED, f"vsrpp-tui: {error}; {farewell.message}")
    return Farewell(message="\n".join(in_background(folder, pid)))


def after_crash(app: VsrppApp) -> Farewell:
    """The farewell of an application whose screen crashed. Waits for a session that trains on without it."""
    from vsrpp_tui.app.crash import crash_message, drain, train_on

    worker = app.worker
    if worker and worker.is_alive:
        app.state = train_on(worker, app.state)
        return app.farewell()
    if worker is None and app.job and not app.job.state.is_over:
        app.job.take()  # its thread has ended by now
        message = f"the screen crashed (traceback: {log_path()}); {app.job.farewell()[1]}"
        return Farewell(EXIT_FAILED, f"vsrpp-tui: {message}")
    return Farewell(EXIT_FAILED, f"vsrpp-tui: {crash_message(drain(worker, app.state) if worker else RunState())}")


def port_number(text: str) -> int:
    """A port, 0 to 65535."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; one is a number up to 65535")
    return int(text)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vsrpp-tui",
        description="Train a video super-resolution network, by default 3x, watched and steered from the terminal.",
    )
    parser.add_argument(
        "run",
        nargs="?",
        type=place,
        metavar="RUN",
        help=f"the run's folder (default: {DEFAULT_RUN})",
    )
    parser.add_argument(
        "--data", type=place, metavar="ROOT", help="dataset folder; a run that was trained before knows its own"
    )
    parser.add_argument("--preset", choices=PRESETS, default="", help=f"for a fresh run: {PRESET_HELP}")
    parser.add_argument("--demo", action="store_true", help="train a small network on photographs")
    parser.add_argument(
        "--go-on",
        action="store_true",
        help="if the screen crashes, train on until Ctrl-C instead of saving and ending",
    )
    parser.add_argument("--replay", type=place, metavar="JOURNAL", help="replay a recorded events.jsonl")
    parser.add_argument("--attach", type=place, metavar="RUN", help="watch and steer a run that another process trains")
    parser.add_argument(
        "--serve", action="store_true", help="watch and steer RUN in browsers, at the address it prints"
    )
    parser.add_argument(
        "--host", metavar="NAME", help=f"where --serve serves (default: {LOCAL_HOST}, this machine only)"
    )
    parser.add_argument(
        "--port", type=port_number, metavar="N", help=f"port of --serve (default: {PORT}; 0: any that is free)"
    )
    parser.add_argument(
        "--completion",
        choices=("bash", "zsh", "fish"),
        metavar="SHELL",
        help="print a script that completes this command in bash, zsh or fish (`vsrpp completion --help` installs it)",
    )
    parser.add_argument("--version", action="version", version=f"vsrpp-tui {__version__}")
    return parser
