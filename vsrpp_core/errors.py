"""The errors a person is meant to read, and the data they are made of.

Separate from everything else so that each layer can raise them without importing another layer.
"""

import errno
import os
import shlex
import string
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

CHECK_DISK = "check that disk"

WHAT_TO_DO = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "make room there"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "check its permissions"),
    errno.EIO: CHECK_DISK,
    errno.EROFS: "choose a place that can be written",
    errno.ENOENT: "check the path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EILSEQ: "choose a folder whose name is UTF-8",
    errno.ENOLCK: "its drive takes no locks, so choose a place on another one",
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP), "move away what stands in its place"),
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}
"""By errno; for all others ``CHECK_DISK``."""


class VsrppError(Exception):
    """Something the user can fix, in one sentence: what, where (file or key), what to do.

    A front end prints the sentence alone and exits non-zero; it never shows a traceback for it.
    """


class UsageError(VsrppError):
    """A command was called with arguments that cannot work; a front end exits with status 2."""


class OptionError(UsageError):
    """A fault of one option of a command, or of the field of a form that sets it; ``option`` is its bare name."""

    def __init__(self, option: str, message: object) -> None:
        super().__init__(str(message))
        self.option = option


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one setting, or with several that do not fit together."""

    key: str
    """The setting, dotted; its section where a rule between settings is broken; empty where it concerns sections."""
    message: str
    """What it must be, such as ``must be at least 1``, or the rule that is broken."""
    hint: str = ""
    """What follows in brackets: the range, the reason for the rule, or the nearest valid name."""
    line: int = 0
    """Where it is in the file, from 1; 0 where that is not known."""
    is_unknown: bool = False
    """Whether there is no such setting."""
    settings: tuple[str, ...] = ()
    """The settings concerned, dotted, the first to look at first; just ``key`` where that is a setting."""

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        separator = "" if not self.key else " " if self.is_unknown else ": "
        return f"{place}{self.key}{separator}{self.message}{f' ({self.hint})' if self.hint else ''}"


class SettingsError(VsrppError):
    """Every fault of a file of settings; ``source`` names the file."""

    def __init__(self, faults: Iterable[Fault], source: str = "", advice: str = "") -> None:
        self.faults = tuple(faults)
        said = "; ".join(map(str, self.faults))
        super().__init__(f"{f'{source}: ' if source else ''}{said}{f'; {advice}' if advice else ''}")


class OverrideError(SettingsError, UsageError):
    """Every fault of settings that a user gave in place of others, on a command line or in a form."""


@contextmanager
def os_errors(
    where: object = "", what: str = "cannot be read or written", advice: str = "", kind: type[Exception] = VsrppError
) -> Generator[None, None, None]:
    """Raise an OSError of the block as an error of ``kind``, in the sentence of ``describe_os_error``."""
    try:
        yield
    except OSError as error:
        raise kind(describe_os_error(error, where, what, advice)) from error


def describe_os_error(
    error: OSError, where: object = "", what: str = "cannot be read or written", advice: str = ""
) -> str:
    """One sentence: where, ``what`` happened there, why, and what to do.

    Without ``where`` it is the file that the error names; without ``advice``, what helps against errors of this kind.
    """
    if not where:
        known = isinstance(error.filename, str | bytes | os.PathLike)
        where = os.fsdecode(error.filename) if known else "a file or device"
    return f"{where} {what} ({error.strerror or error}); {advice or WHAT_TO_DO.get(error.errno or 0, CHECK_DISK)}"


def is_of_the_place(error: BaseException) -> bool:
    """Whether an error, also one of a library that carries the system's number, is about a disk or a path."""
    return getattr(error, "errno", None) in WHAT_TO_DO


def first_line(error: Exception) -> str:
    """What a library says in its first line, without the traceback or advice below; else the kind of error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def command(*parts: str | os.PathLike[str]) -> str:
    """A command to paste into a shell, whatever is in the names of its files."""
    return " ".join(map(_word, parts))


def _word(part: str | os.PathLike[str]) -> str:
    text = os.fspath(part)
    if not isinstance(part, str) and text.startswith("-"):  # or it would be taken for an option
        text = f"./{text}"
    if not text.isprintable():  # signs for a terminal, ends of lines, and bytes of no encoding
        shown = (
            chr(byte) if chr(byte) in string.printable[:94] and byte not in b"'\\" else f"\\x{byte:02x}"
            for byte in os.fsencode(text)
        )
        return f"$'{''.join(shown)}'"
    return shlex.quote(text)
