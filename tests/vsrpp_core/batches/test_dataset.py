from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import MakeDataset
from vsrpp_core.batches.dataset import Batch, PairDataset, TrainingStream
from vsrpp_core.data.stacked import DatasetFolder, PairPaths, measure, write_pair
from vsrpp_core.data.survey import measured
from vsrpp_core.errors import VsrppError

SIDE, N_FRAMES = 12, 5


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """Six pairs that tell where each pixel came from: red is its row, green its column, blue 10 × sample + frame.

    The ground truth is the centre frame with each pixel 3 × 3, so alignment holds exactly or not at all.
    """
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for sample in range(6):
        frames = [
            np.stack([rows, columns, np.full_like(rows, 10 * sample + frame)], axis=-1).astype(np.uint8)
            for frame in range(N_FRAMES)
        ]
        ground_truth = frames[N_FRAMES // 2].repeat(3, axis=0).repeat(3, axis=1)
        write_pair(DatasetFolder(tmp_path), "train", f"s{sample}.png", frames, ground_truth)
    return tmp_path


def dataset(root: Path, crop: int = 0, augment: bool = False, seed: int = 0) -> PairDataset:
    pairs = DatasetFolder(root).pairs("train")
    return PairDataset(pairs, measure(pairs[0]), seed, crop, augment, cache_bytes=2**20)


def stream(root: Path, seed: int = 0, batch_size: int = 2, accumulation: int = 1, **options: Any) -> TrainingStream:
    return TrainingStream(dataset(root, seed=seed, **options), seed, batch_size, accumulation, workers=0)


def samples_of(step: list[Batch]) -> list[int]:
    return [int(blue) // 10 for batch in step for blue in batch.frames[:, 0, 2, 0, 0]]


def take(steps: TrainingStream) -> list[Batch]:
    """One step, taken."""
    step = steps.next_step()
    steps.confirm()
    return step


def samples(steps: TrainingStream, count: int) -> list[int]:
    return [sample for _ in range(count) for sample in samples_of(take(steps))]


# samples


def test_shapes_and_types(marked: Path) -> None:
    frames, ground_truth = dataset(marked, crop=8)[1, 0]
    assert frames.shape == (N_FRAMES, 3, 8, 8) and ground_truth.shape == (3, 24, 24)
    assert frames.dtype == ground_truth.dtype == torch.uint8
    lr, gt = Batch(frames[None], ground_truth[None]).on(torch.device("cpu"))
    assert lr.dtype == torch.float32 and torch.equal(lr[0] * 255, frames.float()) and float(gt.max()) <= 1


@pytest.mark.parametrize("crop", [0, 5])
@pytest.mark.parametrize("augment", [False, True])
def test_lr_and_ground_truth_stay_aligned(marked: Path, crop: int, augment: bool) -> None:
    data, changed = dataset(marked, crop, augment), set()
    for epoch in range(1, 40):
        frames, ground_truth = data[epoch, 3]
        centre = frames[N_FRAMES // 2]
        assert torch.equal(centre.repeat_interleave(3, 1).repeat_interleave(3, 2), ground_truth)
        assert all(torch.equal(frame[:2], centre[:2]) for frame in frames), "all frames are changed alike"
        changed.add(frames.numpy().tobytes())
    assert (len(changed) > 1) is bool(crop or augment)


def test_every_augmentation_happens_and_in_every_combination(marked: Path) -> None:
    data, seen = dataset(marked, augment=True), set()
    for epoch in range(1, 200):
        red, green, blue = data[epoch, 0][0].permute(1, 0, 2, 3).int()
        transposed = bool(red[0, 0, 0] != red[0, 0, -1])
        down, right = (green, red) if transposed else (red, green)
        seen.add((transposed, bool(down[0, 0, 0] > 0), bool(right[0, 0, 0] > 0), bool(blue[0, 0, 0] > blue[-1, 0, 0])))
    assert len(seen) == 16


def test_crops_reach_every_place(marked: Path) -> None:
    data = dataset(marked, crop=SIDE - 1)
    corners = {tuple(data[epoch, 0][0][0, :2, 0, 0].tolist()) for epoch in range(1, 60)}
    assert corners == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_patches_that_are_not_square_keep_their_shape(tmp_path: Path) -> None:
    frames = [np.zeros((4, 6, 3), dtype=np.uint8)] * N_FRAMES
    write_pair(DatasetFolder(tmp_path), "train", "s.png", frames, np.zeros((12, 18, 3), dtype=np.uint8))
    data = dataset(tmp_path, augment=True)
    assert {tuple(data[epoch, 0][0].shape) for epoch in range(1, 20)} == {(N_FRAMES, 3, 4, 6)}


def test_a_sample_is_a_function_of_seed_epoch_and_index(marked: Path) -> None:
    def sample(seed: int, epoch: int) -> bytes:
        return dataset(marked, crop=6, augment=True, seed=seed)[epoch, 2][0].numpy().tobytes()

    assert sample(1, 4) == sample(1, 4)
    assert len({sample(seed, epoch) for seed in range(3) for epoch in range(3)}) > 5


@pytest.mark.parametrize("folder", ["LR", "GT"])
def test_an_image_that_does_not_fit_is_named(marked: Path, folder: str) -> None:
    path = marked / "Patches" / folder / "s3.png"
    Image.new("RGB", (30, 30)).save(path)
    with pytest.raises(VsrppError, match=rf"{path} is 30x30, not .* `vsrpp check {marked}` lists"):
        dataset(marked)[1, 3]


# the stream


def test_an_epoch_visits_every_sample_once_in_an_order_of_its_own(marked: Path) -> None:
    steps = stream(marked)
    epochs = [samples(steps, steps.steps_per_epoch) for _ in range(4)]
    assert all(sorted(epoch) == list(range(6)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert (steps.epoch, steps.epoch_step) == (4, 3)


def test_the_order_is_a_function_of_the_seed(marked: Path) -> None:
    first, again, other = (samples(stream(marked, seed), 12) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "sizes"),
    [(4, 1, [[4], [2]]), (2, 2, [[2, 2], [2]]), (1, 4, [[1, 1, 1, 1], [1, 1]]), (4, 2, [[4, 2]]), (9, 1, [[6]])],
)
def test_the_last_step_of_an_epoch_takes_what_is_left(
    marked: Path, batch_size: int, accumulation: int, sizes: list[list[int]]
) -> None:
    steps = stream(marked, batch_size=batch_size, accumulation=accumulation)
    assert steps.steps_per_epoch == len(sizes)
    for _ in range(2):
        assert [[len(batch) for batch in take(steps)] for _ in sizes] == sizes


@pytest.mark.parametrize("taken", [0, 1, 3, 4, 7])
def test_a_resumed_stream_goes_on_with_the_next_sample(marked: Path, taken: int) -> None:
    whole = stream(marked, crop=6, augment=True)
    for _ in range(taken):
        take(whole)
    resumed = stream(marked, crop=6, augment=True)
    take(resumed)  # a stream that has begun forgets where it was
    resumed.load_state_dict(whole.state_dict())
    for _ in range(6):
        (one,), (two,) = take(whole), take(resumed)
        assert torch.equal(one.frames, two.frames) and torch.equal(one.ground_truth, two.ground_truth)
        assert (whole.epoch, whole.epoch_step) == (resumed.epoch, resumed.epoch_step)


# several sizes


@pytest.fixture
def mixed(marked: Path, make_dataset: MakeDataset) -> list[PairPaths]:
    """Six square pairs and five oblong ones."""
    make_dataset(marked, n_train=5, n_val=0, side=SIDE, height=7, prefix="oblong_")
    return list(measured(DatasetFolder(marked).pairs("train")))


def of_sizes(
    pairs: list[PairPaths], batch_size: int = 2, accumulation: int = 2, crop: int = 0, workers: int = 0
) -> TrainingStream:
    dataset = PairDataset(pairs, measure(pairs[0]), 0, crop, augment=True, cache_bytes=0)
    return TrainingStream(dataset, 0, batch_size, accumulation, workers)


def test_a_batch_has_one_size_and_an_epoch_has_every_sample_once(mixed: list[PairPaths]) -> None:
    steps = of_sizes(mixed)
    assert steps.steps_per_epoch == 3
    for _ in range(2):
        batches = [batch for _ in range(3) for batch in take(steps)]
        assert sorted(map(len, batches)) == [1, 2, 2, 2, 2, 2]
        heights = [batch.frames.shape[-2] for batch in batches for _ in range(len(batch))]
        assert sorted(heights) == [7] * 5 + [SIDE] * 6
    assert steps.epoch == 2


@pytest.mark.parametrize("taken", [0, 1, 2, 3, 4])
def test_a_resumed_stream_of_sizes_goes_on_with_the_next_batch(mixed: list[PairPaths], taken: int) -> None:
    whole, resumed = of_sizes(mixed), of_sizes(mixed)
    for _ in range(taken):
        take(whole)
    resumed.load_state_dict(whole.state_dict())
    for _ in range(4):
        for one, two in zip(take(whole), take(resumed), strict=True):
            assert torch.equal(one.frames, two.frames) and one.share == two.share
        assert (whole.epoch, whole.epoch_step) == (resumed.epoch, resumed.epoch_step)


def test_other_batches_of_sizes_begin_with_the_next_epoch(mixed: list[PairPaths]) -> None:
    steps = of_sizes(mixed)
    take(steps)
    for other in (of_sizes(mixed, batch_size=3), of_sizes(mixed, crop=6)):
        assert "put into batches in another way" in other.difference(steps.state_dict())
        other.load_state_dict(steps.state_dict())
        take(other)
        assert other.epoch == 2
    assert not of_sizes(mixed, accumulation=1).difference(steps.state_dict())


def test_crops_of_several_sizes_are_of_one(mixed: list[PairPaths]) -> None:
    steps = of_sizes(mixed, crop=6)
    assert [len(batch) for _ in range(3) for batch in take(steps)] == [2, 2, 2, 2, 2, 1]


def test_an_oblong_pair_is_never_transposed(mixed: list[PairPaths]) -> None:
    oblong = [pair for pair in mixed if pair.name.startswith("oblong")]
    dataset = PairDataset(oblong, measure(oblong[0]), 0, 0, augment=True, cache_bytes=0)
    assert {dataset[epoch, 0][1].shape for epoch in range(1, 20)} == {(3, 21, 36)}


def test_with_another_number_of_samples_the_next_epoch_begins(marked: Path) -> None:
    steps = stream(marked)
    samples(steps, 4)
    state = steps.state_dict()
    (marked / "Patches" / "GT" / "s0.png").unlink()
    resumed = stream(marked)
    resumed.load_state_dict(state)
    assert sorted(samples(resumed, 3)) == [1, 2, 3, 4, 5] and (resumed.epoch, resumed.epoch_step) == (3, 3)


def test_a_step_that_was_not_confirmed_is_drawn_again(marked: Path) -> None:
    steps = stream(marked)
    samples(steps, 2)
    failed = samples_of(steps.next_step())
    resumed = stream(marked)
    resumed.load_state_dict(steps.state_dict())
    assert samples(resumed, 1) == failed


def test_another_batch_size_goes_on_with_the_next_sample(marked: Path) -> None:
    whole, small, large = stream(marked, batch_size=6), stream(marked, batch_size=2), stream(marked, batch_size=4)
    order = samples(whole, 2)
    assert samples(small, 1) == order[:2]
    large.load_state_dict(small.state_dict())
    assert samples(large, 2) == order[2:10] and (large.epoch, large.epoch_step) == (2, 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_is_one_sentence_also_from_a_worker(marked: Path, workers: int) -> None:
    (marked / "Patches" / "LR" / "s3.png").write_bytes(b"no picture")
    steps = TrainingStream(dataset(marked), 0, 6, 1, workers)
    with pytest.raises(VsrppError) as error:
        steps.next_step()
    assert "s3.png cannot be read as an image" in str(error.value) and "\n" not in str(error.value)
    steps.close()


def test_batches_can_be_pinned(marked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DataLoader pins what has this method, and silently nothing else."""
    pinned: list[torch.Size] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        pinned.append(tensor.shape)
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    (batch,) = stream(marked).next_step()
    assert torch.equal(batch.pin_memory().frames, batch.frames)
    assert pinned == [batch.frames.shape, batch.ground_truth.shape]


def test_making_batches_draws_nothing_from_the_global_generator(make_dataset: MakeDataset) -> None:
    root, before = make_dataset(n_train=3), torch.get_rng_state()
    stream(root, crop=4, augment=True).next_step()
    assert torch.equal(torch.get_rng_state(), before)


def test_without_room_in_shared_memory_a_batch_goes_through_a_pipe_and_that_is_told_once(
    marked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = dataset(marked)

    def full(tensor: torch.Tensor) -> None:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    stream, piped = (TrainingStream(pairs, 0, 2, 1, 0) for _ in range(2))
    (plain,) = stream.next_step()
    monkeypatch.setattr("vsrpp_core.batches.dataset.get_worker_info", lambda: True)
    (other,) = piped.next_step()
    assert torch.equal(plain.frames, other.frames) and torch.equal(plain.ground_truth, other.ground_truth)
    piped.confirm()
    piped.next_step()
    (told,) = piped.take_warnings()
    assert "shared memory (/dev/shm) is full" in told and "--shm-size" in told
