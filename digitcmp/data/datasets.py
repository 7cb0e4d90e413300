"""Pools of labelled images: MNIST inside the package, torchvision's data sets, files and folders of one's own.

`python -m digitcmp.data.datasets ROOT` builds the packaged file again from MNIST's idx files in a torchvision root.
"""

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from digitcmp.data import npz
from digitcmp.data.conversion import channels_last, class_numbers, gray_values
from digitcmp.data.images import resize
from digitcmp.data.npz import ARRAYS, Arrays
from digitcmp.data.readers import read_digits, read_folder, read_relative, read_torchvision
from digitcmp.data.sources import FILES, READERS, SOURCES, known_names
from digitcmp.data.spec import ImageSpec
from digitcmp.errors import DataError
from digitcmp.files import checksum

PACKAGED = Path(__file__).with_name("mnist14.npz")
ROOMS = [Path(__file__).with_name(f"{room}.py") for room in ("images", "readers")]
CODE = f",{checksum(b''.join(room.read_bytes() for room in ROOMS))}"  # in a cache's name: of what made it


class Pool(NamedTuple):
    """Images (N, H, W), in colour (N, 3, H, W), with gray values 0..255 and their class labels (N,), 0..K-1."""

    images: UInt8[np.ndarray, "n *image"]
    labels: Int[np.ndarray, "n"]


@dataclass(frozen=True)
class DataSet:
    """Images to train on (and to validate), others to test on, and what both are.

    remarks: on what was converted or left out when they were read, a line each.
    """

    name: str
    train: Pool
    test: Pool
    images: ImageSpec
    remarks: tuple[str, ...] = ()


def load(
    name: str,
    root: Path,
    side: int | None = None,
    file: str | None = None,
    cls: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    drawn: bool | None = None,
) -> DataSet:
    """Load a data set.

    Args:
        name: a name of `SOURCES` or `READERS`, or any name with `file` or `cls`.
        root: torchvision's folder. Converted third-party files are kept there too. Missing files are downloaded.
        side: height and width in pixels to which images are averaged or resized; None for 14 for MNIST and its
            relatives, and for the size that they have for others.
        file: a .npz of `ARRAYS`, or a folder with a folder of pictures for each class.
        cls: a class of torchvision.datasets.
        arguments: the arguments of that class or of the reader.
        drawn: as in ImageSpec; None for the value in `SOURCES`.

    Raises:
        DataError: if the data set is missing, damaged or unfit.
        OSError: if a file cannot be read or written.
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
        arrays = from_cache(kept, partial(read_folder, path, side)) if path.is_dir() else npz.read(path)
        name = str(path) if name in FILES else name
    elif name in READERS:
        arrays = read_registered(name, root, side, arguments or {})
    elif name == "mnist" and side == 14:
        arrays = read_own(PACKAGED)
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
        raise DataError(
            f"{name}: there is no such data set; expected {known_names()}, or one of a file or of torchvision. "
            "The reader of a plugin needs --plugins MODULE."
        )
    return converted(name, arrays, side, source.images if source else None, drawn)


def read_registered(name: str, root: Path, side: int | None, arguments: Mapping[str, Any]) -> Arrays:
    """Return the arrays of a plugin's reader. Raises DataError if it fails or returns something else."""
    read = READERS[name].read
    wanted = f"expected a mapping of the arrays {', '.join(ARRAYS)}"
    values = {"root": root, "side": side}
    given = {key: value for key, value in values.items() if key in inspect.signature(read).parameters}
    try:
        returned = read(**given, **arguments)
    except Exception as error:  # whatever somebody else's function raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{name}: its reader failed ({reason}); {wanted}") from error
    if not isinstance(returned, Mapping):
        raise DataError(f"{name}: its reader returned a {type(returned).__name__}; {wanted}")
    if lacking := [key for key in ARRAYS if key not in returned]:
        raise DataError(f"{name}: its reader returned no {', '.join(lacking)}; {wanted}")
    return {key: np.asarray(array) for key, array in returned.items()}


def from_cache(file: Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays in `file`, which is made if it is not there. Raises DataError as `make` does, OSError."""
    if not file.exists():
        npz.write(file, make())
    return read_own(file)


def read_own(file: Path) -> Arrays:
    """Return the arrays of a .npz that this package wrote. Raises DataError for a missing or damaged file, OSError."""
    if not file.exists():
        raise DataError(f"{file} is missing: reinstall the package or build it, python -m digitcmp.data.datasets ROOT")
    try:
        return npz.load(file)
    except Exception as error:  # a damaged zip raises a dozen different errors
        remedy = "delete it, and it is made again if it was made of other files"
        if file == PACKAGED:
            remedy = "build it again: python -m digitcmp.data.datasets ROOT (MNIST's idx files in ROOT/MNIST/raw)"
        raise DataError(f"{file} is damaged ({error}); {remedy}") from error


def converted(name: str, arrays: Arrays, side: int | None, known: ImageSpec | None, drawn: bool | None) -> DataSet:
    """Return arrays as a data set, converted and resized to `side`. Raises DataError if they are unfit."""
    try:
        shaped = channels_last({key: arrays[key] for key in ("train_images", "test_images")})
        gray = gray_values(shaped.arrays)
        images = [resized(array, side) for array in gray.arrays.values()]
        if images[0].shape[1:] != images[1].shape[1:]:
            raise DataError(f"training images of {images[0].shape[1:]}, test images of {images[1].shape[1:]}")
        names = class_names(arrays.get("names")) or (known.names if known else ())
        labels = {key: arrays[key] for key in ("train_labels", "test_labels")}
        classes = class_numbers(labels, dict(zip(labels, map(len, images), strict=True)), names)
    except DataError as error:
        raise DataError(f"{name} is unfit: {error}") from None
    train, test = (
        Pool(array if array.ndim == 3 else np.ascontiguousarray(np.moveaxis(array, 3, 1)), numbers)
        for array, numbers in zip(images, classes.labels.values(), strict=True)
    )
    spec = ImageSpec(
        channels=1 if train.images.ndim == 3 else 3,
        side=train.images.shape[-1],
        names=classes.names or tuple(map(str, range(int(train.labels.max()) + 1))),
        drawn=bool(known and known.drawn) if drawn is None else drawn,
    )
    read = map(str, arrays.get("remarks", ()))
    return DataSet(name, train, test, spec, (*read, *shaped.remarks, *gray.remarks, *classes.remarks))


def resized(images: UInt8[np.ndarray, "n *before"], side: int | None) -> UInt8[np.ndarray, "n *after"]:
    """Return square images, resized if there is a side. Raises DataError for others without a side."""
    if not side and images.shape[1] != images.shape[2]:
        size = "{}x{}".format(*images.shape[1:3])
        raise DataError(f"images of {size} are not square: data.side=N says to what size")
    return resize(images, side or images.shape[1])


def class_names(names: np.ndarray | None) -> tuple[str, ...]:
    """Return the names of classes, () without any. Raises DataError unless they are texts that differ."""
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"names {names.shape} {names.dtype}: a text each is wanted")
    texts = tuple(map(str, names))
    if twice := [text for text in texts if texts.count(text) > 1]:
        raise DataError(f"two classes have the name {twice[0]!r}")
    return texts


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m digitcmp.data.datasets ROOT   (MNIST's idx files lie in ROOT/MNIST/raw)")
    try:
        npz.write(PACKAGED, read_relative("MNIST", Path(sys.argv[1]), 14, download=False))
    except (DataError, OSError) as error:
        sys.exit(str(error))
    print(f"wrote {PACKAGED}")
