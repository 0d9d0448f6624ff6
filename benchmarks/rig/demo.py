"""A run of the demo that does not come to its end while something is measured."""

import sys
from pathlib import Path

from vsrpp_core.data.demo import demo_dataset_root
from vsrpp_core.training.presets import demo_config
from vsrpp_core.training.session import prepare_demo


def demo_run(folder: Path) -> tuple[Path, Path]:
    """A run's folder with settings, and the dataset; made first where `make demo` never was."""
    for progress in prepare_demo():
        print(f"{progress.task} {progress.done}/{progress.total}", end="\r", file=sys.stderr)
    run = folder / "run"
    run.mkdir()
    demo_config(demo_dataset_root()).with_overrides((("training.max_steps", "1000000"),)).save(run / "config.toml")
    return run, demo_dataset_root()
