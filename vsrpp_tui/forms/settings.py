"""Changes to settings as they are typed: what is wrong with them, and the commands that make them.

Apart from the form so that it can be tested without a screen.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping

from vsrpp_core.errors import OverrideError
from vsrpp_core.messages.commands import SetParameter
from vsrpp_core.run.config import RunConfig, as_text, is_bound, is_live
from vsrpp_core.run.settings import Setting


class Draft:
    """The settings of a run, and what is to become of them."""

    def __init__(self, present: RunConfig) -> None:
        self.present = present
        self._edits: dict[str, str] = {}

    def settings(self) -> Iterator[Setting]:
        return self.present.settings()

    def update(self, changed: Iterable[tuple[str, str]]) -> None:
        """What the session says of its settings: (key, value as in config.toml)."""
        tables: dict[str, dict[str, str]] = {}
        for key, text in changed:
            tables.setdefault(key.partition(".")[0], {})[key] = text
        self.present = self.present.with_overrides(
            self._command(section, values, together=True) for section, values in tables.items()
        )

    def edit(self, key: str, text: str) -> None:
        self._edits[key] = text.strip()

    def text(self, key: str) -> str:
        return self._edits.get(key, as_text(self._value(self.present, key)))

    def present_text(self, key: str) -> str:
        return as_text(self._value(self.present, key))

    def changed(self) -> dict[str, str]:
        """Settings that are to have another value, in the order of the file; 1e-4 and 0.0001 are the same."""
        keys = [setting.key for setting in self.settings() if is_live(setting.key)]
        return {key: self._edits[key] for key in keys if key in self._edits and self._differs(key)}

    def faults(self) -> dict[str, str]:
        """What is wrong, by setting; by section where values do not fit together."""
        changed = self.changed()
        faults = {key: "a value is missing" for key, text in changed.items() if not text}
        missing = {key.partition(".")[0] for key in faults}
        try:
            self.present.with_overrides((key, text) for key, text in changed.items() if text)
        except OverrideError as error:
            faults.update({fault.key: fault.message for fault in error.faults if fault.key not in missing})
        return faults

    def commands(self) -> list[tuple[SetParameter, tuple[str, ...]]]:
        """Each command, and the settings it changes; those of a section that must fit together go together."""
        result = []
        for section, values in self._by_section().items():
            parts = [values] if is_bound(section) else [{key: text} for key, text in values.items()]
            for part in parts:
                key, text = self._command(section, part, together=len(part) > 1)
                result.append((SetParameter(key, text), tuple(part)))
        return result

    def _by_section(self) -> dict[str, dict[str, str]]:
        sections: dict[str, dict[str, str]] = {}
        for key, text in self.changed().items():
            sections.setdefault(key.partition(".")[0], {})[key] = text
        return sections

    def _differs(self, key: str) -> bool:
        """Whether another value is meant; 0.60 is 0.6, and what cannot be read is another."""
        text, present = self._edits[key], self._value(self.present, key)
        if isinstance(present, str):
            return text != present
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return True
        return isinstance(value, bool) is not isinstance(present, bool) or bool(value != present)

    def _command(self, section: str, values: Mapping[str, str], together: bool) -> tuple[str, str]:
        """Key and value of a SetParameter."""
        if not together:
            ((key, text),) = values.items()
            return key, text
        table = ", ".join(f"{key.partition('.')[2]} = {self._in_toml(key, text)}" for key, text in values.items())
        return section, f"{{{table}}}"

    def _in_toml(self, key: str, text: str) -> str:
        return json.dumps(text) if isinstance(self._value(self.present, key), str) else text

    @staticmethod
    def _value(config: RunConfig, key: str) -> object:
        section, _, name = key.partition(".")
        return getattr(getattr(config, section), name)
