"""Pools of labelled 14x14 images: MNIST inside the package, others through torchvision.

`python -m digitcmp.datasets ROOT` builds the packaged file again from MNIST's idx files in the torchvision root ROOT.
"""

import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from digitcmp.config import SIZES
from digitcmp.runs import RunError, atomic_write

PACKAGED = Path(__file__).with_name("mnist14.npz")
IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}


class DataError(RunError):
    """A data set that is not there or not whole; the message names the file and the way to get it."""


class Pool(NamedTuple):
    """Images (N, 14, 14) with gray values 0..255 and their class labels (N,), 0..9."""

    images: UInt8[np.ndarray, "n 14 14"]
    labels: Int[np.ndarray, "n"]


@cache
def load(name: str, root: Path) -> dict[str, Pool]:
    """The pools 'train' and 'test' of the data set `name`; `root` is torchvision's folder, not used for mnist.

    Downloads what is missing. Raises DataError naming the folder and its files if that fails, and for an
    unknown name.
    """
    if name not in TORCHVISION:
        raise DataError(f"no data set {name!r}; there are {', '.join(TORCHVISION)}")
    file = PACKAGED if name == "mnist" else root / TORCHVISION[name] / "pooled14.npz"
    if not file.exists():
        if name == "mnist":
            raise DataError(f"{file} is missing: reinstall the package or build it, python -m digitcmp.datasets ROOT")
        build(name, root, file, download=True)
    try:
        with file.open("rb") as stream, np.load(stream) as arrays:  # zip checks the CRC of every array it reads
            return {
                split: Pool(arrays[f"{split}_images"], arrays[f"{split}_labels"].astype(np.int64)) for split in SIZES
            }
    except Exception as error:  # a damaged zip raises a dozen different errors
        remedy = "build it again: python -m digitcmp.datasets ROOT (MNIST's idx files in ROOT/MNIST/raw)"
        if name != "mnist":
            remedy = "delete it, and it is made again"
        raise DataError(f"{file} is damaged ({error}); {remedy}") from error


def build(name: str, root: Path, file: Path, download: bool) -> None:
    """Average the data set's 28x28 images 2x2, halves rounded up, and write both splits to `file` (.npz), atomically.

    Reads `root` as torchvision does. Raises DataError naming the folder and the files it needs.
    """
    from torchvision import datasets

    read = getattr(datasets, TORCHVISION[name])
    raw = root / TORCHVISION[name] / "raw"
    download = download and not all((raw / idx).exists() for idx in IDX)
    arrays = {}
    with TemporaryDirectory() as elsewhere:  # where half a download cannot be taken for a whole one later
        for split in SIZES:
            try:
                dataset = read(elsewhere if download else root, train=split == "train", download=download)
            except Exception as error:  # RuntimeError, URLError, OSError: whatever stopped the download
                message = f"no {TORCHVISION[name]} in {raw} and no download ({error}); it needs {', '.join(IDX)}"
                raise DataError(message) from error
            arrays[f"{split}_images"] = pool2x2(dataset.data.numpy())
            arrays[f"{split}_labels"] = dataset.targets.numpy().astype(np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def pool2x2(images: UInt8[np.ndarray, "n 28 28"]) -> UInt8[np.ndarray, "n 14 14"]:
    """Mean of every 2x2 block, halves rounded up."""
    blocks = images.astype(np.uint16).reshape(len(images), 14, 2, 14, 2)
    return ((blocks.sum(axis=(2, 4)) + 2) // 4).astype(np.uint8)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m digitcmp.datasets ROOT   (MNIST's idx files lie in ROOT/MNIST/raw)")
    try:
        build("mnist", Path(sys.argv[1]), PACKAGED, download=False)
    except (DataError, OSError) as error:
        sys.exit(str(error))
    print(f"wrote {PACKAGED}")
