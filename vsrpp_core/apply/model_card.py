"""What whoever gets a network wants to know of it: a model card, as Markdown.

Separate from the description in stored_network.py, which programs read: this is for people, and says what the run's
journal and dataset know where they are at hand. It names no path of this machine.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vsrpp_core import __version__
from vsrpp_core.checkpoint.stored_network import StoredNetwork
from vsrpp_core.messages import journal
from vsrpp_core.messages.events import SessionStarted, ValidationFinished
from vsrpp_core.run.files import read_json_lines, write_text_atomically
from vsrpp_core.run.folder import RunFolder
from vsrpp_core.run.names import readable

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """``footage``, ``scores`` and ``origin`` are sentences, empty where nothing is known."""

    network: StoredNetwork
    footage: str
    scores: str
    origin: str
    licence: str

    def metadata(self) -> dict[str, str]:
        """For the file of the network."""
        return {"licence": self.licence, "card": self.markdown("network")}

    def markdown(self, name: str) -> str:
        """The whole card, with ``name`` as its heading."""
        network, form = self.network, self.network.form
        blocks = f"{form.n_blocks} blocks (slope {form.slope:g}, scale {form.residual_scale:g})"
        weights = "the moving average of the weights" if network.is_average else "the raw weights"
        rows = {
            "input": f"{form.n_frames} consecutive frames, RGB, 0..1",
            "output": f"the middle frame, {form.scale}x as high and wide"
            if form.scale > 1
            else "the middle frame, restored",
            "network": f"{form.n_feats} feature maps, {blocks}, alignment {form.alignment}",
            "trained": f"{network.step:,} steps{self.origin}; {weights}",
            "footage": self.footage or NOT_STATED,
            "scores": self.scores or NOT_STATED,
            "licence": self.licence,
            "written by": f"VSR++ {__version__}",
        }
        lines = [f"# {name}", "", "| | |", "|---|---|", *(f"| {key} | {_cell(text)} |" for key, text in rows.items())]
        return "\n".join([*lines, ""])


def card_of(network: StoredNetwork, source: Path, licence: str = NOT_STATED) -> ModelCard:
    """The card of a network that was read from ``source``; what its run's folder knows where that is a checkpoint."""
    started, validated = _told(RunFolder(source.parent), network.step)
    footage = ", ".join(_footage(started)) if started else ""
    origin = f" from the weights of {Path(started.init).name}" if started and started.init else ""
    return ModelCard(network, footage, _scores(validated, network.form.scale), origin, licence)


def write_card(card: ModelCard, name: str, path: Path) -> None:
    """Write it as Markdown with ``name`` as its heading. OSError where the disk does not take it."""
    write_text_atomically(path, readable(card.markdown(name)))


def _told(folder: RunFolder, step: int) -> tuple[SessionStarted | None, ValidationFinished | None]:
    """The session that trained the weights of ``step``, and their validation; of a run that went back, the last."""
    started, trained, validated = None, None, None
    for event in journal.replay_of(folder.journal, {SessionStarted, ValidationFinished}, ()):
        match event:
            case SessionStarted() if event.step <= step:
                started = event
            case ValidationFinished() if event.step == step:
                trained, validated = started, event
    return trained or started, validated


def _footage(started: SessionStarted) -> Iterator[str]:
    root = Path(started.data)
    yield f"{root.name}: {started.train_samples:,} training pairs of {started.lr_width}×{started.lr_height} LR pixels"
    try:
        categories = Counter(line["category"] for line in read_json_lines(root / "videos.jsonl"))
    except (OSError, ValueError, TypeError, KeyError):  # a dataset from elsewhere has no such file
        return
    for category, count in sorted(categories.items()):
        yield f"{category} ({count:,} video{'s' if count > 1 else ''})"


def _scores(found: ValidationFinished | None, scale: int) -> str:
    if found is None:
        return ""
    return (
        f"{found.ki_psnr:.2f} dB PSNR and {found.ki_ssim:.4f} SSIM on {found.samples:,} validation pairs, "
        f"where {'bicubic' if scale > 1 else 'LR'} has {found.lr_psnr:.2f} dB and {found.lr_ssim:.4f}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
