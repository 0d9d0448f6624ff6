"""The contract of everything a checkpoint keeps."""

from typing import Any, Protocol


class Stateful(Protocol):
    """State as a dictionary of plain types and tensors, so it loads with ``weights_only=True``."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...
