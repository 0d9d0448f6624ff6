"""What every file of settings has in common: faults told all at once, each with its line and the nearest valid name.

Separate from config.py because a recipe of a preparation is read, checked and described the same way.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from vsrpp_core.errors import VsrppError

M = TypeVar("M", bound=BaseModel)
Nearest = Callable[[str], str]
"""From an unknown key to the end of the sentence about it."""

OF_ONE_VALUE = (
    *("greater_than", "greater_than_equal", "less_than", "less_than_equal"),
    *("int_type", "int_from_float", "float_type"),
)
"""Faults, as pydantic names them, after which it helps to know the range."""


class Section(BaseModel):
    """A table of settings: frozen, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as a list or a form shows it. ``range`` is in words, empty where any value will do."""

    key: str
    value: Any
    default: Any
    description: str
    range: str


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """A TOML file and its text; VsrppError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise VsrppError(f"{path} is not valid TOML ({error}); mend that place or delete the file") from None
    except FileNotFoundError:
        raise VsrppError(f"{path} does not exist; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise VsrppError(f"{path} cannot be read ({reason}); check the file and its permissions") from None


def validated(model: type[M], values: Mapping[str, Any], source: str, text: str, nearest: Nearest) -> M:
    """``values`` as a ``model``; one VsrppError that lists every fault, with its line where ``text`` is the TOML."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise VsrppError(f"{source}: {'; '.join(_faults(model, error, text, nearest))}") from None


def range_of(field: FieldInfo) -> str:
    """The values a setting may have, in words; empty where any will do."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(get_args(field.annotation))
    signs = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}
    known = [limit for limit in field.metadata if type(limit) in signs]
    limits = ((signs[type(limit)], getattr(limit, type(limit).__name__.lower())) for limit in known)
    return ", ".join(f"{sign} {limit:,}" if isinstance(limit, int) else f"{sign} {limit:g}" for sign, limit in limits)


def did_you_mean(key: str, known: Mapping[str, str], otherwise: str) -> str:
    """The end of the sentence about an unknown ``key``: the nearest of the ``known`` names, with its range."""
    close = get_close_matches(key, known, n=1, cutoff=0.5)
    return f" (did you mean {f'{close[0]}? {known[close[0]]}'.rstrip()})" if close else f" ({otherwise})"


def in_brackets(text: str) -> str:
    """To follow a sentence, or nothing."""
    return f" ({text})" if text else ""


def _faults(model: type[BaseModel], error: ValidationError, text: str, nearest: Nearest) -> list[str]:
    faults = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"])
        line = _nearest_line(fault["loc"], text)
        place = f"line {line}: " if line else ""
        if fault["type"] == "extra_forbidden":
            faults.append(f"{place}{key} is not a setting{nearest(key)}")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            if fault["type"] in OF_ONE_VALUE:  # of several bounds pydantic tells the one that was passed
                message += in_brackets(_range_at(model, fault["loc"]))
            faults.append(f"{place}{key}: {message[0].lower()}{message[1:]}" if key else f"{place}{message}")
    return faults


def _range_at(model: type[BaseModel], key: tuple[int | str, ...]) -> str:
    """Of the setting at ``key``, through tables of tables and lists of them; empty where there is none."""
    part: Any = model
    for name in key:
        if isinstance(part, type) and issubclass(part, BaseModel):
            field = part.model_fields.get(str(name))
            if field is None:
                return ""
            part = field.annotation
        else:
            field = None
            part = next(iter(reversed(get_args(part))), None)
    return range_of(field) if key and field else ""


def _nearest_line(key: tuple[int | str, ...], text: str) -> int:
    """The line of a setting, also where the fault is in one item of its list."""
    line = line_of(key, text)
    return line or line_of(key[:-1], text) if key and isinstance(key[-1], int) else line


def line_of(key: tuple[int | str, ...], text: str) -> int:
    """Where ``key`` (tables, and setting) stands in TOML, from 1; 0 where it is written in some other way."""
    section: list[str] = []
    names = [str(part) for part in key]
    count: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if entry := re.match(r"\s*\[\[\s*([\w.-]+)\s*\]\]", line):
            count[entry[1]] = count.get(entry[1], -1) + 1
            section = [*entry[1].split("."), str(count[entry[1]])]
        elif header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            section = header[1].split(".")
        elif assigned := re.match(r"\s*([\w.-]+)\s*=", line):
            if [*section, *assigned[1].split(".")] == names:
                return number
            continue
        else:
            continue
        if section == names:
            return number
    return 0
