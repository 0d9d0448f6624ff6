"""A cadence in steps that may be changed while training: those who listen hear of it as everybody does."""

from dataclasses import dataclass

from vsrpp_core.messages.events import Event, ParameterChanged


@dataclass(slots=True)
class Cadence:
    """Every so many steps, by the setting ``key``."""

    key: str
    every: int

    def is_due(self, step: int) -> bool:
        return step % self.every == 0

    def follow(self, event: Event) -> None:
        """Go by what a change of the setting says."""
        if isinstance(event, ParameterChanged) and event.key == self.key:
            self.every = int(event.new)
