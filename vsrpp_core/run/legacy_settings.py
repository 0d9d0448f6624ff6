"""Reading the settings of the original VSR++: its ``train_config.json`` as settings of this program.

Separate from original.py because it needs no torch. What is not taken over is named, never dropped in silence.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsrpp_core.errors import Fault, OverrideError, SettingsError, VsrppError, describe_os_error
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.files import read_json
from vsrpp_core.run.names import in_home
from vsrpp_core.run.settings import Overrides

NAME = "train_config.json"

SETTINGS = {
    "MODEL_CONFIG.batch_size": "training.batch_size",
    "MODEL_CONFIG.accumulation_steps": "training.accumulation",
    "BATCH_SIZE": "training.batch_size",
    "ACCUMULATION_STEPS": "training.accumulation",
    "MAX_STEPS": "training.max_steps",
    "WEIGHT_DECAY": "training.weight_decay",
    "MAX_LR": "schedule.lr_max",
    "MIN_LR": "schedule.lr_min",
    "WARMUP_STEPS": "schedule.warmup_steps",
    "L1_WEIGHT": "loss.l1",
    "MS_WEIGHT": "loss.ms",
    "GRAD_WEIGHT": "loss.grad",
    "ADAPTIVE_LOSS_WEIGHTS": "loss.adaptive",
    "GRAD_CLIP": "clipping.initial",
    "VAL_STEP_EVERY": "cadence.validate_every",
    "SAVE_STEP_EVERY": "cadence.checkpoint_every",
    "LOG_TBOARD_EVERY": "cadence.tensorboard_every",
    "NUM_WORKERS": "data.workers",
    "DATASET_ROOT": "data.root",
}
"""Keys with an equivalent. Of two for one setting the first counts: what auto-tune found is what was trained with."""

WEIGHTS = ("L1_WEIGHT", "MS_WEIGHT", "GRAD_WEIGHT", "ADAPTIVE_LOSS_WEIGHTS")
"""Right or wrong only together."""

SHAPE = {
    "N_FEATS": "n_feats",
    "N_BLOCKS": "n_blocks",
    "MODEL_CONFIG.n_feats": "n_feats",
    "MODEL_CONFIG.n_blocks": "n_blocks",
}
"""Keys that state the network's shape, about which the checkpoint itself decides."""


@dataclass(frozen=True, slots=True)
class MappedSetting:
    """A key of the file, and the setting it became with its value."""

    key: str
    setting: str
    value: Any


@dataclass(frozen=True, slots=True)
class OriginalSettings:
    """``unused`` names the keys without an equivalent here, ``overridden`` those whose setting another key gave."""

    path: Path
    mapped: tuple[MappedSetting, ...]
    unused: tuple[str, ...]
    overridden: tuple[str, ...]
    shape: tuple[tuple[str, int], ...]
    """Each statement about the network's shape: its key and value."""

    @property
    def overrides(self) -> Overrides:
        return {mapped.setting: mapped.value for mapped in self.mapped}

    def contradictions(self, n_feats: int, n_blocks: int) -> list[str]:
        """Where the file states another shape than the checkpoint's, a phrase each."""
        real = {"n_feats": n_feats, "n_blocks": n_blocks}
        return [
            f"{key} is {stated} but the checkpoint has {real[SHAPE[key]]}"
            for key, stated in self.shape
            if stated != real[SHAPE[key]]
        ]


def read_original_settings(path: Path) -> OriginalSettings:
    """Read a ``train_config.json``; one SettingsError names every key whose value cannot be used."""
    content = _flat(path)
    entries = list(_entries(content, path.parent))
    shape = tuple((key, content[key]) for key in SHAPE if key in content)
    faults = [_fault(content, [key], "must be a whole number") for key, value in shape if type(value) is not int]
    if not isinstance(content.get("DATASET_ROOT", ""), str):
        faults.append(_fault(content, ["DATASET_ROOT"], "must be a path"))
    faults += _faults(entries, content)
    if faults:
        raise SettingsError(faults, source=str(path), advice="fix the file, or name another one with --config")
    unused = tuple(key for key in content if key not in SETTINGS and key not in SHAPE)
    first = {entry.setting: entry.key for entry in reversed(entries)}
    mapped = tuple(entry for entry in entries if first[entry.setting] == entry.key)
    overridden = tuple(entry.key for entry in entries if first[entry.setting] != entry.key)
    return OriginalSettings(path, mapped, unused, overridden, shape)


def _flat(path: Path) -> dict[str, Any]:
    """The file's keys and values, those of MODEL_CONFIG as ``MODEL_CONFIG.name``."""
    try:
        content = read_json(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise VsrppError(f"{path} does not exist; name the original's {NAME} with --config") from None
    except OSError as error:
        raise VsrppError(describe_os_error(error, path, "cannot be read")) from None
    except (ValueError, RecursionError) as error:
        raise VsrppError(f"{path} is not valid JSON ({error}); correct that place") from None
    if not isinstance(content, dict):
        raise VsrppError(f"{path} is not the original's {NAME} (no object of settings); name another file")
    model = content.pop("MODEL_CONFIG", None)
    model = {} if model is None else model
    if not isinstance(model, dict):
        raise VsrppError(f"{path}: MODEL_CONFIG is no object of settings; correct the file")
    return content | {f"MODEL_CONFIG.{name}": value for name, value in model.items()}


def _entries(content: dict[str, Any], folder: Path) -> Iterator[MappedSetting]:
    """Every key with an equivalent, in the order of SETTINGS; a relative dataset is looked for from ``folder``."""
    for key in (key for key in SETTINGS if key in content):
        value = content[key]
        if key == "SAVE_STEP_EVERY":
            yield from _period(key, value)
        elif key != "DATASET_ROOT":
            yield MappedSetting(key, SETTINGS[key], value)
        elif value and isinstance(value, str):  # empty where none was chosen yet
            yield MappedSetting(key, SETTINGS[key], str((folder / in_home(value)).absolute()))


def _period(key: str, every: Any) -> Iterator[MappedSetting]:
    """The checkpoint period with its window for best ones, steps 2,000 to 8,000 of 10,000, in proportion."""
    yield MappedSetting(key, "cadence.checkpoint_every", every)
    if type(every) is int and every > 0:
        yield MappedSetting(key, "cadence.best_from", every * 2 // 10)
        yield MappedSetting(key, "cadence.best_until", every * 8 // 10)


def _faults(entries: Iterable[MappedSetting], content: dict[str, Any]) -> Iterator[Fault]:
    """What the settings' own model has against the values, named by the original's keys."""
    groups: dict[str, list[MappedSetting]] = {}
    for entry in entries:
        groups.setdefault(WEIGHTS[0] if entry.key in WEIGHTS else entry.key, []).append(entry)
    for group in groups.values():
        try:
            RunConfig().with_overrides({entry.setting: entry.value for entry in group})
        except OverrideError as error:
            yield _fault(content, list(dict.fromkeys(entry.key for entry in group)), str(error))


def _fault(content: dict[str, Any], keys: list[str], reason: str) -> Fault:
    """``keys`` with their values, and in brackets what is wrong with them."""
    return Fault("", ", ".join(f"{key} = {json.dumps(content[key])}" for key in keys), reason, settings=tuple(keys))
