"""Data sets: the packaged MNIST, torchvision's data sets, third-party files and plugins' readers."""

import inspect
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from digitcmp.data.conversion import Raw, convert
from digitcmp.data.readers import ARRAYS, from_arrays, read_digits, read_files, read_npz, read_torchvision
from digitcmp.data.sources import READERS, SOURCES, known_names
from digitcmp.data.spec import ImageSpec
from digitcmp.errors import DataError, ImageError
from digitcmp.files import atomic_write, checksum
from digitcmp.seeds import derive

PACKAGED = Path(__file__).with_name("mnist14.npz")  # MNIST averaged 2x2, as a test builds it
CODE = [checksum(Path(__file__).with_name(f"{name}.py")) for name in ("conversion", "images", "readers")]


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
    """Load a data set.

    Args:
        name: a name of `SOURCES` or `READERS`, or any name with `file` or `cls`.
        root: torchvision's folder. It also caches converted third-party files. Missing files are downloaded.
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
        OSError: if a file cannot be read or written.
    """
    known = SOURCES.get(name)
    cls = known.cls if known else cls
    side = side or (known.images.side if known else 14 if (cls or "").endswith("MNIST") else None)
    title = name if file is None else file if isinstance(file, str) else " and ".join(file.values())
    packaged = name == "mnist" and side == 14
    downloaded = cls and file is None and not packaged
    if isinstance(file, str) and root.resolve().is_relative_to(Path(file).resolve()):
        raise DataError(f"data.root={root} lies in {file}, where folders are classes; expected a folder outside of it")

    def read() -> Raw:
        if name in READERS:
            return read_registered(name, root, side, arguments or {})
        if packaged:
            return read_npz(PACKAGED)
        if name == "digits":
            return read_digits()
        if file is not None:
            return read_files(file, side)
        if cls is not None:
            return read_torchvision(cls, arguments or {}, root, side)
        known_ones = f"{known_names()}, or another name with data.file or data.cls"
        raise DataError(f"the name is unknown; expected {known_ones}. Import a plugin's reader with --plugins MODULE.")

    def make() -> Raw:
        try:
            raw = read()
            return convert(raw._replace(names=known.images.names) if known else raw, side)
        except (DataError, ImageError) as error:
            raise DataError(f"{title}: {error}") from None
        except ModuleNotFoundError as error:
            package = str(error.name).split(".")[0].replace("sklearn", "scikit-learn")
            raise DataError(f"{title} needs {package}, which is missing. Run pip install {package}.") from None
        except Exception as error:  # readers of third parties raise any error
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            expected = f"its files in {root}" if downloaded else "a form that docs/data.md lists"
            raise DataError(f"{title} cannot be read ({reason}); expected {expected}") from error

    fast = name in READERS or name == "digits" or packaged or str(file).endswith(".npz")
    identity = [cls, dict(arguments or {}), side, None if file is None or fast else checksum(file), CODE]
    key = checksum(json.dumps(identity, sort_keys=True).encode())
    raw = make() if fast else cached(root / "cache" / f"{name},{key}.npz", make)
    train, test = (Pool(np.ascontiguousarray(np.moveaxis(x, 3, 1)) if x.ndim == 4 else x, y) for x, y in raw.parts)
    spec = ImageSpec(
        channels=1 if train.images.ndim == 3 else 3,
        side=train.images.shape[-1],
        names=tuple(map(str, raw.names)),
        drawn=bool(known and known.images.drawn) if drawn is None else drawn,
    )
    data = DataSet(title, train, test, spec, tuple(raw.remarks))
    return data if split_seed is None else resplit(data, split_seed)


def cached(file: Path, make: Callable[[], Raw]) -> Raw:
    """Return the arrays in a .npz. If it is missing or damaged, write what `make` returns."""
    with suppress(Exception):  # a damaged zip raises a dozen different errors
        return read_npz(file)
    made = make()
    file.parent.mkdir(parents=True, exist_ok=True)
    values = [array for part in made.parts for array in part]
    with atomic_write(file) as partial, partial.open("wb") as stream:
        arrays = dict(zip(ARRAYS, values, strict=True))
        np.savez(stream, **arrays, names=made.names, remarks=np.array(made.remarks, str))
    return made


def resplit(data: DataSet, seed: int) -> DataSet:
    """Return a data set whose images are divided anew into training and test images, as many of each as before."""
    images = np.concatenate([data.train.images, data.test.images])
    labels = np.concatenate([data.train.labels, data.test.labels])
    order = np.random.default_rng(derive(seed, "split")).permutation(len(labels))
    train, test = (Pool(images[rows], labels[rows]) for rows in np.split(order, [len(data.train.labels)]))
    return replace(data, train=train, test=test)


def read_registered(name: str, root: Path, side: int | None, arguments: Mapping[str, Any]) -> Raw:
    """Return the arrays of a plugin's reader."""
    read = READERS[name].read
    parameters = inspect.signature(read).parameters
    given = {key: value for key, value in {"root": root, "side": side}.items() if key in parameters}
    return from_arrays(read(**given, **arguments))
