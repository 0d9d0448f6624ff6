"""Writing files so that a crash leaves the old one or the new one, never half of one."""

import codecs
import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TEMPORARY_PREFIX = ".tmp-"
ENDS = 1 << 20
"""Bytes at a file's beginning and end that its fingerprint is made of, besides its size."""

NAME_BYTES = 255
"""What nearly all file systems take as a name, where the system does not say."""


def write_atomically(path: Path, write: Callable[[Path], None], obsolete: Path | None = None) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then make it durable under the final name.

    If anything fails ``path`` is as it was, and the error is raised. ``obsolete`` describes the file that is replaced;
    it is removed right before, so that it is never found beside the new one.
    """
    with replacing(path, obsolete) as temporary:
        write(temporary)


@contextlib.contextmanager
def replacing(path: Path, obsolete: Path | None = None) -> Iterator[Path]:
    """A temporary name beside ``path``, to be filled; at the end the file becomes durable under the final name.

    The temporary file is flushed to the disk before it replaces ``path`` and the folder after it. If anything fails
    the temporary file is removed. ``obsolete`` is as for ``write_atomically``, which is enough for most; this is for
    who tells how far the writing is.
    """
    temporary = beside(path, f"{TEMPORARY_PREFIX}{os.getpid()}-")
    try:
        yield temporary
        sync(temporary)
        if obsolete:
            obsolete.unlink(missing_ok=True)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one worth telling
            temporary.unlink(missing_ok=True)
        raise


def beside(path: Path, prefix: str, suffix: str = "") -> Path:
    """A file that belongs to ``path``, in the same folder: its name between ``prefix`` and ``suffix``.

    Where that is too long for the file system the name is cut and tells itself apart from others by a digest.
    """
    middle, most = path.name, name_bytes(path.parent)
    if len(os.fsencode(f"{prefix}{middle}{suffix}")) > most:
        digest = hashlib.sha256(os.fsencode(middle)).hexdigest()[:12]
        while len(os.fsencode(f"{prefix}{middle}-{digest}{suffix}")) > most:
            middle = middle[:-1]
        middle = f"{middle}-{digest}"
    return path.with_name(f"{prefix}{middle}{suffix}")


def nearest_folder(path: Path) -> Path:
    """``path``, or the first of the folders above it that exists."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.is_dir())


def name_bytes(folder: Path) -> int:
    """The longest name that a folder takes, in bytes, whether or not it exists already."""
    try:
        return os.pathconf(nearest_folder(folder), "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        return NAME_BYTES


def write_text_atomically(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: _write_text(temporary, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogateescape")


def read_json(text: str | bytes) -> Any:
    """What a small file of ours says; ValueError for anything that is not JSON, however deep or long, and for integers
    of more than 64 bits.

    OverflowError and RecursionError, which Python's reader also raises, would pass by those who expect damage; so would
    that of a figure which is too large to be shown.
    """
    try:
        return json.loads(text, parse_int=_integer)
    except (RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from None


def _integer(text: str) -> int:
    number = int(text)
    if abs(number) >= 2**63:
        raise ValueError(f"{text[:20]}… is no figure of ours")
    return number


def read_text(path: Path) -> str:
    """A file in UTF-8, without the mark that some editors put first; names that are no text come back as they are.

    UnicodeError for UTF-16.
    """
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnicodeError("it is in UTF-16, not UTF-8")
    return content.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n")


def read_json_lines(path: Path) -> list[Any]:
    """What each line says of a file like those of ``json_line``; OSError, or ValueError as in ``read_json``."""
    lines = read_text(path).split("\n")  # splitlines() would also split at others within a name
    return [read_json(line) for line in lines if line]


def sync(path: Path) -> None:
    """Return when the content of a file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    """Where folders can be opened. Some network drives take no sync of one; the file has its name all the same."""
    if os.name != "posix":
        return
    try:
        sync(path)
    except OSError as error:
        if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
            raise


def fingerprint(path: Path) -> str:
    """SHA-256 of the size and of the first and last MiB of a file, so that a film need not be read a second time."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(ENDS))
        file.seek(max(0, size - ENDS))
        digest.update(file.read(ENDS))
    return digest.hexdigest()


def walk(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file under ``folder`` with its size in bytes; links are counted as what they are, never followed."""
    for place, folders, names in os.walk(folder, followlinks=False):
        links = (name for name in folders if Path(place, name).is_symlink())
        for name in (*names, *links):
            path = Path(place, name)
            yield path, path.lstat().st_size
