"""What every file of settings has in common: every fault at once, with its line and the nearest name.

Separate from config.py because a recipe of a preparation is read, checked and described the same way.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from vsrpp_core.errors import Fault, OverrideError, SettingsError, VsrppError
from vsrpp_core.run.files import read_text

MESSAGES = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list like [1, 2]",
    "dict_type": "must be a table like {{a = 1, b = 2}}",
    "model_type": "must be a table like {{a = 1, b = 2}}",
    "is_instance_of": "must be a {class}",
    "finite_number": "must be a finite number",
    "value_error": "{error}",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "extra_forbidden": "is not a setting",
}
"""What pydantic's types of faults mean, in the words of somebody who writes settings."""

OF_ONE_VALUE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "int_type", "float_type")
"""Faults after which it helps to know the range: of several bounds pydantic names only the one that was passed."""


Overrides = Mapping[str, Any]
"""Settings to replace: values by dotted key, e.g. ``{"training.batch_size": 8}``, or tables by section."""

NO_OVERRIDES: Overrides = {}


class RuleError(ValueError):
    """Raised by a validator: ``settings`` are the names, within its section, that the rule is about."""

    def __init__(self, message: str, *settings: str, reason: str = "") -> None:
        super().__init__(message)
        self.settings, self.reason = settings, reason


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as a list or a form shows it. ``range`` is in words, empty where any value will do."""

    key: str
    value: Any
    default: Any
    description: str
    range: str


class Section(BaseModel):
    """A table of settings: frozen, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Settings(Section):
    """All settings of a file: sections, each a field, and what else a subclass has beside them."""

    ALL_ARE_LISTED: ClassVar[str]
    """Where a user finds the names of all settings."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a TOML file; every fault in it is in the one SettingsError raised."""
        document, text = read_toml(path)
        return cls.from_mapping(document, source=str(path), text=text)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], source: str, text: str = "") -> Self:
        """Raises one SettingsError with every fault, with its line where ``text`` is the TOML it was read from."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(cls._faults(error, text), source) from None

    def settings(self) -> Iterator[Setting]:
        """Every setting of a section with its value, in the order of the file."""
        for section, model in self.sections():
            for name, field in type(model).model_fields.items():
                value = getattr(model, name)
                yield Setting(f"{section}.{name}", value, field.default, field.description or "", range_of(field))

    def sections(self) -> Iterator[tuple[str, Section]]:
        for name in type(self).model_fields:
            if isinstance(value := getattr(self, name), Section):
                yield name, value

    def with_overrides(self, overrides: Overrides) -> Self:
        """A copy with settings replaced. Raises an OverrideError with every fault."""
        values = self.model_dump()
        faults = [self._unknown(key) for key, value in overrides.items() if not _assign(values, key, value)]
        try:
            replaced = type(self).model_validate(values)
        except ValidationError as error:
            faults += self._faults(error)
        if faults:
            raise OverrideError(faults)
        return replaced

    def parse(self, texts: Iterable[tuple[str, str]]) -> Overrides:
        """Overrides from what a user typed: values as in TOML, but text needs no quotes."""
        values = self.model_dump()
        return {
            key: _unquoted(text) if isinstance(_table_with(values, key).get(_last(key)), str) else value_of(text)
            for key, text in texts
        }

    @classmethod
    def names_beside(cls, key: str) -> Mapping[str, str]:
        """Names that the unknown ``key`` may have been meant to be, each with its range."""
        return (
            {setting.key: setting.range for setting in cls().settings()}
            if "." in key
            else dict.fromkeys(cls.model_fields, "")
        )

    @classmethod
    def _unknown(cls, key: str, line: int = 0) -> Fault:
        known = cls.names_beside(key)
        close = get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}? {known[close[0]]}".rstrip() if close else cls.ALL_ARE_LISTED
        return Fault(key, MESSAGES["extra_forbidden"], hint, line, is_unknown=True, settings=(key,))

    @classmethod
    def _faults(cls, error: ValidationError, text: str = "") -> list[Fault]:
        return [cls._fault(details, text) for details in error.errors(include_url=False)]

    @classmethod
    def _fault(cls, details: ErrorDetails, text: str) -> Fault:
        place, kind, context = details["loc"], details["type"], details.get("ctx", {})
        key, line = ".".join(map(str, place)), _nearest_line(place, text)
        if kind == "extra_forbidden":
            return cls._unknown(key, line)
        if isinstance(rule := context.get("error"), RuleError):
            settings = tuple(f"{key}.{name}".lstrip(".") for name in rule.settings) or (key,)
            return Fault(key, str(rule), rule.reason, line, settings=settings)
        hint = _range_at(cls, place) if kind in OF_ONE_VALUE else ""
        return Fault(key, meaning_of(details), hint, line, settings=(key,))


def meaning_of(details: ErrorDetails) -> str:
    """What is wrong with a value, to follow its name in a sentence."""
    if meant := MESSAGES.get(details["type"]):
        return meant.format(**{name: _readable(value) for name, value in details.get("ctx", {}).items()})
    return f"{details['msg'][0].lower()}{details['msg'][1:]}"


def _assign(values: dict[str, Any], key: str, value: Any) -> bool:
    """Set one dotted key in nested ``values``; False where there is no such key. A table changes what it names."""
    table, name = _table_with(values, key), _last(key)
    if not table:
        return False
    table[name] = {**table[name], **value} if isinstance(table[name], dict) and isinstance(value, Mapping) else value
    return True


def _table_with(values: dict[str, Any], key: str) -> dict[str, Any]:
    """The table in nested ``values`` that has the dotted ``key``; empty where none has."""
    table: Any = values
    for part in key.split(".")[:-1]:
        table = table.get(part) if isinstance(table, dict) else None
    return table if isinstance(table, dict) and _last(key) in table else {}


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _unquoted(text: str) -> str:
    """Text as typed, or as TOML writes it in quotes."""
    value = value_of(text) if text[:1] in ("'", '"') else text
    return value if isinstance(value, str) else text


def value_of(text: str) -> Any:
    """The value of a setting as TOML writes it; the text itself where it is not TOML."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """A TOML file and its text; VsrppError where it cannot be read."""
    try:
        text = read_text(path)
        return tomllib.loads(text), text
    except FileNotFoundError:
        raise VsrppError(f"{path} does not exist; check the path") from None
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise VsrppError(f"{path} cannot be read ({reason}); check the file and its permissions") from None
    except (ValueError, RecursionError) as error:  # the latter of what is nested too deeply, as no settings are
        raise VsrppError(f"{path} is not valid TOML ({error}); correct that place or delete the file") from None


def range_of(field: FieldInfo) -> str:
    """The values a setting may have, in words; empty where any will do."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(get_args(field.annotation))
    signs = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}
    known = [limit for limit in field.metadata if type(limit) in signs]
    limits = ((signs[type(limit)], getattr(limit, type(limit).__name__.lower())) for limit in known)
    return ", ".join(f"{sign} {_readable(limit)}" for sign, limit in limits)


def _readable(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


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
