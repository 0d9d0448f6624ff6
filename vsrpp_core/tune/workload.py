"""What one optimizer step of a configuration costs, counted from the structure of ``network/lean.py``.

Separate from predict.py because nothing here depends on a device: operations, bytes kept, bytes held at once and bytes
moved follow from the network's shape alone. A *map* is ``n_feats`` values for each LR pixel of a micro-batch, the size
of what nearly every layer reads and writes. ``tests/vsrpp_core/tune/test_workload.py`` holds each count against
what torch does. ``training.compile`` may fuse some of it away; that is not counted.
"""

from dataclasses import dataclass

from vsrpp_core.data.stacked import SCALE, StackGeometry
from vsrpp_core.messages.kinds import Checkpointing
from vsrpp_core.network.alignment import KEYS, OFFSETS, RADIUS, STRIDE
from vsrpp_core.run.config import RunConfig

LOSS_PICTURES = 13
"""Pictures alive at once in the hybrid loss: 6.25 kept for its backward pass, the ground truth, four absolute
differences and what the last subtraction makes."""

LOSS_PASSES = 60
"""Times the loss and the bilinear base read or write a picture, forward and backward, counted operation by operation
and rounded; small beside the maps."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One optimizer step: ``accumulation`` micro-batches of ``samples`` samples of ``height`` x ``width`` LR pixels."""

    n_feats: int
    n_blocks: int
    n_frames: int
    samples: int
    height: int
    width: int
    accumulation: int = 1
    checkpointing: Checkpointing = "none"
    half: bool = False
    """Whether convolutions are computed in a type of two bytes (bf16 or fp16 autocast) instead of four."""
    averaged: bool = True
    """Whether a moving average of the weights is kept."""
    aligned: bool = False
    """Whether neighbouring frames are moved onto the centre frame first."""
    folded: bool = False
    """Whether the two last convolutions are computed as one."""
    scale: int = SCALE

    @classmethod
    def of(cls, config: RunConfig, geometry: StackGeometry, precision: str) -> "Workload":
        """The work of ``config`` on stacks of ``geometry``; ``precision`` as in Hardware, never ``auto``."""
        training, crop = config.training, config.data.crop
        return cls(
            config.model.n_feats,
            config.model.n_blocks,
            geometry.n_frames,
            training.batch_size,
            crop or geometry.height,
            crop or geometry.width,
            training.accumulation,
            training.checkpointing,
            half=precision in ("bf16", "fp16"),
            averaged=training.ema > 0,
            aligned=config.model.alignment == "local",
            folded=training.folded and geometry.scale > 1,
            scale=geometry.scale,
        )

    @property
    def picture(self) -> int:
        """Values of the RGB picture for each LR pixel."""
        return 3 * self.scale**2

    @property
    def inner_maps(self) -> int:
        """The upsampler's inner picture in maps; a scale of 1 has none."""
        return self.scale**2 if self.scale > 1 else 0

    @property
    def composed(self) -> int:
        """Values of an inner picture that the folded weight is composed from, for each input and output of a map."""
        return (5 * self.scale) ** 2

    @property
    def pixels(self) -> int:
        """LR pixels of a micro-batch."""
        return self.samples * self.height * self.width

    @property
    def places(self) -> int:
        """Of the grid on which alignment looks for motion."""
        return self.samples * -(-self.height // STRIDE) * -(-self.width // STRIDE)

    @property
    def unfolded_pixels(self) -> int:
        """LR pixels whose end is computed in two convolutions: with ``folded``, two rows or columns at each side."""
        sides = self.samples * 2 * (min(2, self.height) * self.width + min(2, self.width) * self.height)
        return sides if self.folded else self.pixels

    @property
    def map_bytes(self) -> int:
        return self.pixels * self.n_feats * self.element_size

    @property
    def element_size(self) -> int:
        return 2 if self.half else 4

    @property
    def walk_steps(self) -> int:
        """Steps of the propagation, both directions together: every frame but the centre is taken in once."""
        return self.n_frames - 1

    @property
    def blocks_run(self) -> int:
        """Residual blocks that one forward pass runs through: a trunk runs once for each step of its direction."""
        return self.walk_steps * self.n_blocks // 2


# parameters


def parameters(work: Workload) -> int:
    c = work.n_feats
    fuses = 3 * (2 * c * c + c)
    upsampler = (9 * c + 1) * work.inner_maps * c + 9 * c * 3 + 3
    return 9 * 3 * c + c + fuses + _trunk_parameters(work) + upsampler + work.aligned * _alignment_parameters(c)


def _alignment_parameters(n_feats: int) -> int:
    keys = (9 * n_feats + 1) * KEYS + (9 * KEYS + 1) * KEYS
    return keys + 1 + (9 * OFFSETS + 1) * OFFSETS


def _trunk_parameters(work: Workload) -> int:
    return work.n_blocks * 2 * (9 * work.n_feats + 1) * work.n_feats


# operations


def flops(work: Workload) -> int:
    """Floating-point operations of the step's convolutions, a multiply-add being two.

    The backward pass is two forward passes, one for the weights and one for the input; the first layer's input needs
    none. Recomputation stops at the last convolution of what is recomputed, since no backward pass needs its result.
    """
    c = work.n_feats
    first = 2 * 9 * 3 * c * work.n_frames
    fuse, convolution = 2 * 2 * c * c, 2 * 9 * c * c
    walks = work.walk_steps * fuse + 2 * work.blocks_run * convolution
    forward = first + walks + fuse
    again = {
        "none": 0,
        "block": work.blocks_run * convolution,
        "trunk": walks - work.walk_steps * convolution,
    }[work.checkpointing]
    once = 3 * (_alignment_flops(work) + _upsampler_flops(work))
    return ((3 * forward - first + again) * work.pixels + once) * work.accumulation


def _upsampler_flops(work: Workload) -> int:
    """Of the forward pass; composing the folded weight and bias is two small convolutions."""
    c = work.n_feats
    plain = work.inner_maps * 2 * 9 * c * c + work.scale**2 * 2 * 9 * c * 3
    folded = 2 * 25 * c * work.picture * work.pixels + 2 * 9 * c * 3 * (work.composed * c + work.scale**2)
    return plain * work.unfolded_pixels + work.folded * folded


def _alignment_flops(work: Workload) -> int:
    """Of the forward pass."""
    if not work.aligned:
        return 0
    keys = work.n_frames * 9 * (work.n_feats + KEYS) * KEYS
    return 2 * (keys + work.walk_steps * 9 * OFFSETS**2) * work.places


# memory


def kept_maps(work: Workload) -> int:
    """Maps that wait for the backward pass of a micro-batch.

    Each step of the propagation keeps the concatenation (2) that its fuse reads and for each block the input and the
    inner map; ``block`` drops the inner maps. ``trunk`` keeps the frames' features and the states between two steps
    instead. The end keeps what fusion (2), the upsampler's first (1) and, unless folded, its last convolution read.
    """
    end = _end_maps(work)
    if work.checkpointing == "trunk":
        return work.n_frames + (work.n_frames - 3) + end
    maps_a_block = 1 if work.checkpointing == "block" else 2
    return 2 * work.walk_steps + maps_a_block * work.blocks_run + end


def _end_maps(work: Workload) -> int:
    return 2 + 1 + (0 if work.folded else work.inner_maps)


def kept_bytes(work: Workload) -> int:
    """What ``kept_maps`` counts, the frames as the first layer reads them, and the weights that autocast has cast."""
    frames = work.pixels * 3 * work.n_frames * work.element_size
    parts = _cast_weights(work) + _alignment_kept(work) + _folded_kept(work)
    return kept_maps(work) * work.map_bytes + frames + parts


def _folded_kept(work: Workload) -> int:
    """Strips and their inner picture, what the weight was composed from, and the weight."""
    if not work.folded:
        return 0
    strips = (1 + work.inner_maps) * work.unfolded_pixels * work.n_feats * work.element_size
    return strips + 4 * work.composed * work.n_feats**2 + work.element_size * 25 * work.picture * work.n_feats


def _alignment_kept(work: Workload) -> int:
    """Features of all frames for the keys, those of neighbours in fp32 with where each is fetched, and on the grid
    keys and similarities."""
    if not work.aligned:
        return 0
    size, n = work.element_size, work.walk_steps
    fetched = 4 * n * (work.n_feats + 2) * work.pixels
    keys = (2 * size + 4) * (n + 1) + 4 * 2 * n
    padded = (-(-work.height // STRIDE) + 2 * RADIUS) * (-(-work.width // STRIDE) + 2 * RADIUS) * work.samples
    similarities = (4 + size + 4) * n * OFFSETS
    on_grid = (keys * KEYS + similarities) * work.places + 4 * n * KEYS * padded
    moved = n if work.checkpointing == "trunk" else 0  # otherwise each step's concatenation has them
    return (work.n_frames + moved) * work.map_bytes + fetched + on_grid


def _cast_weights(work: Workload) -> int:
    """Copies of the weights in two bytes; where a trunk is recomputed, its own are cast again and dropped."""
    if not work.half:
        return 0
    recomputed = _trunk_parameters(work) if work.checkpointing != "none" else 0
    return 2 * (parameters(work) - recomputed)


def held_bytes(work: Workload) -> int:
    """The most a micro-batch holds at once beside weights and optimizer: the largest of three moments.

    While the upsampler runs, its picture exists twice and the frames' features and both ends are still there; in the
    loss a dozen pictures are; and in a backward pass with ``trunk`` one trunk's maps are, with the gradients of the
    frames' features and of what is under way, while the end's maps have gone. The workspace of convolution libraries
    is theirs to choose and not counted.
    """
    picture = 4 * work.picture * work.pixels
    inputs = picture + (4 * 3 * work.n_frames * work.pixels if work.half else 0)
    features = 0 if work.checkpointing == "trunk" else work.n_frames
    inner = 2 * work.picture * work.pixels * work.element_size if work.folded else work.inner_maps * work.map_bytes
    upsampling = (features + 2) * work.map_bytes + inner + inputs + picture
    loss = LOSS_PICTURES * picture + inputs - picture
    recomputing = inputs + _recomputed_maps(work) * work.map_bytes
    return kept_bytes(work) + max(upsampling, loss, recomputing)


def _recomputed_maps(work: Workload) -> int:
    """Maps of the moment when one trunk, or one block, has been computed again, beyond those kept."""
    gradients = 3 + work.n_frames
    end = _end_maps(work)
    again = {"none": 0, "block": 2, "trunk": 2 + work.n_blocks}[work.checkpointing]
    return again + gradients - end


def state_bytes(work: Workload) -> int:
    """Weights, gradients, AdamW's two moments and the moving average, all in fp32."""
    return 4 * parameters(work) * (5 if work.averaged else 4)


# traffic


def traffic_bytes(work: Workload) -> int:
    """Bytes that the step must move at least: each operation reads its inputs and writes its result once.

    A pass over a map costs ``map_bytes``. A block: 5 passes forward (two convolutions, the sum in the second) and 10
    backward. A step of the propagation: 4 for the concatenation, 3 for its fuse, 10 backward. Weights are read twice
    and their gradients written once for each micro-batch; clipping, AdamW and the average pass 13 times over them.
    """
    fuse = 17
    inner = work.inner_maps
    plain = 3 * (1 + inner) + 2 * 2 * inner + 3 * inner if inner else 3  # first convolution, shuffle, last convolution
    upsampler = plain * work.unfolded_pixels // work.pixels + 3 * work.folded
    again = {"none": 0, "block": 2 * work.blocks_run, "trunk": 7 * work.walk_steps + 5 * work.blocks_run}
    aligning = work.aligned * (12 * work.n_frames + 16 * work.walk_steps)  # copies and keys; fetched in fp32
    passes = (
        aligning
        + 4 * work.n_frames
        + fuse * (work.walk_steps + 1)
        + 15 * work.blocks_run
        + upsampler
        + again[work.checkpointing]
    )
    micro_batch = passes * work.map_bytes + LOSS_PASSES * work.picture * 4 * work.pixels
    return work.accumulation * micro_batch + 4 * parameters(work) * (3 * work.accumulation + 13)
