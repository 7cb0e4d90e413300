"""Data sets: the packaged MNIST, torchvision's data sets, .npz files, folders of pictures and plugins' readers.

`python -m digitcmp.data.datasets ROOT` builds the packaged file again from MNIST's idx files in ROOT/MNIST/raw.
"""

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from digitcmp.data import npz
from digitcmp.data.conversion import channels_last, class_numbers, gray_values
from digitcmp.data.images import resize
from digitcmp.data.npz import ARRAYS, Arrays
from digitcmp.data.readers import joined, read_digits, read_folder, read_relative, read_torchvision
from digitcmp.data.sources import FILES, READERS, SOURCES, known_names
from digitcmp.data.spec import ImageSpec
from digitcmp.data.tables import read_csv, read_parquet
from digitcmp.errors import DataError
from digitcmp.files import checksum
from digitcmp.seeds import derive

PACKAGED = Path(__file__).with_name("mnist14.npz")
TABLES = {".csv": read_csv, ".parquet": read_parquet}
MODULES = [Path(__file__).with_name(f"{name}.py") for name in ("images", "readers", "tables")]
CODE = f",{checksum(b''.join(file.read_bytes() for file in MODULES))}"  # in a cache's name, so that new code renews it


class Pool(NamedTuple):
    """Images and their classes.

    Attributes:
        images: (N, H, W), or (N, 3, H, W) in colour, gray values 0..255.
        labels: (N,), classes 0..K-1.
    """

    images: UInt8[np.ndarray, "n *image"]
    labels: Int[np.ndarray, "n"]


@dataclass(frozen=True)
class DataSet:
    """A data set.

    Attributes:
        name: its name, or the path of a file without a name.
        train: the images for training and validation pairs.
        test: the images for test pairs.
        images: the specification of both.
        remarks: a line for each conversion or omission.
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
    file: str | Mapping[str, str] | None = None,
    cls: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    drawn: bool | None = None,
    split_seed: int | None = None,
) -> DataSet:
    """Load a data set.

    Args:
        name: a name of `SOURCES` or `READERS`, or any name with `file` or `cls`.
        root: torchvision's folder. It also caches converted third-party files. Missing files are downloaded.
        side: height and width in pixels to which images are averaged or resized. None keeps the size of the files,
            except for MNIST and data sets in its format, where it is 14.
        file: a .npz of `ARRAYS`, a table of `TABLES` or one for each of `train` and `test`, or a folder with a folder
            of pictures for each class.
        cls: a class of torchvision.datasets.
        arguments: the arguments of that class or of the reader.
        drawn: as in ImageSpec; None for the value in `SOURCES`.
        split_seed: divides all images into training and test images, as many as the data set has of each. None keeps
            the data set's split.

    Raises:
        DataError: if the data set is missing, damaged or invalid.
        OSError: if a file cannot be read or written.
    """
    source = SOURCES.get(name)
    if source:
        cls, side = source.cls, side or source.images.side
    if isinstance(file, Mapping) or (file is not None and Path(file).suffix in TABLES):
        cache = root / name / f"{checksum(file)},{side}{CODE}.npz"
        arrays = from_cache(cache, partial(read_tables, file, side))
        name = str(file) if name in FILES else name
    elif file is not None:
        path = Path(file)
        if not path.exists():
            raise DataError(f"{path} does not exist; expected a .npz file or a folder of pictures")
        if path.is_dir() and root.resolve().is_relative_to(path.resolve()):
            raise DataError(
                f"data.root={root} lies in {path}, where every folder is a class; expected a folder outside of it"
            )
        cache = root / name / f"{checksum(path)},{side}{CODE}.npz"
        arrays = from_cache(cache, partial(read_folder, path, side)) if path.is_dir() else npz.read(path)
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
        cache = root / cls / f"pooled{side or ''}{suffix}{CODE}.npz"
        arrays = from_cache(cache, partial(read_torchvision, cls, given, root, side))
    else:
        raise DataError(
            f"data.name={name} is unknown; expected {known_names()}, or another name with data.file or data.cls. "
            "Import a plugin's reader with --plugins MODULE."
        )
    data = converted(name, arrays, side, source.images if source else None, drawn)
    return data if split_seed is None else resplit(data, split_seed)


def read_tables(file: str | Mapping[str, str], side: int | None) -> Arrays:
    """Return the images of a .csv or .parquet file, which are divided by `joined`, or of one for each split.

    Raises:
        DataError: if a file has another form or another suffix.
    """
    files = [file] if isinstance(file, str) else [file["train"], file["test"]]
    if unknown := [path for path in files if Path(path).suffix not in TABLES]:
        raise DataError(f"{unknown[0]} is not a table; expected {', '.join(TABLES)} files")
    parts = [TABLES[Path(path).suffix](Path(path), side) for path in files]
    return joined([(images, labels) for images, labels, _ in parts], parts[0][2])


def resplit(data: DataSet, seed: int) -> DataSet:
    """Return a data set whose images are divided anew into training and test images, as many of each as before."""
    images = np.concatenate([data.train.images, data.test.images])
    labels = np.concatenate([data.train.labels, data.test.labels])
    order = np.random.default_rng(derive(seed, "split")).permutation(len(labels))
    train, test = (Pool(images[rows], labels[rows]) for rows in np.split(order, [len(data.train.labels)]))
    return replace(data, train=train, test=test)


def read_registered(name: str, root: Path, side: int | None, arguments: Mapping[str, Any]) -> Arrays:
    """Return the arrays of a plugin's reader. Raises DataError if it fails or returns something else."""
    read = READERS[name].read
    expected = f"expected a mapping of the arrays {', '.join(ARRAYS)}"
    values = {"root": root, "side": side}
    given = {key: value for key, value in values.items() if key in inspect.signature(read).parameters}
    try:
        returned = read(**given, **arguments)
    except Exception as error:  # a third-party function may raise any error
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{name}: its reader failed ({reason}); {expected}") from error
    if not isinstance(returned, Mapping):
        raise DataError(f"{name}: its reader returned a {type(returned).__name__}; {expected}")
    if missing := [key for key in ARRAYS if key not in returned]:
        raise DataError(f"{name}: its reader returned no {', '.join(missing)}; {expected}")
    return {key: np.asarray(array) for key, array in returned.items()}


def from_cache(file: Path, make: Callable[[], Arrays]) -> Arrays:
    """Return the arrays in `file`, which is written first if it does not exist.

    Raises:
        DataError: if `make` fails or the file is damaged.
        OSError: if the file cannot be read or written.
    """
    if not file.exists():
        npz.write(file, make())
    return read_own(file)


def read_own(file: Path) -> Arrays:
    """Return the arrays of a .npz that this package wrote. Raises DataError if it is missing or damaged, OSError."""
    build = "python -m digitcmp.data.datasets ROOT (MNIST's idx files in ROOT/MNIST/raw)"
    if not file.exists():
        raise DataError(
            f"{file} is missing; expected a file of the package. Reinstall the package, or build the file with {build}."
        )
    try:
        return npz.load(file)
    except Exception as error:  # a damaged zip raises a dozen different errors
        remedy = "Delete it. The next run makes it again from the original files."
        if file == PACKAGED:
            remedy = f"Build it again with {build}."
        raise DataError(f"{file} is damaged ({error}); expected a .npz of NumPy arrays. {remedy}") from error


def converted(name: str, arrays: Arrays, side: int | None, known: ImageSpec | None, drawn: bool | None) -> DataSet:
    """Return arrays as a data set, converted and resized to `side`.

    Args:
        name: the name of the data set, for messages.
        arrays: `ARRAYS`, and `names` and `remarks` if the reader has them.
        side: the height and width in pixels; None keeps those of the images, which must be square.
        known: the specification in `SOURCES`, or None.
        drawn: as in ImageSpec; None for the value in `known`.

    Raises:
        DataError: if the arrays are invalid.
    """
    try:
        shaped = channels_last({key: arrays[key] for key in ("train_images", "test_images")})
        gray = gray_values(shaped.arrays)
        images = [resized(array, side) for array in gray.arrays.values()]
        if images[0].shape[1:] != images[1].shape[1:]:
            raise DataError(
                f"training images have the size {images[0].shape[1:]}, test images {images[1].shape[1:]}; "
                "expected the same size"
            )
        names = class_names(arrays.get("names")) or (known.names if known else ())
        labels = {key: arrays[key] for key in ("train_labels", "test_labels")}
        classes = class_numbers(labels, dict(zip(labels, map(len, images), strict=True)), names)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
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
    reading = map(str, arrays.get("remarks", ()))
    return DataSet(name, train, test, spec, (*reading, *shaped.remarks, *gray.remarks, *classes.remarks))


def resized(images: UInt8[np.ndarray, "n *before"], side: int | None) -> UInt8[np.ndarray, "n *after"]:
    """Return images resized to `side`, or unchanged without one. Raises DataError if the result is not square."""
    if not side and images.shape[1] != images.shape[2]:
        size = "{}x{}".format(*images.shape[1:3])
        raise DataError(f"images of {size} are not square; expected square images. Set data.side=N to resize them.")
    return resize(images, side or images.shape[1])


def class_names(names: np.ndarray | None) -> tuple[str, ...]:
    """Return the names of the classes, or an empty tuple. Raises DataError unless they are unique strings."""
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(
            f"names has the shape {names.shape} and the type {names.dtype}; expected a string for each class"
        )
    strings = tuple(map(str, names))
    if repeated := [name for name in strings if strings.count(name) > 1]:
        raise DataError(f"two classes have the name {repeated[0]!r}; expected unique names")
    return strings


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m digitcmp.data.datasets ROOT   (MNIST's idx files in ROOT/MNIST/raw)")
    try:
        npz.write(PACKAGED, read_relative("MNIST", Path(sys.argv[1]), 14, download=False))
    except (DataError, OSError) as error:
        sys.exit(str(error))
    print(f"wrote {PACKAGED}")
