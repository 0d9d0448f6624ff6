"""Delete runs in awkward places: nothing outside the run changes, and nothing of it is lost.

python -m tests.faults.deletions                  100 layouts
"""

import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from tests.faults.tally import Tally
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.folder import RunFolder

OWN = ("checkpoint_step_1.pth", "checkpoint_step_1.json", "events.jsonl", "training.log", "training_status.txt")
"""Files that training makes."""


PLACES = (
    *("plain", "linked", "parent linked", "dots", "home", "root of data", "logs linked", "relative"),
    *("trash linked", "trash is a file"),
)


class Killed(BaseException):
    """The process ends here."""


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path.name} of {folder.name}")


def make_run(run: Path, world: Path, chance: random.Random) -> None:
    """What training made, and some of: files of the user, a dataset, other runs, links out of it and in circles."""
    write(run, *OWN, "logs/events.out.tfevents.1", "pictures/1.png")
    extras: list[Callable[[], object]] = [
        lambda: write(run, "notes.txt", "config.toml", "screenshots/1.svg"),
        lambda: write(run, "Patches/GT/a.png", "Patches/LR/a.png", "manifest.jsonl"),
        lambda: write(run, "other run/checkpoint_step_9.pth", "other run/events.jsonl"),
        lambda: (run / "checkpoint_best.pth").symlink_to("checkpoint_step_1.pth"),
        lambda: (run / "checkpoint_best_old.pth").symlink_to(world / "outside" / "checkpoint_step_5.pth"),
        lambda: (run / "checkpoint_step_2.pth").symlink_to(world / "outside" / "gone.pth"),
        lambda: (run / "checkpoint_step_3.pth").symlink_to(world / "outside"),
        lambda: (run / "logs" / "all").symlink_to(world / "outside"),
        lambda: (run / "pictures" / "round").symlink_to(run),
        lambda: (run / "runs").symlink_to(world),
    ]
    for extra in chance.sample(extras, chance.randrange(len(extras) + 1)):
        extra()


def make_layout(world: Path, chance: random.Random) -> Path:
    """A world with a run in it, and the path by which it is named."""
    write(world / "outside", *OWN, "checkpoint_step_5.pth", "films/film.mkv")
    write(world / "home", ".bashrc", "events.jsonl")
    place = chance.choice(PLACES)
    run = {"home": world / "home", "root of data": world / "outside"}.get(place, world / "runs" / "run")
    make_run(run, world, chance)
    if place == "linked":
        (world / "link").symlink_to(run)
        return world / "link"
    if place == "parent linked":
        (world / "elsewhere").symlink_to(run.parent)
        return world / "elsewhere" / run.name
    if place == "dots":
        return run / ".." / run.name / "."
    if place == "logs linked":
        (world / "logs").mkdir()
        (run / "logs").rename(world / "logs" / "kept")
        (run / "logs").symlink_to(world / "logs" / "kept")
    if place == "trash linked":
        (run / ".trash").symlink_to(world / "outside")
    if place == "trash is a file":
        (run / ".trash").write_text("mine")
    return Path(os.path.relpath(run, world)) if place == "relative" else run


def contents(folder: Path, leave_out: Path | None = None) -> dict[str, str]:
    """Every file and link below a folder with what it holds; links are not followed."""
    found = {}
    for place, folders, names in os.walk(folder):
        if leave_out and Path(place) == leave_out:
            folders.clear()
            continue
        for name in (*names, *folders):
            path = Path(place, name)
            if path.is_symlink():
                found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
            elif path.is_file():
                found[str(path.relative_to(folder))] = path.read_text()
    return found


def delete(run: Path, kill_at: int) -> None:
    """As the start screen does; killed before the rename of number ``kill_at``."""
    rename, left = Path.rename, iter(range(kill_at))

    def may_be_killed(path: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise Killed
        return rename(path, target)

    with mock.patch.object(Path, "rename", may_be_killed):
        RunFolder(run).move_to_trash()


def campaign(folder: Path, count: int) -> Tally:
    tally, here = Tally("deletions"), Path.cwd()
    for number in range(count):
        chance, world = random.Random(number), folder / str(number)
        world.mkdir()
        os.chdir(world)
        try:
            _try(tally, make_layout(world, chance), world, chance)
        finally:
            os.chdir(here)
    return tally


def _try(tally: Tally, run: Path, world: Path, chance: random.Random) -> None:
    real = run.resolve()
    outside, inside = contents(world, leave_out=real), contents(real)
    kill_at = chance.choice((10**6, 10**6, chance.randrange(8)))
    outcome = "deleted"
    try:
        delete(run, kill_at)
    except Killed:
        outcome = "killed"
    except VsrppError:
        outcome = "refused"
    except Exception as error:
        tally.failed(f"{world.name}: {type(error).__name__}: {error}")
        return
    after = contents(real)
    lost = sorted(name for name, text in inside.items() if name not in after and not _is_in_trash(after, name, text))
    if contents(world, leave_out=real) != outside:
        tally.failed(f"{world.name}: something outside {run} changed")
    elif lost:
        tally.failed(f"{world.name}: lost {lost}")
    else:
        tally.held(outcome)


def _is_in_trash(after: dict[str, str], name: str, text: str) -> bool:
    return any(path.startswith(".trash/") and path.endswith(f"/{name}") and after[path] == text for path in after)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not campaign(Path(folder).resolve(), 100).tell())


if __name__ == "__main__":
    main()
