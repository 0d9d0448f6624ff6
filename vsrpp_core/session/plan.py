"""What a session will be, settled before anything is trained: its dataset, settings and checkpoint.

Separate from session.py, which runs a plan, because all that can be refused is refused here, while the run is still
untouched.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vsrpp_core.checkpoint import checkpoints
from vsrpp_core.checkpoint.checkpoints import CheckpointStore
from vsrpp_core.checkpoint.start_weights import refuse_misfit
from vsrpp_core.checkpoint.stored_network import StoredNetwork, read_stored
from vsrpp_core.data.categories import categories_of, refusal_of
from vsrpp_core.data.demo import demo_dataset_root, is_demo_dataset, make_demo_dataset
from vsrpp_core.data.stacked import DatasetSummary, summarize
from vsrpp_core.data.survey import Survey, crop_fits, survey
from vsrpp_core.device.hardware import choose_hardware, describe_device
from vsrpp_core.errors import VsrppError, command
from vsrpp_core.run.category_weights import read_weights
from vsrpp_core.run.config import RunConfig, describe_retired
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import in_home
from vsrpp_core.run.settings import NO_OVERRIDES, Overrides
from vsrpp_core.run.sidecar import CheckpointInfo, mark_damaged
from vsrpp_core.session.rewind import move_newer_to_trash, read_named
from vsrpp_core.tune.default_settings import default_config, demo_config
from vsrpp_core.tune.run_tuning import reset_for_search, small_settings, told_by

Start = Literal["fresh", "resume"]

TUNED = ("model.n_feats", "model.n_blocks", "training.batch_size", "training.accumulation")
"""Settings that auto-tune would choose: a run that is given one of them is not tuned."""


@dataclass(frozen=True)
class Plan:
    """How a session will train. Plain data, so that one rank can send it to the others."""

    config: RunConfig
    summary: DatasetSummary
    """Its geometry is the largest that is trained on."""
    pairs: Survey
    resumed_from: str = ""
    """Name of the checkpoint to resume from, or empty."""
    tune_first: bool = False
    attended: bool = False
    """Whether a user can choose between the networks that auto-tune finds."""
    small: Overrides = field(default_factory=dict)
    """Settings of the network for CPUs, where auto-tune was asked for on one."""
    start_network: StoredNetwork | None = None
    """Whose weights a fresh run begins with, as ``training.init`` names it; read before the run is touched."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """The arguments of ``open_session``."""

    data: Path | None
    start: Start
    demo: bool
    overrides: Overrides
    checkpoint: str
    tune: bool
    attended: bool
    n_ranks: int

    def n_frames(self, known: RunConfig | None) -> int:
        """Frames of the stacks asked for; 0 where those of the dataset decide."""
        asked = self.overrides.get("model.n_frames", known.model.n_frames if known else 0)
        return asked if isinstance(asked, int) else 0

    def needs_tuning(self, known: RunConfig | None) -> bool:
        """``known``: the settings that the run has already, if any."""
        if self.start == "resume" or self.demo:
            return False
        if self.tune:
            return True
        sized = any(key in TUNED or key in ("model", "training") for key in self.overrides)
        return not (sized or known) and describe_device().kind == "cuda"


def settle(folder: RunFolder, request: Request) -> tuple[Plan, dict[str, Any]]:
    """The plan, and the contents of the checkpoint to resume from, if any.

    The run must be locked. It is changed last, when nothing can fail any more. Raises VsrppError.
    """
    resumed, state, damaged = "", dict[str, Any](), list[str]()
    if request.start == "resume":
        CheckpointStore(folder).describe_missing()
        resumed, state, damaged = read_checkpoint(folder, request.checkpoint)
    known, retired = RunConfig.load_known(folder.config)
    request, start_network = _with_start_network(request, known)
    root, summary = _settle_data(folder, known, request)
    pairs = Survey((), ())
    if not summary.problem:
        pairs = survey(root, request.n_frames(known))
        summary = replace(summary, geometry=pairs.geometry)
    untuned, small = request.needs_tuning(known), NO_OVERRIDES
    if untuned and request.n_ranks > 1:
        raise VsrppError(
            f"{folder.path} has no settings; "
            f"run `{command('vsrpp', 'tune', folder.path, '--data', root)}` on one GPU first"
        )
    if untuned and request.tune:
        small = _small(known, summary, request.overrides)
        config = _config_to_tune(known, summary, request.overrides)
    else:
        config = _settle_config(known, root, summary, request.demo, resumed, state)
    config = config.with_overrides({**request.overrides, "data.root": str(root)})
    _check_dataset(root, summary, pairs, config)
    choose_hardware(config.training.precision)  # refused here rather than after the run has been touched
    if start_network:
        refuse_misfit(start_network, Path(config.training.init), config.model)
    if resumed:
        check_resumable(folder, config, resumed, state)
    if not untuned:
        config.save(folder.config)  # auto-tune saves what it finds; interrupted, it begins again
    trash = None if resumed else folder.move_to_trash()
    moved = [summary.left_out] if summary.left_out else []
    moved += [f"what the run held before is in {trash.relative_to(folder.path)}"] if trash else []
    if retired:
        moved.append(describe_retired(folder.config, retired))
    if request.checkpoint:
        moved += move_newer_to_trash(folder, resumed, state)
    return Plan(
        config, summary, pairs, resumed, untuned, request.attended, small, start_network, (*moved, *damaged)
    ), state


def _with_start_network(request: Request, known: RunConfig | None) -> tuple[Request, StoredNetwork | None]:
    """The network that a fresh run begins with, if any, and the request with its form, where that asks for no other.

    The number of frames and the scale are the dataset's. VsrppError where it cannot be read, auto-tune would choose
    another form, or the run is resumed.
    """
    if request.start == "resume":
        refuse_init(known, request.overrides)
        return request, None
    named = request.overrides.get("training.init", known.training.init if known else "")
    if not named:
        return request, None
    if request.tune:
        raise VsrppError(
            f'auto-tune chooses a form of its own, and {named} has one; set training.init to "", or do not tune'
        )
    source = Path(in_home(str(named))).absolute()
    network = read_stored(source)
    form = network.form.model_dump(exclude={"n_frames", "scale"})
    shape = {f"model.{name}": value for name, value in form.items()}
    return replace(request, overrides={**shape, **request.overrides, "training.init": str(source)}), network


def refuse_init(known: RunConfig | None, overrides: Overrides) -> None:
    """VsrppError where a run that goes on is told to begin with other weights; its own start may be told again."""
    named = overrides.get("training.init")
    if named and not (known and str(Path(in_home(str(named))).absolute()) == known.training.init):
        raise VsrppError(
            "training.init is what a fresh run begins with; a resumed one has its weights, so leave it out"
        )


def _root_in(overrides: Overrides) -> Path | None:
    """The dataset that the settings name, if any."""
    named = overrides.get("data.root")
    return Path(in_home(named)) if named and isinstance(named, str) else None


def _settle_data(folder: RunFolder, known: RunConfig | None, request: Request) -> tuple[Path, DatasetSummary]:
    """The dataset's root and what is in it; VsrppError where none is named or it is not for this run."""
    known_root, data = known.data.root if known else "", request.data or _root_in(request.overrides)
    if request.demo:
        root = demo_dataset_root()
        if known_root and not is_demo_dataset(Path(known_root)):
            raise VsrppError(f"{folder.path} is a run on {known_root}, not the demo's; name another folder")
        for _ in make_demo_dataset():  # made already where a front end showed its progress
            pass
    elif data is not None or known_root:
        root = data.absolute() if data else Path(known_root)
    else:
        raise VsrppError(f"{folder.path} names no dataset yet; give one with --data ROOT")
    if root == folder.path:
        raise VsrppError(f"{root} is the dataset; name another folder for the run")
    return root, summarize(root, request.n_frames(known))


def _settle_config(
    known: RunConfig | None, root: Path, summary: DatasetSummary, demo: bool, resumed: str, state: dict[str, Any]
) -> RunConfig:
    """The run's own settings if it has some, else a preset. A fresh demo is always the demo."""
    if demo and not resumed:
        return demo_config(root)
    if known:
        return known
    if resumed:
        return RunConfig.from_checkpoint(state["config"])
    geometry = summary.geometry
    side = min(geometry.height, geometry.width) if geometry else 0
    return default_config(describe_device(), side).with_overrides(told_by(geometry) if geometry else NO_OVERRIDES)


def _config_to_tune(known: RunConfig | None, summary: DatasetSummary, overrides: Overrides) -> RunConfig:
    """The settings a search starts from: the run's own, without what an earlier search found."""
    config = reset_for_search(known or RunConfig(), overrides)
    return config.with_overrides(told_by(summary.geometry) if summary.geometry else NO_OVERRIDES)


def _small(known: RunConfig | None, summary: DatasetSummary, overrides: Overrides) -> Overrides:
    """Settings of the network for CPUs; none on a GPU, which chooses from the ladder."""
    if describe_device().kind != "cpu" or summary.geometry is None:
        return NO_OVERRIDES
    return small_settings(summary.geometry, known, overrides)


def _check_dataset(root: Path, summary: DatasetSummary, pairs: Survey, config: RunConfig) -> None:
    if summary.problem:
        raise VsrppError(summary.problem)
    geometry = crop_fits(root, pairs, config.data.crop)
    if geometry.n_frames != config.model.n_frames:
        raise VsrppError(
            f"the stacks in {root} have {geometry.n_frames} frames but model.n_frames is {config.model.n_frames}; "
            f"set model.n_frames = {geometry.n_frames} for a fresh run or use another dataset"
        )
    if geometry.scale != config.model.scale:
        raise VsrppError(
            f"the ground truth in {root} is {geometry.scale} times as large as LR but model.scale is "
            f"{config.model.scale}; set model.scale = {geometry.scale} for a fresh run or use another dataset"
        )
    weights = read_weights(config.data.weights)
    if weights and (refusal := refusal_of(weights, categories_of(root, pairs.train))):
        raise VsrppError(f"data.weights = {config.data.weights}: {refusal}")


def read_checkpoint(folder: RunFolder, checkpoint: str) -> tuple[str, dict[str, Any], list[str]]:
    """Name, contents and warnings of the checkpoint asked for, or of the newest that can be read."""
    return (*read_named(folder, checkpoint), []) if checkpoint else _read_newest(folder)


def _read_newest(folder: RunFolder) -> tuple[str, dict[str, Any], list[str]]:
    """Name and contents of the newest checkpoint; damaged ones are passed over with a warning each.

    Any other that cannot be read may well be whole: continuing from an older one would overwrite it, so that is for the
    user to say.
    """
    warnings: list[str] = []
    for link in folder.missing_checkpoints():
        raise VsrppError(
            f"{link} is a link to {link.readlink()}, which is not there now; bring it back, or remove the link"
        )
    infos = folder.checkpoint_infos()
    infos.sort(key=lambda info: info.is_of_unknown_step, reverse=True)
    for index, info in enumerate(infos):
        try:
            return info.name, checkpoints.load(folder.path / info.name), warnings
        except checkpoints.DamagedCheckpointError as error:
            mark_damaged(folder.path / info.name)
            warnings.append(str(error))
        except VsrppError as error:
            raise VsrppError(f"{error}{_older_one(folder, infos[index + 1 :])}") from None
    if warnings:
        raise VsrppError(f"none of the checkpoints in {folder.path} can be read: {'; '.join(warnings)}")
    raise VsrppError(f"{folder.path} holds no checkpoint to resume from; start it fresh")


def _older_one(folder: RunFolder, older: list[CheckpointInfo]) -> str:
    """How to continue from one of these instead, where there is one that was read before."""
    name = next((info.name for info in older if not info.is_damaged and info.is_described), "")
    way = command("vsrpp", "train", folder.path, "--resume", "--from", name)
    return f"; `{way}` continues from an older one and moves this one into the run's .trash" if name else ""


def check_resumable(folder: RunFolder, config: RunConfig, resumed: str, state: dict[str, Any]) -> None:
    """VsrppError where the network's shape differs from the checkpoint's, or nothing is left to train."""
    step, max_steps = state["progress"]["step"], config.training.max_steps
    if step >= max_steps:
        raise VsrppError(
            f"{folder.path} is complete: step {step:,} of {max_steps:,}; to train on, set training.max_steps higher in "
            "its config.toml or with --set"
        )
    saved, wanted = RunConfig.from_checkpoint(state["config"]).model.model_dump(), config.model.model_dump()
    changed = [f"model.{key} is {wanted[key]} but was {saved[key]}" for key in wanted if wanted[key] != saved[key]]
    if changed:
        raise VsrppError(
            f"settings for {folder.path}: {', '.join(changed)} when {resumed} was saved; set it back, or start fresh"
        )
