"""Settings that have a name, for ``--preset``. What a device can run is measured by ``tune``.

Plain data: the application's start screen reads the names before pydantic is loaded.
"""

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from vsrpp_core.run.settings import Overrides

Preset = Literal["classic", "pascal", "ampere", "datacentre"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
PRESET_HELP = (
    "settings that belong together; classic: the numbers of the original VSR++; pascal, ampere, datacentre: "
    "some days on a card of 8, of 12, or of 40 GB and more"
)

CLASSIC: "Overrides" = {
    "training.max_steps": 100_000,
    "schedule.shape": "cosine",
    "schedule.decay": 0.2,
    "schedule.lr_max": 1e-4,
    "schedule.lr_min": 1e-6,
    "schedule.factor": 1.0,
    "schedule.warmup_steps": 1000,
    "schedule.plateau_validations": 20,
    "schedule.plateau_factor": 0.5,
    "schedule.plateau_floor": 0.1,
    "schedule.plateau_cooldown": 1000,
    "loss.l1": 0.6,
    "loss.ms": 0.2,
    "loss.grad": 0.2,
    "loss.adaptive": True,
    "loss.warmup_steps": -1,
    "loss.cooldown_steps": 1000,
    "loss.sharpness": "absolute",
    "loss.recent": 20,
    "loss.blurred_below": 0.75,
    "loss.sharp_above": 0.92,
    "loss.adjust_every": 50,
    "loss.adjust_up": 1.05,
    "loss.adjust_down": 0.95,
    "loss.grad_min": 0.15,
    "loss.grad_max": 0.5,
    "loss.ms_max": 0.2,
    "loss.l1_min": 0.3,
    "loss.aggressive_below": 0.7,
    "loss.aggressive_grad_loss": 0.025,
    "loss.aggressive_l1": 0.55,
    "loss.aggressive_ms": 0.15,
    "loss.aggressive_grad": 0.3,
    "loss.aggressive_every": 10,
    "loss.aggressive_factor": 1.15,
    "loss.aggressive_max_steps": 5000,
    "clipping.initial": 1.5,
    "clipping.percentile": 95.0,
    "clipping.window": 500,
    "clipping.minimum": 100,
    "clipping.smoothing": 0.9,
}
"""How the original VSR++ trains: these numbers stay, whatever becomes the default."""


def _for_cards(n_feats: int, n_blocks: int, batch: int, crop: int, rate: float) -> "Overrides":
    """``crop`` in LR pixels. Why these figures, and how long a run takes: docs/decisions/0051-presets-for-cards.md."""
    return {
        "model.n_feats": n_feats,
        "model.n_blocks": n_blocks,
        "data.crop": crop,
        "training.batch_size": batch,
        "training.accumulation": 1,
        "training.checkpointing": "none",
        "training.folded": True,
        "training.max_steps": 600_000,
        "schedule.lr_max": rate,
        "schedule.warmup_steps": 2_000,
        "cadence.checkpoint_every": 10_000,
    }


CARDS: dict[Preset, "Overrides"] = {
    "pascal": _for_cards(96, 24, batch=8, crop=64, rate=6e-4),
    "ampere": _for_cards(128, 32, batch=8, crop=64, rate=5e-4),
    "datacentre": _for_cards(192, 32, batch=16, crop=96, rate=3e-4),
}
"""A few days' training for a class of cards: 8 GB in fp32, 12 GB in bf16, 40 GB and more in bf16. Predicted from the
cards' data and published recipes, not measured on them."""

NAMED: dict[Preset, "Overrides"] = {"classic": CLASSIC, **CARDS}
