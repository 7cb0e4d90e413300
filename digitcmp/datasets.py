"""Pools of labelled images: MNIST inside the package, torchvision's data sets, files and folders of one's own.

`python -m digitcmp.datasets ROOT` builds the packaged file again from MNIST's idx files in the torchvision root ROOT.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from digitcmp.errors import DataError
from digitcmp.files import atomic_write, checksum
from digitcmp.images import resize
from digitcmp.readers import ARRAYS, Arrays, read_digits, read_folder, read_relative, read_torchvision
from digitcmp.sources import SOURCES
from digitcmp.spec import ImageSpec

PACKAGED = Path(__file__).with_name("mnist14.npz")
ROOMS = [Path(__file__).with_name(f"{room}.py") for room in ("images", "readers")]
CODE = f",{checksum(b''.join(room.read_bytes() for room in ROOMS))}"  # in a cache's name: of what made it


class Pool(NamedTuple):
    """Images (N, H, W), in colour (N, 3, H, W), with gray values 0..255 and their class labels (N,), 0..K-1."""

    images: UInt8[np.ndarray, "n *image"]
    labels: Int[np.ndarray, "n"]


@dataclass(frozen=True)
class DataSet:
    """Images to train on (and to validate), others to test on, and what both are."""

    name: str
    train: Pool
    test: Pool
    images: ImageSpec


def load(
    name: str,
    root: Path,
    side: int | None = None,
    file: str | None = None,
    cls: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    drawn: bool | None = None,
) -> DataSet:
    """The data set of this name; its images are averaged or resized to `side`, or taken as they are.

    A name of `SOURCES`; any name with `file`, a .npz of `ARRAYS` or a folder with a folder of pictures for each class;
    or any with `cls`, a data set of torchvision, made with `arguments`. MNIST and its relatives have a side of 14
    unless told otherwise. root: torchvision's folder, where what is made of others' files is kept too; downloads what
    is missing. drawn: as in ImageSpec, by default what SOURCES says. Raises DataError for a data set that is not
    there, damaged or unfit, OSError.
    """
    source = SOURCES.get(name)
    if source:
        cls, side = source.cls, side or source.images.side
    if file is not None:
        path = Path(file)
        if not path.exists():
            raise DataError(f"{path}: there is no such file or folder")
        if path.is_dir() and root.resolve().is_relative_to(path.resolve()):
            raise DataError(f"data.root={root} is not allowed: it lies in {path}, where every folder is a class")
        kept = root / name / f"{checksum(path)},{side}{CODE}.npz"
        arrays = from_cache(kept, partial(read_folder, path, side)) if path.is_dir() else read_npz(path, "")
        name = str(path) if name in ("npz", "folder") else name
    elif name == "mnist" and side == 14:
        arrays = read_npz(PACKAGED)
    elif name == "digits":
        arrays = from_cache(root / "digits" / f"images{CODE}.npz", read_digits)
    elif source and cls and side:
        arrays = from_cache(root / cls / f"pooled{side}{CODE}.npz", partial(read_relative, cls, root, side))
    elif cls:
        given = dict(arguments or {})
        suffix = f",{checksum(json.dumps(given, sort_keys=True).encode())}" if given else ""
        kept = root / cls / f"pooled{side or ''}{suffix}{CODE}.npz"
        arrays = from_cache(kept, partial(read_torchvision, cls, given, root, side))
    else:
        raise DataError(f"no data set {name!r}; there are {', '.join(SOURCES)}, or one of a file or of torchvision")
    return checked(name, arrays, side, source.images if source else None, drawn)


def as_bytes(images: np.ndarray) -> UInt8[np.ndarray, "..."]:
    """Pixels 0..255 as whole numbers."""
    return images if images.dtype == np.uint8 else np.rint(images).astype(np.uint8)


def from_cache(file: Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays in `file`, which is made if it is not there. Raises DataError as `make` does, OSError."""
    if not file.exists():
        write(file, make())
    return read_npz(file)


def write(file: Path, arrays: Arrays) -> None:
    """Write the arrays as .npz, completely or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def read_npz(file: Path, remedy: str = "; delete it, and it is made again if it was made of other files") -> Arrays:
    """The arrays of a .npz. Raises DataError for a file that is damaged or lacks one of `ARRAYS`, OSError."""
    status = file.stat() if file.exists() else None
    if status is None:
        raise DataError(f"{file} is missing: reinstall the package or build it, python -m digitcmp.datasets ROOT")
    try:
        arrays = decompressed(file, status.st_mtime_ns, status.st_size)
    except Exception as error:  # a damaged zip raises a dozen different errors
        if file == PACKAGED:
            remedy = "; build it again: python -m digitcmp.datasets ROOT (MNIST's idx files in ROOT/MNIST/raw)"
        raise DataError(f"{file} is damaged ({error}){remedy}") from error
    if lacking := [key for key in ARRAYS if key not in arrays]:
        raise DataError(f"{file} has no {', '.join(lacking)}: {', '.join(ARRAYS)} are wanted")
    return arrays


@cache
def decompressed(file: Path, written: int, size: int) -> Arrays:
    """The arrays of a file that was written at this time and is of this size."""
    with file.open("rb") as stream, np.load(stream) as arrays:  # zip checks the CRC of every array it reads
        return dict(arrays)


def checked(name: str, arrays: Arrays, side: int | None, known: ImageSpec | None, drawn: bool | None) -> DataSet:
    """These arrays as a data set, its images resized. Raises DataError for the first thing that makes it unfit."""

    def require(fits: object, message: str) -> None:
        if not fits:
            raise DataError(f"{name} is unfit: {message}")

    pools = {}
    for split in ("train", "test"):
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        if images.ndim == 4 and images.shape[3] == 1:
            images = images[..., 0]
        sort = f"{split}_images {images.shape} {images.dtype}"
        require(
            len(images) and (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)) and images[0].size,
            f"{sort}: (N, H, W) or (N, H, W, 3), N > 0, is wanted",
        )
        require(images.dtype.kind in "uif", f"{sort}: numbers are wanted")
        low, high = images.min(), images.max()
        require(np.isfinite(low) and np.isfinite(high), f"{split}_images has pixels that are not finite")
        require(
            low >= 0 and 1 < high <= 255,
            f"{split}_images has pixels from {low:g} to {high:g}, gray values from 0 to 255 are wanted",
        )
        require(low < high, f"all pixels of {split}_images are {low:g}")
        require(
            side or images.shape[1] == images.shape[2],
            "images of {}x{} are not square: data.side=N says to what size".format(*images.shape[1:3]),
        )
        require(
            labels.shape == (len(images),) and labels.dtype.kind in "ui",
            f"{split}_labels {labels.shape} {labels.dtype}: a whole number for each of {len(images)} images is wanted",
        )
        pools[split] = resize(as_bytes(images), side or images.shape[1]), labels.astype(np.int64)
    (images, labels), (test_images, test_labels) = pools["train"], pools["test"]
    require(
        images.shape[1:] == test_images.shape[1:],
        f"training images of {images.shape[1:]}, test images of {test_images.shape[1:]}",
    )
    there = np.unique(labels)
    named = arrays.get("names", np.array(["0"]))
    require(named.ndim == 1 and named.dtype.kind == "U", f"names {named.shape} {named.dtype}: a text each is wanted")
    names = tuple(map(str, arrays["names"])) if "names" in arrays else known.names if known else ()
    classes = len(names) or int(there[-1]) + 1
    twice = [name for name in names if names.count(name) > 1]
    require(not twice, f"two classes have the name {twice and twice[0]!r}")
    require(there[0] >= 0 and (there[0] == 0 or names), f"labels start at {there[0]}: 0 to K-1 are wanted")
    require(there[-1] < classes, f"label {there[-1]} has no name: there are {classes} names")
    require(len(there) > 1, f"all {len(labels)} training images are of one class, two are wanted at least")
    missing = sorted(set(range(min(classes, len(labels) + 1))) - set(there.tolist()))
    require(not missing, f"no training image of class {missing and missing[0]}: labels 0 to {classes - 1} are wanted")
    outside = test_labels[(test_labels < 0) | (test_labels >= classes)]
    require(not len(outside), f"test label {outside[:1]} is none of the training images' 0 to {classes - 1}")
    spec = ImageSpec(
        channels=1 if images.ndim == 3 else 3,
        side=images.shape[1],
        names=names or tuple(map(str, range(classes))),
        drawn=bool(known and known.drawn) if drawn is None else drawn,
    )
    train, test = (
        Pool(array if array.ndim == 3 else np.ascontiguousarray(np.moveaxis(array, 3, 1)), classes_of)
        for array, classes_of in pools.values()
    )
    return DataSet(name, train, test, spec)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m digitcmp.datasets ROOT   (MNIST's idx files lie in ROOT/MNIST/raw)")
    try:
        write(PACKAGED, read_relative("MNIST", Path(sys.argv[1]), 14, download=False))
    except (DataError, OSError) as error:
        sys.exit(str(error))
    print(f"wrote {PACKAGED}")
