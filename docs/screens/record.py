"""Record the run that the pictures show: the demo's, longer than `make demo` trains it, and steered as a user would.

OMP_WAIT_POLICY=PASSIVE python -m docs.screens.record   minutes; replaces tests/golden/films

What is kept of the run is what screens read: its journal, settings, descriptions of checkpoints (not these themselves)
and two of its comparison pictures. The journal names only those two.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from docs.screens.studio.stage import RECORDED
from vsrpp_core.data.demo import demo_dataset_root
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.messages import journal
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.session.session import open_session

SETTINGS = {
    "training.max_steps": 2000,
    "cadence.validate_every": 100,
    "cadence.checkpoint_every": 500,
    "cadence.journal_every": 20,
    "cadence.best_from": 100,
    "cadence.best_until": 400,
}
STEERED: dict[int, cmd.Command] = {
    260: cmd.Mark("edges come out of the blur"),
    640: cmd.SaveCheckpoint(),
    700: cmd.Pause(),
    860: cmd.SetParameter("cadence.tensorboard_every", 10),
    880: cmd.SetParameter("cadence.recovery_minutes", 5),
    1240: cmd.Stop(),
}
PICTURES = ("coffee_0004.png", "camera_0001.png")


def session(run: Path, resume: bool) -> Iterator[ev.Event]:
    """One session's events, steered at the steps of STEERED."""
    commands: CommandQueue = CommandQueue()
    opened = open_session(
        run, None, start="resume" if resume else "fresh", demo=True, overrides={} if resume else SETTINGS
    )
    for event in opened.events(commands):
        yield event
        if isinstance(event, ev.StepReported) and not resume and (command := STEERED.get(event.step)):
            commands.put(command)
        if isinstance(event, ev.PhaseChanged) and event.phase == "paused":
            commands.put(cmd.Resume())


def keep(run: Path, place: Path) -> None:
    """Copy to ``place`` what the pictures need; run and dataset are in the home folder by then."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "pictures").mkdir(parents=True)
    for name in PICTURES:
        shutil.copyfile(run / "pictures" / name, place / "pictures" / name)
    for path in run.glob("checkpoint_*.json"):
        shutil.copyfile(path, place / path.name)
    kept = [event for event in journal.replay(run / "events.jsonl") if not _is_of_another_picture(event)]
    journal_text = "".join(journal.encode(event) + "\n" for event in kept)
    for name, text in (("events.jsonl", journal_text), ("config.toml", (run / "config.toml").read_text("utf-8"))):
        text = text.replace(str(run), "~/runs/films").replace(str(demo_dataset_root()), "~/data/films")
        (place / name).write_text(text, encoding="utf-8")


def _is_of_another_picture(event: ev.Event) -> bool:
    return isinstance(event, ev.ComparisonWritten) and Path(event.path).name not in PICTURES


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "films"
        for resume in (False, True):
            for event in session(run, resume):
                if isinstance(event, ev.StepReported) and event.step % 50 == 0:
                    print(f"step {event.step}  loss {event.loss_total:.4f}", flush=True)
        keep(run, RECORDED)
    print(RECORDED)


if __name__ == "__main__":
    main()
