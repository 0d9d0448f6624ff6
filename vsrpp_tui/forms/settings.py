"""Changes to settings as they are typed: what is wrong with them, and the commands that make them.

Apart from the form so that it can be tested without a screen.
"""

from collections.abc import Iterator
from typing import Any

from vsrpp_core.errors import OverrideError
from vsrpp_core.messages.changes import as_text
from vsrpp_core.messages.commands import SetParameter
from vsrpp_core.run.config import RunConfig, has_cross_field_rules, is_live
from vsrpp_core.run.settings import Overrides, Setting


class Draft:
    """The settings of a run, and what is to become of them."""

    def __init__(self, present: RunConfig) -> None:
        self.present = present
        self._edits: dict[str, str] = {}

    def settings(self) -> Iterator[Setting]:
        return self.present.settings()

    def update(self, changed: Overrides) -> None:
        """Take over what the session says of its settings."""
        self.present = self.present.with_overrides(changed)

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
            self.present.with_overrides(self.present.parse((key, text) for key, text in changed.items() if text))
        except OverrideError as error:
            faults.update({fault.key: fault.message for fault in error.faults if fault.key not in missing})
        return faults

    def commands(self) -> list[tuple[SetParameter, tuple[str, ...]]]:
        """Each command, and the settings it changes; those of a section that must fit together go together."""
        result: list[tuple[SetParameter, tuple[str, ...]]] = []
        sections: dict[str, dict[str, Any]] = {}
        for key, value in self.present.parse(self.changed().items()).items():
            section, _, name = key.partition(".")
            if has_cross_field_rules(section):
                sections.setdefault(section, {})[name] = value
            else:
                result.append((SetParameter(key, value), (key,)))
        for section, values in sections.items():
            keys = tuple(f"{section}.{name}" for name in values)
            command = SetParameter(section, values) if len(keys) > 1 else SetParameter(keys[0], *values.values())
            result.append((command, keys))
        return result

    def _differs(self, key: str) -> bool:
        """Whether another value is meant; 0.60 is 0.6, and what cannot be read is another."""
        present, value = self._value(self.present, key), self.present.parse([(key, self._edits[key])])[key]
        return isinstance(value, bool) is not isinstance(present, bool) or bool(value != present)

    @staticmethod
    def _value(config: RunConfig, key: str) -> object:
        section, _, name = key.partition(".")
        return getattr(getattr(config, section), name)
