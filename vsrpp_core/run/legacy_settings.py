"""Reading the settings of the original VSR++ as settings of this program: they are data, and nothing of them is run.

Its ``train_config.json``, the ``config.py`` of later versions, of which only plain values are read, and
``runtime_config.json``, what was changed while training. Separate from legacy_checkpoint.py because it needs no torch.
What is not taken over is named, never dropped in silence.
"""

import ast
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsrpp_core.errors import Fault, OverrideError, SettingsError, VsrppError, describe_os_error
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.files import read_json
from vsrpp_core.run.names import in_home
from vsrpp_core.run.settings import Overrides

NAME = "train_config.json"
NAMES = ("runtime_config.json", "config.py", NAME)
"""In a folder of the original's; of two that give one setting the first counts."""

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
    "INITIAL_GRAD_CLIP": "clipping.initial",
    "USE_GRADIENT_CHECKPOINTING": "training.checkpointing",
    "VAL_STEP_EVERY": "cadence.validate_every",
    "SAVE_STEP_EVERY": "cadence.checkpoint_every",
    "LOG_TBOARD_EVERY": "cadence.tensorboard_every",
    "NUM_WORKERS": "data.workers",
    "DATASET_ROOT": "data.root",
}
"""Keys with an equivalent. Of two for one setting the first counts: what auto-tune found is what was trained with.

Files written while training have them in lower case, weights of the loss with ``_target`` at the end.
"""

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
    path: Path


@dataclass(frozen=True, slots=True)
class OriginalSettings:
    """``unused`` names the keys without an equivalent here, ``overridden`` those whose setting another key gave.

    ``faults`` are of values that cannot be used, where that does not end the reading; ``computed`` names keys whose
    values a program would have to be run for.
    """

    paths: tuple[Path, ...]
    mapped: tuple[MappedSetting, ...]
    unused: tuple[str, ...]
    overridden: tuple[str, ...]
    shape: tuple[tuple[str, int], ...]
    """Each statement about the network's shape: its key and value."""
    faults: tuple[Fault, ...] = ()
    computed: tuple[str, ...] = ()

    @property
    def overrides(self) -> Overrides:
        return {mapped.setting: mapped.value for mapped in self.mapped}

    def contradictions(self, n_feats: int, n_blocks: int) -> list[str]:
        """Where the file states another shape than the checkpoint's, a phrase each."""
        real = {"n_feats": n_feats, "n_blocks": n_blocks}
        return [
            f"{key} is {stated} but the checkpoint has {real[SHAPE[_known(key)]]}"
            for key, stated in self.shape
            if stated != real[SHAPE[_known(key)]]
        ]


def read_original_settings(path: Path) -> OriginalSettings:
    """Read a file of the original's settings; one SettingsError names every key whose value cannot be used."""
    settings = _settings([_File(path)])
    if settings.faults:
        raise SettingsError(settings.faults, source=str(path), advice="fix the file, or name another one with --config")
    return settings


def read_settings_of_folder(folder: Path) -> OriginalSettings:
    """As ``read_original_settings``, of all such files in ``folder``; what cannot be used is left out and told."""
    return _settings([_File(folder / name) for name in NAMES if (folder / name).is_file()])


class _File:
    """The keys and values of a file, those of MODEL_CONFIG as ``MODEL_CONFIG.name``."""

    def __init__(self, path: Path) -> None:
        self.path, self.computed = path, list[str]()
        self.content = self._flat()

    def _flat(self) -> dict[str, Any]:
        content = self._read()
        if not isinstance(content, dict):
            raise VsrppError(f"{self.path} is not the original's {NAME} (no object of settings); name another file")
        model = content.pop("MODEL_CONFIG", None)
        model = {} if model is None else model
        if not isinstance(model, dict):
            raise VsrppError(f"{self.path}: MODEL_CONFIG is no object of settings; correct the file")
        return content | {f"MODEL_CONFIG.{name}": value for name, value in model.items()}

    def _read(self) -> Any:
        is_program = self.path.suffix.lower() == ".py"
        try:
            text = self.path.read_text(encoding="utf-8-sig")
            return dict(self._assigned(text)) if is_program else read_json(text)
        except FileNotFoundError:
            raise VsrppError(f"{self.path} does not exist; name the original's {NAME} with --config") from None
        except OSError as error:
            raise VsrppError(describe_os_error(error, self.path, "cannot be read")) from None
        except (ValueError, RecursionError, SyntaxError, MemoryError) as error:
            kind = "Python" if is_program else "JSON"
            raise VsrppError(f"{self.path} is not valid {kind} ({error}); correct that place") from None

    def _assigned(self, text: str) -> Iterator[tuple[str, Any]]:
        """Names that a program gives a plain value; the program is only parsed."""
        for line in ast.parse(text).body:
            match line:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    pass
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    pass
                case _:
                    continue
            try:
                yield name, ast.literal_eval(value)
            except (ValueError, TypeError):
                self.computed.append(name)


def _known(key: str) -> str:
    """A key as SETTINGS and SHAPE have it."""
    return key if key.startswith("MODEL_CONFIG.") else key.upper().removesuffix("_TARGET")


def _settings(files: Sequence[_File]) -> OriginalSettings:
    shape = [(key, value, file) for file in files for key, value in file.content.items() if _known(key) in SHAPE]
    faults = [_fault({key: value}, "must be a whole number") for key, value, _ in shape if type(value) is not int]
    entries = list[MappedSetting]()
    for file in files:
        if not isinstance(file.content.get("DATASET_ROOT", ""), str):
            faults.append(_fault({"DATASET_ROOT": file.content["DATASET_ROOT"]}, "must be a path"))
        entries += _entries(file)
    first = {entry.setting: entry for entry in reversed(entries)}
    used = [entry for entry in entries if first[entry.setting] is entry]
    bad = dict(_faults(used if len(files) > 1 else entries))
    known = SETTINGS.keys() | SHAPE.keys()
    return OriginalSettings(
        paths=tuple(file.path for file in files),
        mapped=tuple(entry for entry in used if _group(entry) not in bad),
        unused=tuple(dict.fromkeys(key for file in files for key in file.content if _known(key) not in known)),
        overridden=tuple(entry.key for entry in entries if first[entry.setting] is not entry),
        shape=tuple((key, value) for key, value, _ in shape if type(value) is int),
        faults=(*faults, *bad.values()),
        computed=tuple(key for file in files for key in file.computed if _known(key) in known),
    )


def _entries(file: _File) -> Iterator[MappedSetting]:
    """Every key with an equivalent, in the order of SETTINGS; a relative dataset starts from the file's folder."""
    there = {_known(key): key for key in reversed(file.content)}
    for known in (known for known in SETTINGS if known in there):
        key, setting = there[known], SETTINGS[known]
        value = file.content[key]
        match known:
            case "SAVE_STEP_EVERY":
                yield from _period(key, value, file.path)
            case "USE_GRADIENT_CHECKPOINTING":
                used = "block" if value is True else "none" if value is False else value
                yield MappedSetting(key, setting, used, file.path)
            case "DATASET_ROOT":
                if value and isinstance(value, str):  # empty where none was chosen yet
                    place = str((file.path.parent / in_home(value)).absolute())
                    yield MappedSetting(key, setting, place, file.path)
            case _:
                yield MappedSetting(key, setting, value, file.path)


def _period(key: str, every: Any, path: Path) -> Iterator[MappedSetting]:
    """The checkpoint period with its window for best ones, steps 2,000 to 8,000 of 10,000, in proportion."""
    yield MappedSetting(key, "cadence.checkpoint_every", every, path)
    if type(every) is int and every > 0:
        yield MappedSetting(key, "cadence.best_from", every * 2 // 10, path)
        yield MappedSetting(key, "cadence.best_until", every * 8 // 10, path)


def _group(entry: MappedSetting) -> str:
    """Settings of one group are right or wrong together."""
    return WEIGHTS[0] if _known(entry.key) in WEIGHTS else _known(entry.key)


def _faults(entries: Iterable[MappedSetting]) -> Iterator[tuple[str, Fault]]:
    """What the settings' own model has against the values of a group, named by the original's keys."""
    groups: dict[str, list[MappedSetting]] = {}
    for entry in entries:
        groups.setdefault(_group(entry), []).append(entry)
    for name, group in groups.items():
        try:
            RunConfig().with_overrides({entry.setting: entry.value for entry in group})
        except OverrideError as error:
            values = dict.fromkeys(entry.key for entry in group)
            values.update((entry.key, entry.value) for entry in reversed(group))
            yield name, _fault(values, str(error))


def _fault(values: dict[str, Any], reason: str) -> Fault:
    """Keys with their values, and in brackets what is wrong with them."""
    return Fault(
        "", ", ".join(f"{key} = {_shown(value)}" for key, value in values.items()), reason, settings=tuple(values)
    )


def _shown(value: Any) -> str:
    return json.dumps(value, default=repr)
