"""The network as it is trained beside the plain one it is tested against: seconds of a step, and memory kept in it.

    python benchmarks/lean_step.py [--n-feats 32] [--n-blocks 10] [--batch 4] [--crop 48] [--rounds 15] [--precision P]

Forward pass, loss and backward pass of the plain network and of the lean one in its three modes, each as it is and
folded, take turns, in the precision that training would choose here or another. Prints one JSON line: medians in
seconds, on a CPU those the process had it for, their ratios to the plain one, and MiB of feature maps kept for the
backward pass, a sample.
"""

import argparse
import json
import statistics
import time

import torch
from torch import Tensor

from vsrpp_core.device.hardware import Hardware, choose_hardware
from vsrpp_core.messages.kinds import Checkpointing
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.loss import LossWeights, hybrid_loss
from vsrpp_core.network.model import VSRBidirectional3x

MODES: tuple[Checkpointing, ...] = ("none", "block", "trunk")


def main() -> None:
    options = arguments()
    hardware = choose_hardware(options.precision)
    networks = make_networks(options.n_feats, options.n_blocks, hardware.device)
    frames = torch.rand(options.batch, 5, 3, options.crop, options.crop, device=hardware.device)
    target = torch.rand(options.batch, 3, 3 * options.crop, 3 * options.crop, device=hardware.device)
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for round_ in range(options.rounds + 1):
        for name, network in networks.items():
            taken = step(network, frames, target, hardware)
            if round_:  # the first round warms up
                seconds[name].append(taken)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    kept = {name: kept_for_backward(network, frames, hardware) / options.batch for name, network in networks.items()}
    result = {
        "benchmark": "lean_step",
        "device": hardware.description.name,
        "precision": hardware.precision,
        "shape": [options.n_feats, options.n_blocks, options.batch, options.crop],
        "seconds": {name: round(value, 4) for name, value in medians.items()},
        "ratio": {name: round(value / medians["plain"], 3) for name, value in medians.items()},
        "kept_mib": {name: round(value / 2**20, 1) for name, value in kept.items()},
        "rounds": options.rounds,
    }
    print(json.dumps(result))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("n-feats", 32), ("n-blocks", 10), ("batch", 4), ("crop", 48), ("rounds", 15)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--precision", choices=("auto", "fp32", "fp16", "bf16"), default="auto")
    return parser.parse_args()


def make_networks(n_feats: int, n_blocks: int, device: torch.device) -> dict[str, VSRBidirectional3x]:
    """Of equal weights, in the layout training uses."""
    networks: dict[str, VSRBidirectional3x] = {"plain": VSRBidirectional3x(n_feats, n_blocks)}
    for mode in MODES:
        networks[mode] = LeanVSR(n_feats, n_blocks, checkpointing=mode)
        networks[f"{mode}, folded"] = LeanVSR(n_feats, n_blocks, checkpointing=mode, folded=True)
    for network in networks.values():
        network.load_state_dict(networks["plain"].state_dict())
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return networks


def step(network: VSRBidirectional3x, frames: Tensor, target: Tensor, hardware: Hardware) -> float:
    clock = time.perf_counter if hardware.device.type == "cuda" else time.process_time
    start = clock()
    with hardware.autocast():
        prediction = network(frames)
    hybrid_loss(prediction.float(), target).total(LossWeights(0.6, 0.2, 0.2)).backward()
    if hardware.device.type == "cuda":
        torch.cuda.synchronize()
    taken = clock() - start
    network.zero_grad(set_to_none=True)
    return taken


def kept_for_backward(network: VSRBidirectional3x, frames: Tensor, hardware: Hardware) -> int:
    """Bytes of what the backward pass waits for, each storage once, weights left out."""
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), hardware.autocast():
        network(frames)
    return sum(kept.values())


if __name__ == "__main__":
    main()
