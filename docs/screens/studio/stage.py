"""The world in which every picture is taken: a home folder with runs in it, a frozen clock, one device.

What a screen shows comes from a run that was recorded (docs/screens/record.py), so nothing is trained for a picture.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import time_machine
from filelock import FileLock
from PIL import Image

from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.remote.recent_runs import list_path
from vsrpp_tui.state.run import RunState, replay

RECORDED = Path(__file__).parents[3] / "tests" / "golden" / "films"
"""What is kept of the recorded run."""

DEVICE = "CPU (2 cores) · 8.3 GB"
ROOM = 200 * 2**30
"""Free on every disk."""
OWNER = 4711
"""PID of the process that trains a run elsewhere."""

MIDDLE = 1_660
"""The step that most pictures of training show."""

EARLY = 800

FRAMES, SIDE = 5, 48
"""Of the dataset that the recorded run was trained on: frames in a stack, LR pixels of a side."""

HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")


@cache
def recorded() -> tuple[ev.Event, ...]:
    return tuple(journal.replay(RECORDED / "events.jsonl"))


def until_step(step: int) -> tuple[ev.Event, ...]:
    """The events until ``step`` was reported; all of them if it never was."""
    reached = (i for i, event in enumerate(recorded()) if isinstance(event, ev.StepReported) and event.step >= step)
    return recorded()[: next(reached, len(recorded())) + 1]


class Stage:
    """A home folder and what is put into it. ``moment`` is the clock's time, seconds since the Unix epoch."""

    def __init__(self, home: Path, clock: time_machine.Traveller) -> None:
        self.home = home
        self.run = home / "runs" / "films"
        self.data = home / "data" / "films"
        self._clock = clock

    def set_clock(self, moment: float) -> None:
        self._clock.move_to(moment)

    def state(self, events: Iterable[ev.Event], later: float = 0.0) -> RunState:
        """What a screen shows after ``events``, ``later`` seconds after the last of them."""
        events = tuple(events)
        self.set_clock(events[-1].time + later)
        state = replay(events)
        return replace(state, started=replace(state.started, run=str(self.run))) if state.started else state

    def put_run(self, run: Path, until: int, max_steps: int = 2000) -> None:
        """The recorded run as it was once ``until`` was reached, its checkpoints empty files of the right size."""
        (run / "pictures").mkdir(parents=True)
        for path in RECORDED.glob("pictures/*"):
            shutil.copyfile(path, run / "pictures" / path.name)
        (run / "events.jsonl").write_text(
            "".join(f"{journal.encode(e)}\n" for e in until_step(until)), encoding="utf-8"
        )
        for path in RECORDED.glob("checkpoint_*.json"):
            if json.loads(path.read_text(encoding="utf-8"))["step"] <= until:
                self._put_checkpoint(run, path)
        settings = (RECORDED / "config.toml").read_text(encoding="utf-8")
        settings = settings.replace('root = "~/data/films"', f'root = "{self.data}"')
        settings = settings.replace("max_steps = 2000", f"max_steps = {max_steps}")
        (run / "config.toml").write_text(settings, encoding="utf-8")

    def _put_checkpoint(self, run: Path, description: Path) -> None:
        shutil.copyfile(description, run / description.name)
        with (run / description.with_suffix(".pth").name).open("wb") as file:
            file.truncate(json.loads(description.read_text(encoding="utf-8"))["size"])

    def put_data(self, train: int = 320, val: int = 20) -> None:
        """A dataset as large as that of the recorded run; all its files are one."""
        shapes = {"LR": (SIDE, FRAMES * SIDE), "GT": (3 * SIDE, 3 * SIDE)}
        for split, count in (("Patches", train), ("Val", val)):
            for kind, shape in shapes.items():
                folder = self.data / split / kind
                folder.mkdir(parents=True)
                Image.new("RGB", shape).save(folder / "000.png")
                for number in range(1, count):
                    os.link(folder / "000.png", folder / f"{number:03}.png")

    def remember(self, runs: Sequence[Path]) -> None:
        """Let ``runs`` be those that were opened before, the last one first."""
        list_path().parent.mkdir(parents=True, exist_ok=True)
        list_path().write_text(json.dumps({"runs": [str(run) for run in runs]}), encoding="utf-8")

    @contextmanager
    def locked(self, run: Path) -> Iterator[None]:
        """As if another process trained ``run``."""
        with FileLock(run / ".lock"):
            (run / ".owner").write_text(str(OWNER), encoding="ascii")
            yield
            (run / ".owner").unlink()


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage of its own; afterwards home folder, clock and time zone are as before."""
    with ExitStack() as held:
        home = Path(held.enter_context(tempfile.TemporaryDirectory()))
        held.enter_context(patch.dict(os.environ, {name: str(home / _below(name)) for name in HOMES}))
        held.enter_context(patch("vsrpp_tui.app.app.device_line", lambda: DEVICE))
        held.enter_context(patch("vsrpp_core.doctor.machine.free_bytes", lambda folder: ROOM))
        start = recorded()[0].time
        clock = held.enter_context(time_machine.travel(start, tick=False))
        held.callback(time.tzset)
        held.enter_context(patch.dict(os.environ, {"TZ": "UTC", "TERM": "xterm-256color", "TMUX": ""}))
        time.tzset()
        yield Stage(home, clock)


def _below(name: str) -> str:
    return "" if name == "HOME" else f".{name.split('_')[1].lower()}"
