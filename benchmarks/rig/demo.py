"""A run of the demo that does not come to its end while something is measured."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vsrpp_core.messages import commands as cmd
from vsrpp_core.remote.link import NoLinkError, ask
from vsrpp_core.remote.standing import standing_of
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.settings import NO_OVERRIDES, Overrides


def demo_run(folder: Path, overrides: Overrides = NO_OVERRIDES) -> tuple[Path, Path]:
    """A run's folder with settings, and the dataset; made first, in a quarter of a minute, where `make demo` never was.

    What needs torch is imported here: the application that is measured imports the same script, and loads torch
    itself, after its own settings.
    """
    from vsrpp_core.data.demo import demo_dataset_root, make_demo_dataset
    from vsrpp_core.tune.default_settings import demo_config

    for _ in make_demo_dataset():
        pass
    run = folder / "run"
    run.mkdir()
    settings = {"training.max_steps": 1_000_000, **overrides}
    demo_config(demo_dataset_root()).with_overrides(settings).save(run / "config.toml")
    return run, demo_dataset_root()


@contextmanager
def trained(run: Path) -> Iterator[RunFolder]:
    """The run, while a process of its own trains it."""
    folder = RunFolder(run)
    begin = ["--resume"] if any(run.glob("checkpoint_*.pth")) else []
    with subprocess.Popen(
        [sys.executable, "-m", "vsrpp_core", "train", str(run), *begin], stdout=subprocess.DEVNULL
    ) as process:
        try:
            while standing_of(folder).status != "training":
                assert process.poll() is None
                time.sleep(0.2)
            yield folder
        finally:
            try:
                ask(folder, cmd.Stop(), 60)
            except NoLinkError:
                process.kill()
