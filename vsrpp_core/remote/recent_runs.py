"""The runs this user opened or trained lately: what a start screen offers again, and what ``vsrpp ps`` lists.

A convenience: a damaged file counts as empty, and a list that cannot be written is only a warning.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import read_json, write_text_atomically
from vsrpp_core.run.names import user_folder

LIMIT = 20
"""Runs that are shown."""

KEPT = 100
"""Runs in the list: of a series of experiments all are found that are still being trained."""

LOCK_SECONDS = 2.0
"""For another process that writes the list at the same moment."""


def list_path() -> Path:
    return user_folder("state") / "recent_runs.json"


def recent_runs(most: int = LIMIT) -> list[Path]:
    """Folders of runs that still exist, the last opened first."""
    try:
        record = read_json(list_path().read_bytes())
    except (OSError, ValueError):
        return []
    runs = record.get("runs") if isinstance(record, dict) else None
    paths = [Path(run) for run in runs if isinstance(run, str)] if isinstance(runs, list) else []
    return [path for path in dict.fromkeys(paths) if path.is_absolute() and path.is_dir()][:most]


def remember(run: Path) -> None:
    """Put a run at the top of the list. Raises VsrppError if the list cannot be written."""
    run, path = run.absolute(), list_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            runs = [run, *(other for other in recent_runs(KEPT) if other != run)][:KEPT]
            write_text_atomically(path, json.dumps({"runs": [str(one) for one in runs]}, indent=1) + "\n")
    except OSError as error:
        raise VsrppError(f"the list of recent runs cannot be written to {path} ({error.strerror})") from None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Several processes and threads write the list. On a drive without locks one of them may be forgotten."""
    lock = FileLock(path.with_name(".recent_runs.lock"), timeout=LOCK_SECONDS, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, OSError):
        yield
        return
    try:
        yield
    finally:
        lock.release()
