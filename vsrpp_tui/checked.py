"""What a look at a form's values gave: apart from the forms so that each check can be tested without a screen."""

from collections.abc import Mapping
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


def text(values: Values, key: str) -> str:
    value = values.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def ticked(values: Values, key: str) -> bool:
    return values.get(key) is True
