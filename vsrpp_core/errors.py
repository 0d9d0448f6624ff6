"""The errors a person is meant to read.

Separate from everything else so that each layer can raise them without importing another layer.
"""

import errno
import os

FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""What the system says of a disk, or a share of one, that takes no more."""

WHAT_TO_DO = {
    **dict.fromkeys(FULL, "make room there and give the same command again"),
    errno.EIO: "check that disk before giving the same command again",
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.EROFS: "name a place that can be written",
    errno.ENOENT: "check the path",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and give the same command again",
}
"""By what the system says; for all else there is a general word."""


class VsrppError(Exception):
    """Something the user can mend, told in one sentence: what, where (file or key), what to do.

    A front end prints the sentence alone and exits non-zero; it never shows a traceback for it.
    """


class UsageError(VsrppError):
    """A command was called with arguments that cannot work; a front end exits with status 2."""


def told(error: OSError) -> str:
    """An error of the system that nobody foresaw where it happened, in one sentence: what, where, what to do."""
    known = isinstance(error.filename, str | bytes | os.PathLike)
    where = os.fsdecode(error.filename) if known else "a file or device"
    what_to_do = WHAT_TO_DO.get(error.errno or 0, "mend that and give the same command again")
    return f"{where} cannot be read or written ({error.strerror or error}); {what_to_do}"
