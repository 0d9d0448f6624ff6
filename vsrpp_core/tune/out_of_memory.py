"""What to do when a run's step no longer fits into the device's memory.

The network of a run keeps its size; what can shrink without changing the training is how much of a step is in memory at
once. Separate from the session, which reports the proposal, so that it can be tested as a table.
"""

from vsrpp_core.errors import command
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.settings import NO_OVERRIDES, Overrides
from vsrpp_core.tune.default_settings import SMALLEST_CROP


def smaller(config: RunConfig, lr_side: int, n_ranks: int = 1) -> Overrides:
    """The next smaller configuration as dotted settings; empty where only a smaller network is left.

    First a part of the activations is recomputed instead of kept: the numbers stay the same. Then the two last
    convolutions are computed as one, which costs no time but changes rounding, then more is recomputed. Then the
    micro-batch is halved and accumulation makes up for it, as long as each of ``n_ranks`` ranks has a sample, then the
    crop of ``lr_side`` LR pixels is halved.
    """
    training = config.training
    if training.checkpointing == "none":
        return {"training.checkpointing": "block"}
    if training.checkpointing == "block" and not training.folded:
        return {"training.folded": True}
    if training.checkpointing == "block":
        return {"training.checkpointing": "trunk"}
    if training.batch_size > n_ranks:
        half = -(-training.batch_size // 2)
        effective = training.batch_size * training.accumulation
        return {"training.batch_size": half, "training.accumulation": -(-effective // half)}
    side = config.data.crop or lr_side
    return {"data.crop": side // 2} if side // 2 >= SMALLEST_CROP else NO_OVERRIDES


def advice(config: RunConfig, lr_side: int, run: str, n_ranks: int = 1, resumable: bool = True) -> str:
    """What to do next, as the end of a sentence. ``resumable`` says whether the run has a checkpoint to resume from."""
    proposal = smaller(config, lr_side, n_ranks)
    if not proposal:
        return "start a fresh run with a smaller model.n_feats"
    settings = [word for key, value in proposal.items() for word in ("--set", f"{key}={value}")]
    resume = ["--resume"] if resumable else []
    return f"continue with the next smaller configuration: {command('vsrpp', 'train', run, *resume, *settings)}"
