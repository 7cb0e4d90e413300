"""Readers of third-party data sets: MNIST's files, torchvision, scikit-learn, and folders of pictures."""

import gzip
import inspect
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from digitcmp.data.images import GRAY, depth, depth_remark, pixels, read_pixels, resize, stacked, survey
from digitcmp.data.npz import ARRAYS, Arrays
from digitcmp.errors import DataError, ImageError

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
TEST_SHARE = 3  # a data set without test images is split: the last third of every class becomes test images


def read_relative(cls: str, root: Path, side: int, download: bool = True) -> Arrays:
    """Return MNIST, or a data set with files of the same names, from ROOT/CLS/raw.

    Args:
        cls: the class of torchvision.datasets: MNIST, FashionMNIST or KMNIST.
        root: torchvision's folder. The files are plain or .gz.
        side: the height and width in pixels to which images are averaged.
        download: download the data set if a file is missing.

    Raises:
        DataError: if files are missing and cannot be downloaded, or are damaged.
    """
    raw = root / cls / "raw"
    if all(idx_file(raw, name) for name in IDX):
        return read_idx(raw, side)
    expected = f"expected {', '.join(IDX)}, plain or .gz"
    if not download:
        raise DataError(f"{raw} does not contain {cls}; {expected}")
    from torchvision import datasets

    with TemporaryDirectory() as elsewhere:  # a partial download must not look like a complete one later
        try:
            getattr(datasets, cls)(elsewhere, download=True)
        except Exception as error:  # a failed download raises RuntimeError, URLError, OSError and others
            raise DataError(f"{raw} does not contain {cls}, and the download failed ({error}); {expected}") from error
        return read_idx(Path(elsewhere) / cls / "raw", side)


def idx_file(folder: Path, name: str) -> Path | None:
    """Return the file of this name, plain or .gz, in a folder or in its folder `gzip` (EMNIST's archive); else None."""
    files = (folder / name, folder / f"{name}.gz", folder / "gzip" / f"{name}.gz")
    return next((file for file in files if file.exists()), None)


def read_idx(folder: Path, side: int, names: Sequence[str] = IDX) -> Arrays:
    """Return four files of MNIST's idx format as arrays.

    Args:
        folder: the folder of the files.
        side: the height and width in pixels to which images are averaged.
        names: the names of the files without .gz, in the order of ARRAYS.

    Raises:
        DataError: if a file is missing or damaged.
    """
    arrays = []
    for name in names:
        file = idx_file(folder, name) or folder / name
        try:
            data = file.read_bytes() if file.suffix != ".gz" else gzip.decompress(file.read_bytes())
            dimensions = data[3]
            shape = np.frombuffer(data, ">i4", dimensions, offset=4)
            array = np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
            arrays.append(resize(array, side) if dimensions == 3 else array)
        except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
            raise DataError(f"{file} is damaged ({error}); expected a file in MNIST's idx format") from error
    return dict(zip(ARRAYS, arrays, strict=True))


def read_emnist(split: str, raw: Path, side: int) -> Arrays:
    """Return a split of EMNIST from its files in a folder.

    The arrays are those of `read_torchvision`, which is slower.

    Raises:
        DataError: if a file is damaged.
    """
    from torchvision.datasets import EMNIST

    arrays = dict(read_idx(raw, side, emnist_files(split)))
    names = EMNIST.classes_split_dict[split]
    first = int(min(arrays[key].min() for key in ("train_labels", "test_labels")))  # letters are 1 to 26; 0 is N/A
    for key, array in arrays.items():  # the images in the files are transposed
        arrays[key] = array.swapaxes(1, 2) if array.ndim == 3 else array - first
    return arrays | {"names": np.array(names[first:])}


def emnist_files(split: str) -> list[str]:
    """Return the names of the files of a split of EMNIST, in the order of ARRAYS."""
    parts = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")
    return [f"emnist-{split}-{part}-ubyte" for part in parts]


def read_digits() -> Arrays:
    """Return scikit-learn's 1,797 scanned digits of 8x8, scaled from 0..16 to 0..255.

    Raises:
        DataError: if scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DataError("data=digits needs scikit-learn, which is missing. Run pip install scikit-learn.") from None
    scans = load_digits()
    return joined([(np.rint(scans.images * (255 / 16)).astype(np.uint8), scans.target)])


def read_torchvision(cls: str, arguments: Mapping[str, Any], root: Path, side: int | None) -> Arrays:
    """Return a data set of torchvision whose items are a picture and a class.

    A data set without test images is split by `joined`.

    Args:
        cls: the name of a class of torchvision.datasets.
        arguments: the keyword arguments of the class.
        root: torchvision's folder. Missing files are downloaded if the class supports it.
        side: the height and width in pixels to which images are resized. None stands for 14 for MNIST and classes
            derived from it; for other classes it keeps the size of the files.

    Raises:
        DataError: if the class is unknown, its files are missing or its items are something else.
    """
    from torchvision import datasets

    dataset_class = getattr(datasets, cls, None)
    if not (isinstance(dataset_class, type) and issubclass(dataset_class, datasets.VisionDataset)):
        raise DataError(f"data.cls={cls} is unknown; expected a class of torchvision.datasets")
    expected = f"expected its files in {root}"
    if dataset_class is datasets.EMNIST and arguments.keys() == {"split"}:
        raw, files = root / cls / "raw", emnist_files(str(arguments["split"]))
        if all(idx_file(raw, name) for name in files):
            return read_emnist(str(arguments["split"]), raw, side or 14)
        expected = f"expected {', '.join(files)}, plain or .gz, in {raw}"
    accepted = parameters(dataset_class)
    given = {"root": str(root)} | {"download": True} | dict(arguments)
    given = {key: value for key, value in given.items() if key in accepted | arguments.keys()}
    parts: list[dict[str, Any]] = [{}]
    if "train" in accepted - arguments.keys():
        parts = [{"train": True}, {"train": False}]
    elif "split" in accepted - arguments.keys():
        parts = [{"split": "train"}, {"split": "test"}]
    if issubclass(dataset_class, datasets.MNIST):
        side = side or 14
    arrays = []
    for part in parts:
        try:
            dataset = dataset_class(**given, **part)
            pictures, labels = zip(*(dataset[i] for i in range(len(dataset))), strict=True)
        except Exception as error:  # invalid arguments, missing files and failed downloads raise many errors
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            if isinstance(error, OSError):  # no network, or the downloaded file is another one
                reason = f"no files, and the download failed ({reason}); {expected}"
            raise DataError(f"torchvision's {cls}: {reason}") from error
        if not all(isinstance(picture, Image.Image) for picture in pictures):
            raise DataError(f"torchvision's {cls} has {type(pictures[0]).__name__} for images; expected pictures")
        if not all(isinstance(label, int | np.integer) for label in labels):
            raise DataError(f"torchvision's {cls} has {type(labels[0]).__name__} for labels; expected whole numbers")
        gray = all(getattr(picture, "mode", None) in GRAY for picture in pictures)
        images = stacked(f"torchvision's {cls}", (pixels(picture, gray) for picture in pictures), side)
        # the images in EMNIST's files are transposed
        arrays.append((images.swapaxes(1, 2) if cls == "EMNIST" else images, np.array(labels)))
    names = [name if isinstance(name, str) else name[0] for name in getattr(dataset, "classes", ())]
    first = min(classes.min() for _, classes in arrays)  # EMNIST's letters are 1 to 26; its name of 0 is N/A
    return joined([(images, classes - first) for images, classes in arrays], names[first:])


def parameters(cls: type) -> set[str]:
    """Return the names of a constructor's parameters, with those that **kwargs pass to the base classes."""
    names: set[str] = set()
    for base in cls.__mro__:
        own = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        names |= {parameter.name for parameter in own}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own):
            break
    return names


def read_folder(folder: Path, side: int | None) -> Arrays:
    """Return the pictures in a folder with a folder for each class.

    The names of the folders are the names of the classes, sorted by value if all are numbers, else alphabetically.
    16-bit pictures are all divided by the same number, so that the highest value of all fits into 8 bits.

    Args:
        folder: a folder with the folders `train` and `test`, each with a folder for each class; or a folder with a
            folder for each class, which `joined` splits.
        side: the height and width in pixels to which pictures are resized; None keeps their size.

    Raises:
        DataError: if a picture cannot be read, a class has no pictures, or sizes differ without `side`.
    """
    parts = [folder / "train", folder / "test"]
    if not all(part.is_dir() for part in parts):
        parts = [folder]
    names = sorted(part.name for part in parts[0].iterdir() if part.is_dir() and not part.name.startswith("."))
    if all(re.fullmatch(r"[+-]?\d+(\.\d+)?", name) for name in names):
        names.sort(key=float)
    if not names:
        raise DataError(f"{parts[0]} contains no folders; expected a folder of pictures for each class")
    pictures: list[tuple[list[Path], list[int]]] = []
    for part in parts:
        files, labels = [], []
        for label, name in enumerate(names):
            inside = sorted(file for file in (part / name).glob("*") if not file.name.startswith("."))
            if not inside:
                least = 1 if parts[1:] else TEST_SHARE
                raise DataError(f"{part / name} contains no picture; expected at least {least} for each class")
            files += inside
            labels += [label] * len(inside)
        folders = {entry.name for entry in part.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
        if unknown := folders - set(names):
            raise DataError(f"{part / min(unknown)} is not a class of {parts[0]}; expected {', '.join(names)}")
        pictures.append((files, labels))
    arrays = []
    try:
        surveys = [survey(file) for files, _ in pictures for file in files]
        gray = all(picture.gray for picture in surveys)
        highest = [picture.highest for picture in surveys if picture.highest is not None]
        bits = depth(max(highest, default=0))
        for files, labels in pictures:
            images = stacked(str(folder), (read_pixels(file, gray, bits) for file in files), side)
            arrays.append((images, np.array(labels)))
    except ImageError as error:
        raise DataError(str(error)) from None
    remarks = [depth_remark(bits)] if bits < 16 else []
    if dark := [value for value in highest if value < 4096 and bits == 16]:
        remarks.append(f"{len(dark)} of {len(highest)} 16-bit pictures are dark: no value above {max(dark)}")
    return {**joined(arrays, names), "remarks": np.array(remarks, dtype=str)}


def joined(parts: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str] = ()) -> Arrays:
    """Return ARRAYS from images and labels, and `names` if given.

    A single part is split: the last third of every class becomes test images. The split is by position because
    neighbours are often by the same writer, and because all runs must have the same test images.

    Args:
        parts: images and labels for training and for test, or one part with all of them.
        names: the names of the classes.
    """
    if len(parts) == 1:
        [(images, labels)] = parts
        test = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            test[rows[len(rows) - len(rows) // TEST_SHARE :]] = True
        parts = [(images[~test], labels[~test]), (images[test], labels[test])]
    arrays = dict(zip(ARRAYS, (*parts[0], *parts[1]), strict=True))
    return arrays | ({"names": np.array(names)} if names else {})
