"""The sizes of a network as typed: what is wrong with them, and the commands that request them.

Apart from the form so that it can be tested without a screen. Ranges and rules are those of the settings' model.
"""

from collections.abc import Mapping

from vsrpp_core.errors import OverrideError
from vsrpp_core.messages.commands import PredictByHand, SetByHand
from vsrpp_core.messages.kinds import Checkpointing
from vsrpp_core.run.config import RunConfig

FIELDS = {
    "n_feats": "model.n_feats",
    "n_blocks": "model.n_blocks",
    "batch_size": "training.batch_size",
    "accumulation": "training.accumulation",
}
"""The setting of each field."""


def faults(texts: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by field; empty if nothing is."""
    found = {name: _fault(FIELDS[name], text.strip()) for name, text in texts.items()}
    return {name: fault for name, fault in found.items() if fault}


def set_by_hand(texts: Mapping[str, str], checkpointing: Checkpointing) -> SetByHand:
    """The command for texts without faults."""
    return SetByHand(**_sizes(texts), checkpointing=checkpointing)


def predict_by_hand(texts: Mapping[str, str], checkpointing: Checkpointing) -> PredictByHand:
    return PredictByHand(**_sizes(texts), checkpointing=checkpointing)


def _sizes(texts: Mapping[str, str]) -> dict[str, int]:
    return {name: int(text) for name, text in texts.items()}


def _fault(key: str, text: str) -> str:
    if not text.isascii() or not text.isdigit():
        return "must be a whole number"
    try:
        RunConfig().with_overrides({key: int(text)})
    except OverrideError as error:
        return error.faults[0].message  # its hint has no room beside a field
    return ""
