"""What a look at a form's values gave: apart from the forms so that each check can be tested without a screen."""

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from vsrpp_core.errors import VsrppError

Request = TypeVar("Request")
Values = Mapping[str, str | bool]
"""What stands in a form, by field: typed texts, and boxes ticked or not."""


@dataclass(frozen=True)
class Checked(Generic[Request]):
    """``faults`` and ``notes`` by field; ``outlook`` are sentences on all of it; ``request`` is None with any fault."""

    request: Request | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    outlook: tuple[str, ...] = ()


class FieldError(VsrppError):
    """A fault of one field."""

    def __init__(self, field: str, message: object) -> None:
        super().__init__(str(message))
        self.field = field


def refused(error: OSError, values: Values, keys: Iterable[str]) -> FieldError:
    """A file that the system refuses to look at, as a fault of that one of the fields ``keys`` that names it."""
    file, typed = str(error.filename or ""), {key: text(values, key).rstrip("/").rpartition("/")[2] for key in keys}
    key = max(typed, key=lambda key: len(typed[key]) if typed[key] in file else -1)  # a folder may be in all of them
    what = "this" if error.errno == errno.ENAMETOOLONG or not file else file
    return FieldError(
        key, f"{what} cannot be looked at ({error.strerror or error}); check the path and its permissions"
    )


def text(values: Values, key: str) -> str:
    value = values.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def ticked(values: Values, key: str) -> bool:
    return values.get(key) is True
