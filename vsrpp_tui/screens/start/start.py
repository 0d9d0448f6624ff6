"""The start screen: what the run holds, what it is trained on, what can be done with it, and other runs to open."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static

from vsrpp_core.errors import VsrppError
from vsrpp_core.remote.recent_runs import recent_runs, remember
from vsrpp_core.run.folder import RunFolder, RunSummary, Trashed, demo_run_path
from vsrpp_core.run.presets import Preset
from vsrpp_tui.screens.shared.base_screen import BRAND, BaseScreen
from vsrpp_tui.screens.start.confirm import ConfirmDelete
from vsrpp_tui.widgets.pick_list import PickList, Row, remark
from vsrpp_tui.widgets.run_card import RECENT, dataset_card, demo_card, recent_rows, run_card, unread_card
from vsrpp_tui.widgets.text import file_size, wrapped

if TYPE_CHECKING:
    from vsrpp_core.data.stacked import DatasetSummary
    from vsrpp_tui.forms.checked import Values
    from vsrpp_tui.screens.shared.form_screen import FormScreen
    from vsrpp_tui.threads.jobs import JobRequest


AGE_SECONDS = 10.0
"""How often the age of the last checkpoint is redrawn."""

NAME_WIDTH = 20
MOST_MARKED = 5
"""Beside the run that is shown."""
NARROW, INDENT = 60, 2
"""Cells of a line below which what an action does stands under its name."""


@dataclass(frozen=True)
class Choice:
    """What is to be trained: the run's folder, and the dataset where one was named."""

    run: Path
    data: Path | None
    demo: bool = False
    preset: Preset | Literal[""] = ""
    """For a fresh run: a name of ``vsrpp_core.run.presets``; empty for none."""


class StartScreen(BaseScreen[None]):
    """Reads the run and its dataset in the background; a key works as soon as what it needs is known."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f,r", "resume", "Resume", key_display="f", id="resume", tooltip="choose a checkpoint; enter resumes"),
        Binding(
            "l,d", "delete", "Delete", key_display="l", id="delete", tooltip="put the run in its trash, after ja or yes"
        ),
        Binding("s,l,d", "fresh", "Start", key_display="s", id="start", tooltip="train a fresh network"),
        Binding("a", "tune", "Auto-tune", id="tune", tooltip="choose the network by what this machine can run"),
        Binding("w", "restore", "Trash", id="trash", tooltip="the trash: enter, twice, restores a deletion"),
        Binding("o", "open", "Open", id="open", tooltip="open a run by its path"),
        Binding("o", "compare", "Compare", id="open", tooltip="compare this with the marked"),
        Binding("space", "mark", "Mark", show=False, id="mark_run", tooltip="mark a recent run, or take the mark back"),
        Binding("u", "upscale", "Upscale", id="upscale", tooltip="upscale films with a network of this run or another"),
        Binding("t", "demo", "Try the demo", id="demo", tooltip="a small network learns from photographs, in minutes"),
        Binding("enter", "default", "Choose", show=False, id="choose"),
        Binding("question_mark", "app.help", "Help", key_display="?", id="help", tooltip="keys and words"),
        Binding("q", "app.leave", "Quit", id="quit", tooltip="back to the shell"),
        Binding(
            "n", "prepare", "New dataset", id="prepare", tooltip="cut videos into a dataset; enter then trains on it"
        ),
        Binding("k", "check", "Check", id="check", tooltip="read the whole dataset and list its faults"),
    ]
    MORE_KEYS = ((("↑", "↓", "enter"), "an action, or a run that was opened before"),)

    @dataclass
    class TrainingWanted(Message):
        """The user wants to train, ``fresh`` or from ``checkpoint``: empty for the newest one."""

        choice: Choice
        fresh: bool
        checkpoint: str = ""
        tune: bool = False
        """Choose the network first, by what this machine can run."""
        max_steps: int = 0
        """Where a complete run is to end now."""

    @dataclass
    class JobWanted(Message):
        """Work besides training; ``run`` is the name of the run that a dataset made is for, or empty."""

        request: "JobRequest"
        run: str = ""

    @dataclass
    class RunRead(Message):
        run: RunSummary
        dataset: "DatasetSummary | None"
        root: Path | None
        trashed: tuple[Trashed, ...] = ()

    @dataclass
    class RecentRead(Message):
        """Other runs that were opened before, the latest first; ``problem`` is why this one is not kept among them."""

        runs: tuple[RunSummary, ...]
        problem: str = ""

    @dataclass
    class MachineRead(Message):
        """What is wrong with this machine, in one line; empty where nothing is."""

        wrong: str

    def __init__(self, choice: Choice, device: str = "") -> None:
        super().__init__()
        self.choice = choice
        self._device = device
        self._read: StartScreen.RunRead | None = None
        self._recent = StartScreen.RecentRead(())
        self._notice = self._machine = ""
        """What was just done to the run, or why not, and what is wrong with this machine."""
        self._early = ""
        """The action of a key that was pressed before the run was read."""
        self._typed: dict[str, Values] = {}
        """What was typed into each form, for the next time."""
        self._marked: dict[Path, None] = {}
        """Recent runs that ``o`` compares with this one, as they were marked."""
        self._choices = PickList(id="start-choices")

    def body(self) -> ComposeResult:
        with Vertical(id="start-body"):
            yield Static(id="start-run", markup=False)
            yield Static(id="start-data", markup=False)
            yield Static(id="start-notice", markup=False)
            yield self._choices

    def on_mount(self) -> None:
        self._begin_to_read()
        self.set_interval(AGE_SECONDS, self._draw)

    def on_resize(self) -> None:
        self._draw()

    def set_device(self, device: str) -> None:
        self._device = device
        self._draw()

    # reading

    def show_run(self, choice: Choice) -> None:
        """Be the start screen of another run."""
        self.choice, self._notice = choice, ""
        self._recent = StartScreen.RecentRead(())
        self._marked.clear()
        self._begin_to_read()

    def _begin_to_read(self) -> None:
        self._read, self._early = None, ""
        self.refresh_bindings()
        self._draw()
        Thread(target=self._read_run, args=(self.choice,), name="look", daemon=True).start()

    def _read_run(self, choice: Choice) -> None:
        from vsrpp_core.data.stacked import summarize  # imports numpy and pillow: after the first frame is drawn

        folder = RunFolder(choice.run)
        run = folder.summary()
        root = choice.data or (Path(run.data_root) if run.data_root else None)
        dataset = None if choice.demo or root is None else summarize(root)
        self.post_message(self.RunRead(run, dataset, root, tuple(folder.trashed())))
        problem = ""
        if run.exists:
            try:
                remember(choice.run)
            except VsrppError as error:
                problem = str(error)
        others = (RunFolder(path).summary() for path in recent_runs() if path != run.path)
        self.post_message(self.RecentRead(tuple(others), problem))
        self._read_machine(run, dataset)

    def _read_machine(self, run: RunSummary, dataset: "DatasetSummary | None") -> None:
        from vsrpp_core.doctor.glance import glance
        from vsrpp_core.doctor.words import in_short
        from vsrpp_core.run.config import RunConfig

        config = (not run.problem and RunConfig.load_if_any(RunFolder(run.path).config)) or RunConfig()
        self.post_message(self.MachineRead(in_short(glance(run.path, config, dataset.geometry if dataset else None))))

    def on_start_screen_run_read(self, message: RunRead) -> None:
        if message.run.path != self.choice.run.absolute():  # another one was opened in between
            return
        self._read = message
        if message.run.crash:
            crash_log = RunFolder(message.run.path).crash_log
            self._notice = f"! the last session crashed ({message.run.crash}); where it was is in {crash_log}"
        self.refresh_bindings()
        self._draw()
        if self._early == "delete" and not message.run.exists:
            self._early = "fresh"
        if self._early and self.check_action(self._early, ()):
            self.call_later(self.run_action, self._early)

    def on_start_screen_recent_read(self, message: RecentRead) -> None:
        shown = self.choice.run.absolute()
        self._recent = replace(message, runs=tuple(run for run in message.runs if run.path != shown))
        self._draw()

    def on_start_screen_machine_read(self, message: MachineRead) -> None:
        self._machine = message.wrong
        self._draw()

    # choosing

    @property
    def _is_free(self) -> bool:
        """Whether the run was read, has no problem and is not in use."""
        return self._read is not None and not (self._read.run.locked_by or self._read.run.problem)

    @property
    def _can_train(self) -> bool:
        if self._read is None or not self._is_free:
            return False
        return self.choice.demo or (self._read.dataset is not None and not self._read.dataset.problem)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        run = self._read.run if self._read else None
        if action == "check":
            return self._dataset_root is not None
        if action in ("upscale", "prepare"):
            return run is not None
        if action in ("open", "compare"):
            return bool(self._marked) == (action == "compare")
        if action not in ("resume", "delete", "fresh", "tune", "restore", "demo"):
            return True
        if run is None:
            return action in ("resume", "delete")
        match action:
            case "resume":
                return self._can_train and run.newest is not None
            case "delete":
                return self._is_free and run.exists
            case "fresh":
                return self._can_train and not run.exists
            case "tune":
                return self._can_train and not run.exists and not self.choice.demo
            case "restore":
                return self._is_free and bool(self._read and self._read.trashed)
            case _:
                return not (self.choice.demo or self._can_train or run.locked_by or run.problem)

    @property
    def _dataset_root(self) -> Path | None:
        """The dataset that can be checked; the demo's needs none."""
        if self._read is None or self._read.dataset is None or self._read.root is None:
            return None
        return self._read.root if self._read.root.is_dir() else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        key = event.option.id or ""
        if key.startswith(RECENT):
            self._open(self._recent.runs[int(key.removeprefix(RECENT))].path)
        else:
            self.call_later(self.run_action, key)

    def action_default(self) -> None:
        """Enter while nothing is there to choose from."""
        if self._read is None:
            self._early = "default"
        elif self._choices.chosen:
            self._choices.action_select()

    def action_resume(self) -> None:
        if self._read is None:
            self._early = "resume"
            return
        if self._read.run.is_complete:
            self._train_on(self._read.run)
            return
        from vsrpp_tui.screens.start.resume import ResumeScreen

        self.app.push_screen(ResumeScreen(self._read.run), self._resume)

    def _resume(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            self.post_message(self.TrainingWanted(self.choice, fresh=False, checkpoint=checkpoint))

    def _train_on(self, run: RunSummary) -> None:
        """Ask how many steps a complete run is given."""
        from vsrpp_core.run.config import RunConfig
        from vsrpp_tui.screens.start.train_on import TrainOn  # loads the charts' libraries

        config = RunConfig.load(RunFolder(run.path).config)  # RunSummary has read it, so it is there and valid
        step = run.newest.step if run.newest else 0
        self.app.push_screen(TrainOn(step, config), self._more)

    def _more(self, max_steps: int | None) -> None:
        if max_steps:
            self.post_message(self.TrainingWanted(self.choice, fresh=False, max_steps=max_steps))

    def action_fresh(self) -> None:
        self.post_message(self.TrainingWanted(self.choice, fresh=True))

    def action_tune(self) -> None:
        self.post_message(self.TrainingWanted(self.choice, fresh=True, tune=True))

    def action_demo(self) -> None:
        self.show_run(Choice(demo_run_path(), None, demo=True))

    def action_delete(self) -> None:
        if self._read is None:
            self._early = "delete"
            return
        run = self._read.run
        self.app.push_screen(ConfirmDelete(run, tuple(RunFolder(run.path).files())), self._delete)

    def _delete(self, sure: bool | None) -> None:
        if not sure:
            return
        folder = RunFolder(self.choice.run)
        try:
            with folder.lock():
                place = folder.move_to_trash()
        except VsrppError as error:
            self._set_notice(str(error))
            return
        where = place.relative_to(folder.path) if place else folder.trash.name
        self._set_notice(f"deleted: all of it is in {where}, and w brings it back")

    def action_restore(self) -> None:
        from vsrpp_tui.screens.start.trash import TrashScreen

        if self._read:
            self.app.push_screen(TrashScreen(RunFolder(self.choice.run), self._read.trashed), self._restored)

    def _restored(self, notice: str | None) -> None:
        if notice:
            self._set_notice(notice)

    def _set_notice(self, notice: str) -> None:
        self._notice = notice
        self._begin_to_read()

    def action_open(self) -> None:
        from vsrpp_tui.screens.start.open_run import OpenRun

        self.app.push_screen(OpenRun(self.choice.run), self._open)

    def _open(self, path: Path | None) -> None:
        """Another run has its own dataset; one to create takes that of the run shown now."""
        if path is None:
            return
        is_new = not RunFolder(path).config.is_file()
        data = self._read.root if self._read and is_new else None
        is_demo = path == demo_run_path()
        self.show_run(Choice(path, None if is_demo else data, is_demo, self.choice.preset if is_new else ""))

    # comparing

    def action_mark(self) -> None:
        self._mark(self._choices.chosen)

    def on_pick_list_marked(self, message: PickList.Marked) -> None:
        self._mark(message.key)

    def _mark(self, key: str) -> None:
        """Mark the recent run of a row, or take its mark back."""
        if not key.startswith(RECENT):
            return
        path = self._recent.runs[int(key.removeprefix(RECENT))].path
        if path in self._marked:
            del self._marked[path]
        elif len(self._marked) < MOST_MARKED:
            self._marked[path] = None
        else:
            self.notify(f"{MOST_MARKED + 1} runs are the most that one chart can hold", severity="warning")
        self.refresh_bindings()
        self._draw()

    def action_compare(self) -> None:
        from vsrpp_tui.screens.start.compare import CompareScreen  # loads the charts' libraries

        shown = [self._read.run.path] if self._read and self._read.run.exists else []
        if len(runs := [*shown, *self._marked]) > 1:
            self.app.push_screen(CompareScreen(runs))
        else:
            self.notify("nothing is trained here yet; space marks a second run to compare", severity="warning")

    def _marks(self, width: int) -> str:
        """What marks are for."""
        if not self._marked:
            return "space marks to compare"
        count = len(self._marked)
        other = f"{count} runs" if count > 1 else next(iter(self._marked)).name
        words = f"o compares {self.choice.run.name} with {other}"
        return words if len(words) < width - NAME_WIDTH else "o compares"

    # work besides training

    def action_upscale(self) -> None:
        from vsrpp_tui.screens.jobs.upscale_form import UpscaleForm

        if self._read:
            run = self._read.run
            self._fill_in(UpscaleForm(self._typed.get(f"upscale {run.path}", {}), run.path, run.checkpoints), run.path)

    def action_prepare(self) -> None:
        from vsrpp_tui.screens.jobs.prepare_form import PrepareForm

        self._fill_in(PrepareForm(self._typed.get("prepare", {}), self.choice.run.absolute().parent))

    def action_check(self) -> None:
        from vsrpp_tui.threads.jobs import CheckRequest

        if self._dataset_root:
            self.post_message(self.JobWanted(CheckRequest(self._dataset_root.absolute())))

    def _fill_in(self, form: "FormScreen[Any]", run: Path | None = None) -> None:
        """``run``: whose network the form is about."""

        def filled(request: "JobRequest | None") -> None:
            self._typed[f"upscale {run}" if run else "prepare"] = form.values
            if request is not None:
                can_use = self._is_free and not self.choice.demo
                self.post_message(self.JobWanted(request, self.choice.run.name if can_use else ""))

        self.app.push_screen(form, filled)

    def return_from_job(self, dataset: Path | None) -> None:
        """Read everything again after a job; ``dataset``, if any, is what to train on from now on."""
        if dataset is None:
            self._begin_to_read()
        else:
            self.choice = replace(self.choice, data=dataset)
            self._set_notice(f"{self.choice.run.name} will be trained on {dataset}")

    # drawing

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        device = Content.styled(self._device or "looking for a GPU …", "$secondary")
        width = max(self.query_one("#start-body").content_size.width, 20)
        run = self._read.run if self._read else None
        self.set_header(Content.assemble(BRAND), device)
        self.query_one("#start-run", Static).update(run_card(self.choice.run, run, width))
        self.query_one("#start-data", Static).update(self._data())
        said = "\n".join(filter(None, (self._notice, self._machine and f"! {self._machine}")))
        notice = self.query_one("#start-notice", Static)
        notice.update(said)
        notice.display = bool(said)
        room = width - 4
        recent = recent_rows(self._recent.runs, self._recent.problem, room, self._marked, self._marks(room))
        rows = (*self._choice_rows(), *recent)
        self._choices.show(rows if self._read else (), next((row.key for row in rows if row.choosable), ""))

    def _data(self) -> Content:
        if self.choice.demo:
            return demo_card()
        if self._read is None:
            return unread_card()
        width = self.query_one("#start-body").content_size.width
        return Content("") if self._read.run.problem else dataset_card(self._read.dataset, self._read.root, width)

    def _choice_rows(self) -> Iterator[Row]:
        if self._read is None:
            return
        run, newest, trashed = self._read.run, self._read.run.newest, self._read.trashed
        if self.check_action("resume", ()) and run.is_complete:
            yield self._choice("resume", "[F]ortsetzen", "the run is complete; train it on, with more steps")
        elif self.check_action("resume", ()) and newest:
            place = f"step {newest.step:,}" if newest.is_described else newest.name
            yield self._choice("resume", "[F]ortsetzen", f"resume at {place}, or at an earlier one")
        if self.check_action("fresh", ()):
            yield self._choice("fresh", "[S]tart", "train a fresh network")
        if self.check_action("tune", ()):
            yield self._choice("tune", "[A]uto-tune", "see what this machine can run, and choose the network")
        if self.check_action("delete", ()):
            yield self._choice("delete", "[L]öschen", "put this run in its trash, to start fresh")
        if self.check_action("restore", ()):
            size = file_size(sum(one.size for one in trashed))
            yield self._choice("restore", "[W]iederherstellen", f"bring back what was deleted: {size} in the trash")
        if self.check_action("demo", ()):
            yield self._choice("demo", "[T]ry the demo", "a small network, in minutes")
        yield from self._job_rows()

    def _job_rows(self) -> Iterator[Row]:
        """Work besides training, dimmed where there is nothing to do it with."""
        run = self._read.run if self._read else None
        has_network = run is not None and run.newest is not None
        yield self._choice(
            "upscale",
            "[U]pscale",
            "films, by this run's network" if has_network else "films, by a network from elsewhere",
        )
        yield self._choice("prepare", "[N]ew dataset", "patches from your videos")
        if self.check_action("check", ()):
            yield self._choice("check", "Chec[k]", "read the whole dataset, list its faults")
        elif not self.choice.demo:
            yield remark(f"{'Chec[k]':<{NAME_WIDTH}}there is no dataset yet")

    def _choice(self, action: str, name: str, meaning: str) -> Row:
        width = self.query_one("#start-body").content_size.width
        if width >= NARROW:
            return Row(Content.assemble((f"{name:<{NAME_WIDTH}}", "bold"), meaning), action)
        lines = wrapped(meaning, max(width - 2 * INDENT, INDENT))
        return Row(
            Content("\n").join([Content.styled(name, "bold"), *(Content(" " * INDENT + line) for line in lines)]),
            action,
        )
