"""Small data sets as files: idx files of noise for torchvision and .npz files of patterns."""

from pathlib import Path

import numpy as np

from digitcmp.data.sources import SOURCES


def fake_torchvision(root: Path, name: str, seed: int = 0) -> None:
    """Write the idx files of a data set for torchvision, 100 training and 50 test images of noise."""
    rng = np.random.default_rng(seed)
    for part, n in (("train", 100), ("t10k", 50)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        save_idx(root / str(SOURCES[name]) / "raw", part, images, rng.integers(0, 10, n, dtype=np.uint8))


def save_idx(folder: Path, part: str, *arrays: np.ndarray) -> None:
    """Write images (n, height, width) and labels (n,) as idx files."""
    folder.mkdir(parents=True, exist_ok=True)
    for array, kind in zip(arrays, ("images-idx3", "labels-idx1"), strict=True):
        header = np.array([0x800 + array.ndim, *array.shape], ">i4").tobytes()
        (folder / f"{part}-{kind}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())


def made_up(classes: int, side: int, channels: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images (n, side, side) or (n, side, side, 3), with a pattern for each class, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    patterns = np.random.default_rng(99).integers(0, 200, (classes, side, side, channels))
    images = (patterns[labels] + rng.integers(0, 56, (n, side, side, channels))).astype(np.uint8)
    return (images[..., 0] if channels == 1 else images), labels


def save_npz(
    file: Path, classes: int = 5, side: int = 20, channels: int = 1, n: int = 60, **arrays: np.ndarray
) -> None:
    """Write a .npz file of synthetic images. `arrays` replaces or adds arrays; None removes one."""
    train, test = (made_up(classes, side, channels, n, seed) for seed in (0, 1))
    given = {"train_images": train[0], "train_labels": train[1], "test_images": test[0], "test_labels": test[1]}
    np.savez(file, **{key: array for key, array in (given | arrays).items() if array is not None})
