"""Data sets: the packaged MNIST, torchvision's data sets, third-party files and plugins' readers."""

import inspect
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from digitcmp.data import readers
from digitcmp.data.conversion import Raw, convert
from digitcmp.data.sources import DRAWN, GIVEN, READERS, SOURCES, known_names
from digitcmp.data.spec import ImageSpec
from digitcmp.errors import DataError, ImageError
from digitcmp.files import checksum
from digitcmp.seeds import derive

PACKAGED = Path(__file__).with_name("mnist14.npz")  # MNIST averaged 2x2, as a test builds it
OPTIONS = ("name", "root", "side", "file", "cls", "arguments", "drawn")  # of the group `data`, arguments of `load`


class Pool(NamedTuple):
    """Images and their classes.

    Attributes:
        images: (N, H, W), or (N, 3, H, W) in colour, gray values 0..255.
        labels: (N,), classes 0..K-1.
    """

    images: UInt8[np.ndarray, "n *image"]
    labels: Int[np.ndarray, "n"]


class DataSet(NamedTuple):
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
    remarks: tuple[str, ...]


def load(
    name: str,
    root: str | Path = "data",
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
        drawn: as in ImageSpec; None: whether the data set is one of `DRAWN`.
        split_seed: divides all images into training and test images, as many as the data set has of each. None keeps
            the data set's split.

    Raises:
        DataError: if the data set is missing, damaged or invalid.
        OSError: if a file cannot be read.
    """
    cls = SOURCES.get(name, cls)
    side = side or (14 if (cls or "").endswith("MNIST") else None)
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
    train, test = (Pool(*part) for part in zip(raw.images, raw.labels, strict=True))
    if split_seed is not None:
        images, labels = (np.concatenate(arrays) for arrays in (raw.images, raw.labels))
        order = np.random.default_rng(derive(split_seed, "split")).permutation(len(labels))
        train, test = (Pool(images[rows], labels[rows]) for rows in np.split(order, [len(train.labels)]))
    channels, side = 1 if train.images.ndim == 3 else 3, train.images.shape[-1]
    spec = ImageSpec(channels, side, tuple(map(str, raw.names)), name in DRAWN if drawn is None else drawn)
    return DataSet(title, train, test, spec, tuple(raw.remarks))


@lru_cache(maxsize=4)
def converted(source: str, crc: str | None) -> Raw:
    """Return the images and classes of a data set, coloured images as (N, 3, H, W).

    Args:
        source: name, root, side, file, cls and arguments of `load` as JSON.
        crc: the checksum of the file. A changed file is read again.
    """
    name, root, side, file, cls, arguments = json.loads(source)
    if name in READERS:
        given = {"root": Path(root), "side": side}
        own = {key: given[key] for key in GIVEN if key in inspect.signature(READERS[name]).parameters}
        raw = readers.from_arrays(READERS[name](**own, **arguments))
    elif name == "mnist" and side == 14:
        raw = readers.read_npz(PACKAGED)
    elif name == "digits":
        raw = readers.read_digits()
    elif file is not None:
        raw = readers.read_files(file, side)
    elif cls is not None:
        raw = readers.read_torchvision(cls, arguments, Path(root), side)
    else:
        expected = f"{known_names()}, or another name with data.file or data.cls"
        raise DataError(f"the name is unknown; expected {expected}. Import a plugin's reader with --plugins MODULE.")
    raw = convert(raw, side)
    return raw._replace(images=[np.ascontiguousarray(np.moveaxis(x, 3, 1)) if x.ndim == 4 else x for x in raw.images])
