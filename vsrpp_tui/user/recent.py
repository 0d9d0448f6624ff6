"""The runs that were opened before, for the start screen to offer them again.

A convenience: a file that is damaged counts as none, and a list that cannot be kept costs nothing but itself.
"""

import json
from pathlib import Path
from threading import Lock

from platformdirs import user_state_path

from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import write_text_atomically

LIMIT = 20

_writing = Lock()
"""The start screen remembers a run it has read in a thread of its own, the application one that is to be trained."""


def list_path() -> Path:
    return user_state_path("vsrpp") / "recent_runs.json"


def recent_runs() -> list[Path]:
    """Folders of runs, the one opened last first; those that are gone are left out."""
    try:
        record = json.loads(list_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    runs = record.get("runs") if isinstance(record, dict) else None
    paths = [Path(run) for run in runs if isinstance(run, str)] if isinstance(runs, list) else []
    return [path for path in dict.fromkeys(paths) if path.is_absolute() and path.is_dir()][:LIMIT]


def remember(run: Path) -> None:
    """Put a run at the top of the list. Raises VsrppError where the list cannot be written."""
    run = run.absolute()
    with _writing:
        runs = [run, *(other for other in recent_runs() if other != run)][:LIMIT]
        path = list_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomically(path, json.dumps({"runs": [str(one) for one in runs]}, indent=1) + "\n")
        except OSError as error:
            raise VsrppError(f"recent runs cannot be kept in {path} ({error.strerror})") from None
