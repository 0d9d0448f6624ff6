"""The start screen: what the run holds, what it is trained on, and the choice to go on or to start anew."""

import time
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from vsrpp_core.run.folder import CheckpointInfo, RunFolder, RunSummary
from vsrpp_tui.screens.confirm import ConfirmDelete
from vsrpp_tui.widgets.figures import duration, file_size, percent, spread

if TYPE_CHECKING:
    from vsrpp_core.data.stacked import DatasetSummary


AGE_SECONDS = 10.0
"""How often the age of the last checkpoint is told anew."""


@dataclass(frozen=True)
class Choice:
    """What is to be trained: the run's folder, and the dataset where one was named."""

    run: Path
    data: Path | None
    demo: bool = False


class StartScreen(Screen[None]):
    """Reads the run and its dataset in the background; a key works as soon as what it needs is known."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f,r", "resume", "Resume", key_display="f", id="resume"),
        Binding("l,d", "delete", "Delete", key_display="l", id="delete"),
        Binding("s", "fresh", "Start", key_display="s", id="start"),
        Binding("t", "demo", "Try the demo", key_display="t", id="demo"),
        Binding("enter", "default", "Choose", show=False, id="choose"),
        Binding("question_mark", "app.help", "Help", key_display="?", id="help"),
        Binding("q", "app.leave", "Quit", id="quit"),
    ]

    @dataclass
    class Wanted(Message):
        """The user has chosen; ``fresh`` starts anew, otherwise the newest checkpoint goes on."""

        choice: Choice
        fresh: bool

    @dataclass
    class RunRead(Message):
        run: RunSummary
        dataset: "DatasetSummary | None"
        root: Path | None

    def __init__(self, choice: Choice, device: str = "") -> None:
        super().__init__()
        self.choice = choice
        self._device = device
        self._read: StartScreen.RunRead | None = None
        self._early = ""
        """The action of a key that was pressed before the run was read."""

    def compose(self) -> ComposeResult:
        yield Static(id="start-header", markup=False)
        with Vertical(id="start-body"):
            yield Static(id="start-run", markup=False)
            yield Static(id="start-data", markup=False)
            yield Static(id="start-choices", markup=False)
        yield Static("This terminal is too small for VSR++; at least 60 × 16 is needed.", id="too-small")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._draw()
        self.set_interval(AGE_SECONDS, self._draw)
        Thread(target=self._look, name="look", daemon=True).start()

    def on_resize(self) -> None:
        self._draw()

    def set_device(self, device: str) -> None:
        self._device = device
        self._draw()

    # reading

    def _look(self) -> None:
        from vsrpp_core.data.stacked import summarize  # brings numpy and pillow: after the first picture stands

        run = RunFolder(self.choice.run).summary()
        root = self.choice.data or (Path(run.data_root) if run.data_root else None)
        dataset = None if self.choice.demo or root is None else summarize(root)
        self.post_message(self.RunRead(run, dataset, root))

    def on_start_screen_run_read(self, message: RunRead) -> None:
        self._read = message
        self.refresh_bindings()
        self._draw()
        if self._early and self.check_action(self._early, ()):
            self.call_later(self.run_action, self._early)

    # choosing

    @property
    def _can_train(self) -> bool:
        read = self._read
        if read is None or read.run.locked_by or read.run.problem:
            return False
        return self.choice.demo or (read.dataset is not None and not read.dataset.problem)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        run = self._read.run if self._read else None
        if action not in ("resume", "delete", "fresh", "demo"):
            return True
        if run is None:
            return action in ("resume", "delete")
        match action:
            case "resume":
                return self._can_train and run.newest is not None and not run.is_complete
            case "delete":
                return self._can_train
            case "fresh":
                return self._can_train and not run.exists
            case _:
                return not (self.choice.demo or self._can_train or run.locked_by or run.problem)

    def action_default(self) -> None:
        if self._read is None:
            self._early = "default"
        elif self.check_action("resume", ()):
            self.action_resume()
        elif self.check_action("fresh", ()):
            self.action_fresh()

    def action_resume(self) -> None:
        if self._read is None:
            self._early = "resume"
            return
        self.post_message(self.Wanted(self.choice, fresh=False))

    def action_fresh(self) -> None:
        self.post_message(self.Wanted(self.choice, fresh=True))

    def action_demo(self) -> None:
        from vsrpp_core.run.folder import demo_run_path

        self.choice = Choice(demo_run_path(), None, demo=True)
        self._read = None
        self._draw()
        Thread(target=self._look, name="look", daemon=True).start()

    def action_delete(self) -> None:
        if self._read is None:
            self._early = "delete"
            return
        if not self._read.run.exists:
            self.action_fresh()
            return
        self.app.push_screen(ConfirmDelete(self._read.run), self._confirmed)

    def _confirmed(self, sure: bool | None) -> None:
        if sure:
            self.action_fresh()

    # drawing

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        width = max(self.size.width - 4, 20)
        device = Content.styled(self._device or "looking for a GPU …", "$secondary")
        header = spread(Content.styled("VSR++", "bold $primary"), device, max(self.size.width - 2, 20))
        self.query_one("#start-header", Static).update(header)
        self.query_one("#start-run", Static).update(self._run(width))
        self.query_one("#start-data", Static).update(self._data())
        self.query_one("#start-choices", Static).update(self._choices())

    def _run(self, width: int) -> Content:
        folder = self.choice.run.absolute()
        place = str(folder.parent).replace(str(Path.home()), "~", 1)
        title = spread(Content.styled(folder.name, "bold"), Content.styled(place, "$secondary"), width)
        return Content("\n").join((title, *(self._run_lines(self._read.run) if self._read else (Content("…"),))))

    def _run_lines(self, run: RunSummary) -> tuple[Content, ...]:
        if run.problem:
            return (Content.styled(run.problem, "$warning"),)
        if run.locked_by:
            reason = f"being trained by another process (PID {run.locked_by}); end that one, or name another run"
            return (Content.styled(reason, "$warning"),)
        damaged = (f" · {run.n_damaged} damaged", "$warning") if run.n_damaged else ""
        newest = run.newest
        if newest is None:
            told = "holds files but no readable checkpoint" if damaged else "holds files but no checkpoint"
            return (Content.assemble((told if run.exists else "nothing trained yet", "$secondary"), damaged),)
        age = duration(max(time.time() - newest.saved_at, 0))
        held = f"saved {age} ago · {run.n_files} files · {file_size(run.size)}"
        return (Content(_reached(newest, run.max_steps)), Content.assemble((held, "$secondary"), damaged))

    def _data(self) -> Content:
        label = ("Dataset   ", "$secondary")
        if self.choice.demo:
            return Content.assemble(label, "photographs seen by a moving camera, made here")
        if self._read is None:
            return Content.assemble(label, "…")
        if self._read.run.problem:
            return Content("")
        summary = self._read.dataset
        if summary is None:
            return Content.assemble(
                label, "none named yet\n", (f"{'':10}give one with --data ROOT; vsrpp prepare makes it", "$secondary")
            )
        if summary.problem:
            return Content.assemble(label, (summary.problem, "$warning"))
        pairs = f"{summary.train:,} training · {summary.val:,} validation · {summary.geometry}"
        return Content.assemble(label, f"{pairs}\n", (f"{'':10}{self._read.root}", "$secondary"))

    def _choices(self) -> Content:
        if self._read is None:
            return Content("")
        run = self._read.run
        rows = []
        if self.check_action("resume", ()) and run.newest:
            place = f"step {run.newest.step:,}" if run.newest.is_described else run.newest.name
            rows.append(("[F]ortsetzen", f"resume at {place}"))
        if self._can_train and run.exists:
            rows.append(("[L]öschen", "put this run in its trash and start fresh"))
        if self._can_train and not run.exists:
            rows.append(("[S]tart", "train a fresh network"))
        if self.check_action("demo", ()):
            rows.append(("[T]ry the demo", "a small network learns from photographs, in minutes"))
        choices = [_choice(*row, first=index == 0) for index, row in enumerate(rows)]
        if self._can_train and run.is_complete:  # what cannot be done is dimmed, with its reason
            why = "complete; set training.max_steps higher in config.toml"
            choices.append(Content.styled(f"  {'[F]ortsetzen':<16}{why}", "$secondary"))
        return Content("\n").join(choices)


def _reached(newest: CheckpointInfo, max_steps: int) -> str:
    if not newest.is_described:
        return f"{newest.name} · what it holds is read when it is resumed"
    best = f"best {percent(newest.best_quality)} at {newest.best_step:,}" if newest.best_step else "not validated yet"
    return f"step {newest.step:,} of {max_steps or newest.max_steps:,} · epoch {newest.epoch} · {best}"


def _choice(name: str, meaning: str, first: bool) -> Content:
    sign = "▸ " if first else "  "
    return Content.assemble((sign, "$primary"), (f"{name:<16}", "bold $primary" if first else "bold"), (meaning, ""))
