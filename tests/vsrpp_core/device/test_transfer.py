"""Pictures on their way to a card: what needs none is tried with a card's order in memory on a CPU."""

import pytest
import torch

from vsrpp_core.device.transfer import as_floats, brought
from vsrpp_core.messages.kinds import Alignment
from vsrpp_core.network.lean import LeanVSR
from vsrpp_core.network.loss import bicubic_edges, hybrid_loss


def stacks() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    shapes = (2, 3, 3, 8, 10), (2, 3, 24, 30)
    frames, truth = (torch.randint(256, shape, dtype=torch.uint8, generator=random) for shape in shapes)
    return frames, truth


def test_channels_last_changes_the_order_in_memory_and_no_value() -> None:
    for images in stacks():
        plain, ordered = as_floats(images, channels_last=False), as_floats(images, channels_last=True)
        assert torch.equal(plain, ordered) and plain.max() <= 1 and plain.is_contiguous()
        assert ordered.stride()[-3] == 1 and ordered.dtype == torch.float32


@pytest.mark.parametrize("alignment", ["none", "local"])
def test_network_and_loss_take_pictures_in_that_order(alignment: Alignment) -> None:
    torch.manual_seed(0)
    model = LeanVSR(4, 2, 3, alignment=alignment).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    seen = []
    for channels_last in (False, True):
        frames, truth = (as_floats(images, channels_last) for images in stacks())
        parts = hybrid_loss(model(frames), truth)
        gradient = torch.autograd.grad(parts.l1 + parts.ms + parts.grad, model.feat_extract.weight)[0]
        seen.append((torch.stack(parts), bicubic_edges(frames, 3), gradient))
    torch.testing.assert_close(seen[0], seen[1], rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_copy_arrives_whole_while_the_card_computes() -> None:
    card = torch.device("cuda")
    busy = torch.rand(2048, 2048, device=card)
    for round_ in range(20):
        images = tuple(image.roll(round_).pin_memory() for image in stacks())
        busy = busy @ busy / busy.norm()
        there = brought(images, card)
        sums = [image.sum(dtype=torch.int64) for image in there]
        del there
        assert [int(found) for found in sums] == [int(image.sum(dtype=torch.int64)) for image in images]
