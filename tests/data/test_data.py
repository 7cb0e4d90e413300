"""Tests of the packaged MNIST, of the pools of images and of the pairs drawn from them."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MNIST_ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from image_sets import fake_torchvision

from digitcmp.data.datamodule import PairData, datasets
from digitcmp.errors import DataError


def draw(seed: int = 0, train: int = 100, val: int = 100, test: int = 100, data_seed: int | None = None) -> PairData:
    data = PairData("mnist", train, val, test, seed, data_seed)
    data.setup()
    return data


def images(data: PairData, *splits: str) -> list[bytes]:
    return [image.tobytes() for split in splits for image in data.sets[split].pairs.flatten(0, 1).numpy()]


@pytest.mark.skipif(MNIST_ROOT is None, reason="MNIST_ROOT names no torchvision root with the canonical idx files")
def test_packaged_file_is_mnist(tmp_path: Path) -> None:
    """The packaged images are those of the canonical files. Every pixel is the rounded mean of 2x2 pixels."""
    raw = Path(str(MNIST_ROOT)) / "MNIST" / "raw"
    (tmp_path / "MNIST").mkdir()
    (tmp_path / "MNIST/raw").symlink_to(raw)
    for split, prefix, n in (("train", "train", 60_000), ("test", "t10k", 10_000)):
        pixels = np.fromfile(raw / f"{prefix}-images-idx3-ubyte", np.uint8)[16:].reshape(n, 14, 2, 14, 2)
        labels = np.fromfile(raw / f"{prefix}-labels-idx1-ubyte", np.uint8)[8:]
        pool = getattr(datasets.load("mnist", Path()), split)
        assert np.array_equal(pool.images, np.floor(pixels.mean(axis=(2, 4)) + 0.5))
        assert np.array_equal(pool.labels, labels)
        full = getattr(datasets.load("mnist", tmp_path, side=28), split)  # torchvision's reader
        assert np.array_equal(full.images, pixels.reshape(n, 28, 28)) and np.array_equal(full.labels, labels)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), train=st.integers(1, 2000), val=st.integers(1, 2000), test=st.integers(1, 5000))
def test_same_seed_same_pairs_whatever_else_is_asked_for(seed: int, train: int, val: int, test: int) -> None:
    one, other = draw(seed, train, val, test), draw(seed, train + 7, val + 5, max(1, test - 3))
    for split in ("train", "val", "test"):
        n = min(len(one.sets[split].target), len(other.sets[split].target))
        assert torch.equal(one.sets[split].pairs[:n], other.sets[split].pairs[:n])
    used = images(one, "train", "val", "test")
    assert len(set(used)) == len(used) == 2 * (train + val + test)


def test_all_of_the_pool_can_be_used() -> None:
    data = draw(train=25_000, val=5_000, test=5_000)
    pool = datasets.load("mnist", Path()).train
    used = sorted(images(data, "train", "val"))
    assert used == sorted(image.astype(np.float32).tobytes() for image in pool.images)


def test_seeds() -> None:
    assert images(draw(0), "train") != images(draw(1), "train")  # 0 does not mean that there is no seed
    assert images(draw(0, data_seed=5), "train") == images(draw(1, data_seed=5), "train") == images(draw(5), "train")
    assert images(draw(1, data_seed=0), "train") == images(draw(0), "train")
    assert not torch.equal(draw(0, data_seed=5).epoch().target, draw(1, data_seed=5).epoch().target)


def test_epochs_are_shuffled_and_whole() -> None:
    data = draw()
    first, second = data.epoch(), data.epoch()
    assert not torch.equal(first.digits, second.digits)
    for epoch in (first, second):
        assert sorted(images_of(epoch.pairs)) == sorted(images_of(data.sets["train"].pairs))
        assert torch.equal(epoch.target, (epoch.digits[:, 0] <= epoch.digits[:, 1]).float())
    assert [len(batch.target) for batch in first.split(30)] == [30, 30, 30, 10]  # the incomplete last batch is kept


def images_of(pairs: torch.Tensor) -> list[bytes]:
    return [pair.tobytes() for pair in pairs.numpy()]


def test_unshuffled() -> None:
    data = PairData("mnist", 50, 50, 50, seed=0, shuffle=False)
    data.setup()
    assert torch.equal(data.epoch().pairs, data.sets["train"].pairs)


def test_moments_are_those_of_the_training_pairs() -> None:
    data = draw()
    pixels = data.sets["train"].pairs.numpy().astype(np.float64)
    assert data.moments == pytest.approx((pixels.mean(), pixels.std(ddof=1)), rel=1e-6)


def test_resplit_divides_all_images_anew_for_each_seed() -> None:
    """A new split keeps all images and both sizes, and moves images. The same seed gives the same split."""
    given = datasets.load("mnist", Path())
    first, again, other = (datasets.load("mnist", Path(), split_seed=seed) for seed in (1, 1, 2))

    def checksums(pool: datasets.Pool) -> Counter[tuple[int, bytes]]:
        return Counter((label, image.tobytes()) for image, label in zip(pool.images, pool.labels.tolist(), strict=True))

    assert checksums(first.train) + checksums(first.test) == checksums(given.train) + checksums(given.test)
    assert (len(first.train.labels), len(first.test.labels)) == (60_000, 10_000)
    moved = (checksums(first.test) & checksums(given.train)).total()
    assert 8_300 < moved < 8_800  # 6/7 of 10,000 are expected, with a standard deviation of 32
    assert np.array_equal(first.test.images, again.test.images)
    assert not np.array_equal(first.test.images, other.test.images)


def test_resplit_follows_the_seed_of_the_pairs() -> None:
    def test_pairs(**options: Any) -> torch.Tensor:
        data = PairData("mnist", 20, 20, 20, **options)
        data.setup()
        return data.sets["test"].pairs

    by_seed = test_pairs(seed=5, resplit=True)
    assert torch.equal(by_seed, test_pairs(seed=0, data_seed=5, resplit=True))
    assert not torch.equal(by_seed, test_pairs(seed=5))


def test_more_pairs_than_images(tmp_path: Path) -> None:
    fake_torchvision(tmp_path, "kmnist")
    with pytest.raises(DataError, match="60 pairs requested from the 100 train images of kmnist; expected at most 50"):
        PairData("kmnist", 30, 30, 5, seed=0, root=str(tmp_path)).setup()


def test_damaged_packaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = bytearray(datasets.PACKAGED.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "mnist14.npz").write_bytes(damaged)
    monkeypatch.setattr(datasets, "PACKAGED", tmp_path / "mnist14.npz")
    datasets.converted.cache_clear()
    with pytest.raises(DataError, match="^mnist cannot be read .BadZipFile"):
        datasets.load("mnist", Path())
