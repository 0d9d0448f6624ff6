"""Two ranks of which the second hangs in its fifth step."""

import itertools
import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from vsrpp_core.messages import events as ev
from vsrpp_core.messages.commands import CommandQueue
from vsrpp_core.run.settings import Overrides
from vsrpp_core.session.session import open_session
from vsrpp_core.training import distributed
from vsrpp_core.training.step import OptimizerStep


def main(folder: Path, settings: Overrides) -> None:
    distributed.STEP_TIMEOUT = timedelta(seconds=4)
    run_step, calls = OptimizerStep.run, itertools.count(1)

    def hang(self: OptimizerStep, *anything: Any, **more: Any) -> Any:
        if next(calls) == 5 and not ranks.is_first:
            time.sleep(1000)
        return run_step(self, *anything, **more)

    OptimizerStep.run = hang  # type: ignore[method-assign]
    with distributed.ranks_of_this_job() as ranks:
        session = open_session(folder / "run", folder / "data", start="fresh", overrides=settings, ranks=ranks)
        *_, last = session.events(CommandQueue())
    sys.exit(isinstance(last, ev.SessionFailed))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
