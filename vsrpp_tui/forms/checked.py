"""What checking a form's values yields. Apart from the forms so that each check can be tested without a screen."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from vsrpp_core.errors import OptionError, VsrppError

Request = TypeVar("Request")
Values = Mapping[str, str | bool]
"""The contents of a form by field: typed texts, and boxes ticked or not."""


@dataclass(frozen=True)
class Checked(Generic[Request]):
    """``faults`` and ``notes`` by field; ``outlook``: sentences on all of it; ``request`` is None with any fault."""

    request: Request | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    outlook: tuple[str, ...] = ()


@contextmanager
def fault_of(field: str, **paths: Path) -> Iterator[None]:
    """Turn an error into an OptionError of ``field``, or of that one of ``paths`` which the system refused to read."""
    try:
        yield
    except OptionError:
        raise
    except VsrppError as error:
        raise OptionError(field, error) from None
    except OSError as error:
        file = Path(str(error.filename or ""))
        key = next((key for key, path in paths.items() if file.is_relative_to(path)), field)
        what = "this" if error.errno == errno.ENAMETOOLONG or not error.filename else file
        message = f"{what} cannot be read ({error.strerror or error}); check the path and its permissions"
        raise OptionError(key, message) from None


def text(values: Values, key: str) -> str:
    value = values.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def ticked(values: Values, key: str) -> bool:
    return values.get(key) is True
