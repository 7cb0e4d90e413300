"""Data sets: the packaged MNIST, torchvision's data sets, third-party files and plugins' readers."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from digitcmp.data.conversion import Raw, convert
from digitcmp.data.readers import from_arrays, read_digits, read_files, read_npz, read_torchvision
from digitcmp.data.sources import READERS, SOURCES, known_names
from digitcmp.data.spec import ImageSpec
from digitcmp.errors import DataError, ImageError
from digitcmp.files import checksum
from digitcmp.seeds import derive

PACKAGED = Path(__file__).with_name("mnist14.npz")  # MNIST averaged 2x2, as a test builds it


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
        name: its name, or the path of a file.
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
    """Load a data set. A process reads it once, unless its file changes or a plugin reads it.

    Args:
        name: a name of `SOURCES` or `READERS`, or any name with `file` or `cls`.
        root: torchvision's folder. Missing files are downloaded.
        side: height and width in pixels to which images are averaged or resized. None keeps the size of the files,
            except for MNIST and data sets in its format, where it is 14.
        file: a file or a folder that `readers.read_files` reads, or two by `train` and `test`.
        cls: a class of torchvision.datasets.
        arguments: the arguments of that class or of the reader.
        drawn: as in ImageSpec; None for the value in `SOURCES`.
        split_seed: divides all images into training and test images, as many as the data set has of each. None keeps
            the data set's split.

    Raises:
        DataError: if the data set is missing, damaged or invalid.
        OSError: if a file cannot be read.
    """
    known = SOURCES.get(name)
    cls = known.cls if known else cls
    side = side or (known.images.side if known else 14 if (cls or "").endswith("MNIST") else None)
    title = name if file is None else file if isinstance(file, str) else " and ".join(file.values())
    source = json.dumps([name, str(root), side, file, cls, dict(arguments or {})])
    read = converted.__wrapped__ if name in READERS else converted  # a plugin's reader may read any file
    try:
        raw = read(source, None if file is None else checksum(file))
    except (DataError, ImageError) as error:
        raise DataError(f"{title}: {error}") from None
    except ModuleNotFoundError as error:
        package = str(error.name).split(".")[0].replace("sklearn", "scikit-learn")
        raise DataError(f"{title} needs {package}, which is missing. Run pip install {package}.") from None
    except Exception as error:  # damaged files and readers of third parties raise any error
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        expected = f"its files in {root}" if cls else "a form that docs/data.md lists"
        raise DataError(f"{title} cannot be read ({reason}); expected {expected}") from error
    train, test = (Pool(*part) for part in raw.parts)
    spec = ImageSpec(
        channels=1 if train.images.ndim == 3 else 3,
        side=train.images.shape[-1],
        names=tuple(map(str, raw.names)),
        drawn=bool(known and known.images.drawn) if drawn is None else drawn,
    )
    data = DataSet(title, train, test, spec, tuple(raw.remarks))
    return data if split_seed is None else resplit(data, split_seed)


@lru_cache(maxsize=4)
def converted(source: str, crc: str | None) -> Raw:
    """Return the images and classes of a data set, coloured images as (N, 3, H, W).

    Args:
        source: name, root, side, file, cls and arguments of `load` as JSON.
        crc: the checksum of the file. A changed file is read again.
    """
    name, root, side, file, cls, arguments = json.loads(source)
    if name in READERS:
        raw = read_registered(name, Path(root), side, arguments)
    elif name == "mnist" and side == 14:
        raw = read_npz(PACKAGED)
    elif name == "digits":
        raw = read_digits()
    elif file is not None:
        raw = read_files(file, side)
    elif cls is not None:
        raw = read_torchvision(cls, arguments, Path(root), side)
    else:
        expected = f"{known_names()}, or another name with data.file or data.cls"
        raise DataError(f"the name is unknown; expected {expected}. Import a plugin's reader with --plugins MODULE.")
    raw = convert(raw._replace(names=SOURCES[name].images.names) if name in SOURCES else raw, side)
    parts = [(np.ascontiguousarray(np.moveaxis(x, 3, 1)) if x.ndim == 4 else x, labels) for x, labels in raw.parts]
    return raw._replace(parts=parts)


def read_registered(name: str, root: Path, side: int | None, arguments: Mapping[str, Any]) -> Raw:
    """Return the arrays of a plugin's reader."""
    read = READERS[name].read
    parameters = inspect.signature(read).parameters
    given = {key: value for key, value in {"root": root, "side": side}.items() if key in parameters}
    return from_arrays(read(**given, **arguments))


def resplit(data: DataSet, seed: int) -> DataSet:
    """Return a data set whose images are divided anew into training and test images, as many of each as before."""
    images = np.concatenate([data.train.images, data.test.images])
    labels = np.concatenate([data.train.labels, data.test.labels])
    order = np.random.default_rng(derive(seed, "split")).permutation(len(labels))
    train, test = (Pool(images[rows], labels[rows]) for rows in np.split(order, [len(data.train.labels)]))
    return replace(data, train=train, test=test)
