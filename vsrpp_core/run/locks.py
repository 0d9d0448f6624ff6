"""Taking a lock of the operating system, and looking whether it is taken: runs, jobs and caches are all locked so."""

import errno
import os
from pathlib import Path
from types import ModuleType

from filelock import FileLock, Timeout

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What drives without locks answer, among them network drives."""


def take(lock: FileLock) -> bool:
    """Whether this process has the lock now; False where another one has it. OSError ENOLCK where there are none."""
    while not _takes(lock):
        if is_taken(Path(lock.lock_file)):
            return False
        # it was only looked at in that moment, or has become free
    return True


def is_taken(path: Path) -> bool:
    """Whether a process holds the lock of this file, which need not be writable.

    Nobody is kept from taking it: those who look share the lock for a moment, and ``take`` tells them from a holder.
    OSError where the file cannot be opened, or the drive has no locks.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except (BlockingIOError, PermissionError):
        return True
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
    finally:
        os.close(descriptor)
    probe = FileLock(path)  # where locks cannot be shared, a file stands for one or it is one of Windows
    if not _takes(probe):
        return True
    probe.release()
    return False


def _takes(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise OSError(errno.ENOLCK, error.strerror, str(Path(lock.lock_file))) from error
        raise
    return True
