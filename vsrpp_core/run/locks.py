"""Taking a lock of the operating system: runs, jobs and caches are all locked in the same way."""

import errno
from pathlib import Path

from filelock import FileLock, Timeout

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What drives without locks answer, among them network drives."""


def take(lock: FileLock) -> bool:
    """Whether this process has the lock now; False where another one has it. OSError ENOLCK where there are none."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise OSError(errno.ENOLCK, error.strerror, str(Path(lock.lock_file))) from error
        raise
    return True
