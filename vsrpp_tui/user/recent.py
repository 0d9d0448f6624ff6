"""Runs opened recently, which the start screen offers again.

A convenience: a damaged file counts as empty, and a list that cannot be written is only a warning.
"""

import json
from pathlib import Path
from threading import Lock

from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import read_json, write_text_atomically
from vsrpp_core.run.names import user_folder

LIMIT = 20

_writing = Lock()
"""Both a thread of the start screen and the application itself write the list."""


def list_path() -> Path:
    return user_folder("state") / "recent_runs.json"


def recent_runs() -> list[Path]:
    """Folders of runs that still exist, the last opened first."""
    try:
        record = read_json(list_path().read_bytes())
    except (OSError, ValueError):
        return []
    runs = record.get("runs") if isinstance(record, dict) else None
    paths = [Path(run) for run in runs if isinstance(run, str)] if isinstance(runs, list) else []
    return [path for path in dict.fromkeys(paths) if path.is_absolute() and path.is_dir()][:LIMIT]


def remember(run: Path) -> None:
    """Put a run at the top of the list. Raises VsrppError if the list cannot be written."""
    run = run.absolute()
    with _writing:
        runs = [run, *(other for other in recent_runs() if other != run)][:LIMIT]
        path = list_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomically(path, json.dumps({"runs": [str(one) for one in runs]}, indent=1) + "\n")
        except OSError as error:
            raise VsrppError(f"the list of recent runs cannot be written to {path} ({error.strerror})") from None
