"""What a crash below Python (a driver, a codec) leaves: where each thread was, in a file beside the run's log.

Separate, as nothing of Python runs any more when it is written: the file is opened before, and read by the next start.
"""

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STDERR = 2


@contextmanager
def dump_crashes(path: Path) -> Iterator[None]:
    """Meanwhile a crash is written to ``path``, which is removed at the end; before and after, to stderr.

    Raises OSError where the file cannot be made.
    """
    with path.open("wb") as file:
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.enable(STDERR)
    path.unlink(missing_ok=True)


def read_crash(path: Path) -> str:
    """What an earlier process left in ``path``; empty if it did not crash, or crashes go elsewhere."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def crash_name(dump: str) -> str:
    """The first line of a dump without what all have in common, e.g. ``Segmentation fault``."""
    return dump.partition("\n")[0].removeprefix("Fatal Python error: ")
