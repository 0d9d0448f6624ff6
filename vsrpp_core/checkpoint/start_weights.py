"""Weights of one network as those with which another begins to train.

Separate from stored_network.py, where a network is what it was: here it may change its form, and what could not come
along is said.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from vsrpp_core.checkpoint.stored_network import StoredNetwork
from vsrpp_core.errors import VsrppError
from vsrpp_core.run.config import ModelConfig
from vsrpp_core.run.names import listed


def carried(
    network: StoredNetwork, source: Path, form: ModelConfig, own: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str]]:
    """Weights for a network of ``form`` whose untrained ones are ``own``, and sentences for the user.

    Those of ``network``, read from ``source``, come along where name and shape are the same. Another number of frames
    has the same weights: a direction of the propagation takes more or fewer steps with them. Another scale of the
    residuals is made up for by the last convolution of each block. With another scale of the picture the end is
    untrained. Raises VsrppError as ``refuse_misfit``.
    """
    refuse_misfit(network, source, form)
    change = network.form.residual_scale / form.residual_scale
    is_as_large = network.form.scale == form.scale
    fitting = {
        name: weight * change if ".conv2." in name else weight
        for name, weight in network.weights.items()
        if name in own and own[name].shape == weight.shape and (is_as_large or not name.startswith("upsample."))
    }
    return {**own, **fitting}, list(_told(network, source, form, own, fitting))


def refuse_misfit(network: StoredNetwork, source: Path, form: ModelConfig) -> None:
    """VsrppError for another number of feature maps, of which nothing could come along."""
    if network.form.n_feats != form.n_feats:
        raise VsrppError(
            f"{source} has {network.form.n_feats} feature maps and the run {form.n_feats}; set model.n_feats = "
            f"{network.form.n_feats}, or name other start weights"
        )


def _told(
    network: StoredNetwork, source: Path, form: ModelConfig, own: Mapping[str, Tensor], fitting: Mapping[str, Tensor]
) -> Iterator[str]:
    before = network.form
    weights = "the moving average of the weights" if network.is_average else "the weights"
    yield f"training begins with {weights} of {source}, step {network.step:,}, and a fresh optimizer"
    if before.n_frames != form.n_frames:
        yield (
            f"{source} was trained on {before.n_frames} frames: with {form.n_frames} its weights take "
            f"{form.n_frames // 2} steps to each side in place of {before.n_frames // 2}"
        )
    if before.residual_scale != form.residual_scale:
        yield (
            f"the residual scale {before.residual_scale:g} of {source} became {form.residual_scale:g}, and the last "
            "convolution of each block makes up for it: the picture is the same"
        )
    if before.slope != form.slope:
        yield f"{source} was trained with slope {before.slope:g}: with {form.slope:g} its picture is another one"
    if new := _groups(own.keys() - fitting.keys()):
        yield f"not in {source}, and untrained: {listed(new)}"
    if left := _groups(network.weights.keys() - fitting.keys()):
        yield f"without a place in the run, and left out: {listed(left)} of {source}"


def _groups(names: set[str]) -> list[str]:
    """Layers, or blocks of a trunk."""
    return sorted({".".join(name.split(".")[: 2 if "trunk" in name or "upsample" in name else 1]) for name in names})
