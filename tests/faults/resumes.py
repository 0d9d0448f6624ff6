"""Stop at every step and resume, with loader processes and without: all of the state ends as undisturbed, bit for bit.

python -m tests.faults.resumes                    20 steps, each with 0, 2 and 4 workers

Ten samples, of which a step takes six in two micro-batches: epochs end within steps, and within an accumulation.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.checkpoint_files import is_same
from tests.faults.tally import Tally
from tests.helpers import TINY, write_dataset
from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.messages import commands as cmd
from vsrpp_core.messages import events as ev
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.session.plan import Start
from vsrpp_core.session.session import open_session

STEPS, WORKERS = 20, (0, 2, 4)
SETTINGS = {**TINY, "training.accumulation": 2, "cadence.validate_every": 7, "cadence.tensorboard_every": 5}


def trained(run: Path, data: Path, workers: int, steps: int, start: Start = "fresh", stop: int = 0) -> dict[str, Any]:
    """The state of the newest checkpoint after ``steps`` steps, or after ``stop`` of them."""
    queue = cmd.CommandQueue()
    settings = {**SETTINGS, "data.workers": workers, "training.max_steps": steps}
    for event in open_session(run, data, start=start, overrides=settings).events(queue):
        if isinstance(event, ev.StepReported) and event.step == stop:
            queue.put(cmd.Stop())
    return checkpoints.load(run / RunFolder(run).checkpoint_infos()[0].name)


def campaign(folder: Path, steps: int = STEPS, workers: Sequence[int] = WORKERS) -> Tally:
    tally, data = Tally("resumes"), write_dataset(folder / "data")
    for count in workers:
        whole = trained(folder / f"whole-{count}", data, count, steps + 1)
        for stop in range(1, steps + 1):
            run = folder / f"{count}-{stop}"
            stopped = trained(run, data, count, steps + 1, stop=stop)["progress"]["step"]
            state = trained(run, data, count, steps + 1, start="resume")
            different = [name for name, part in whole.items() if not is_same(part, state.get(name))]
            if stopped != stop or different:
                tally.failed(f"{count} workers, stopped at {stopped}, not {stop}, or other {', '.join(different)}")
            else:
                tally.held(f"{count} workers")
    return tally


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not campaign(Path(folder)).tell())


if __name__ == "__main__":
    main()
