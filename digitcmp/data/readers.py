"""Readers of third-party data: .npz, .csv and .parquet files, folders of pictures, torchvision and scikit-learn.

They raise DataError or ImageError for data of another form, and the errors of the libraries for damaged files.
"""

import inspect
import io
import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.lib.npyio import NpzFile
from PIL import Image

from digitcmp.data.conversion import Raw, listed
from digitcmp.data.images import has_16_bits, opened, pixels, resize
from digitcmp.errors import DataError
from digitcmp.files import hidden

NAMINGS = (  # names of arrays, in order of preference
    ("train_images", "train_labels", "test_images", "test_labels"),  # MedMNIST's too
    ("x_train", "y_train", "x_test", "y_test"),  # Keras
    ("X_train", "y_train", "X_test", "y_test"),  # scikit-learn
    ("images", "labels"),
    ("x", "y"),
    ("X", "y"),
    ("data", "target"),  # scikit-learn's data sets
)
LABELS = ("label", "class")  # columns of a table

REMARKS: dict[str, Callable[[Image.Image], bool]] = {  # on pictures of a kind
    "have 16 bits and are divided by 257": has_16_bits,
    "are in CMYK and converted to RGB": lambda image: image.mode == "CMYK",
    "have transparent parts, filled with black or white": lambda image: image.has_transparency_data,
}

Picture = tuple[str, Any, Any]  # its name in messages, what `images.opened` opens, and its label


def read_files(file: str | Mapping[str, str], side: int | None) -> Raw:
    """Return the images in a file or a folder, or in one for `train` and one for `test`.

    Args:
        file: a .npz, .csv or .parquet or a folder, or a mapping of `train` and `test` to two of them.
        side: the height and width in pixels to which pictures are resized; None keeps their size.
    """
    if isinstance(file, Mapping):
        train, test = (read_files(file[split], side) for split in ("train", "test"))
        if len(train.images) + len(test.images) > 2 or list(train.names) != list(test.names):
            raise DataError("training and test images are expected, one set in each, with the same names of classes")
        images, labels = [*train.images, *test.images], [*train.labels, *test.labels]
        return Raw(images, labels, train.names, [*train.remarks, *test.remarks])
    path = Path(file)
    if path.is_dir():
        return read_folder(path, side)
    match path.suffix.lower():
        case ".npz":
            return read_npz(path)
        case ".csv":
            return read_csv(path)
        case ".parquet":
            return read_parquet(path, side)
    raise DataError("the suffix is unknown; expected .npz, .csv, .parquet, or a folder of pictures")


def read_npz(file: Path) -> Raw:
    """Return the arrays of a .npz."""
    with file.open("rb") as stream:
        return from_arrays(NpzFile(stream))  # np.load would suggest to unpickle another file


def from_arrays(arrays: Mapping[str, Any]) -> Raw:
    """Return the arrays with the first names of `NAMINGS` that are complete, and `names`."""
    naming = next((naming for naming in NAMINGS if {*naming} <= {*arrays}), None)
    if naming is None:
        accepted = " or ".join(", ".join(NAMINGS[i]) for i in (0, 3))
        raise DataError(f"it contains {listed(arrays) or 'no arrays'}; expected {accepted}")
    values = [arrays[key] for key in naming]
    names = list(arrays["names"]) if "names" in arrays else []
    ignored = [key for key in arrays if key not in (*naming, "names")]
    return Raw(values[::2], values[1::2], names, not_read(ignored))


def not_read(names: list[str]) -> list[str]:
    """Return a remark on arrays, files or folders with these names, if any."""
    return [f"{listed(names)} not read"] if names else []


def read_csv(file: Path) -> Raw:
    """Return the gray images of a CSV file: a column of `LABELS`, and a numbered column for each pixel, row by row."""
    import pandas

    with warnings.catch_warnings(action="error"):  # of rows that are longer than the header
        table = pandas.read_csv(file, index_col=False, low_memory=False)
    labels = pop_labels(table)
    names = [*table]
    numbers = [[int(number) for number in re.findall(r"\d+", name)] for name in names]
    if len({re.sub(r"\d+", "#", name) for name in names}) != 1 or [] in numbers or sorted(numbers) != numbers:
        raise DataError(f"the columns are {listed(names)}; expected pixel0, pixel1, ... in this order, and no others")
    return Raw([table.to_numpy()], [labels])


def read_parquet(file: Path, side: int | None) -> Raw:
    """Return the pictures of a Parquet file: a column `image` with their bytes, and a column of `LABELS`.

    The names of the classes are those in the metadata of Hugging Face.
    """
    from pyarrow import parquet

    arrow = parquet.read_table(file)
    table = arrow.to_pandas()
    labels = pop_labels(table)
    cells: list[Any] = [cell.get("bytes") if isinstance(cell, dict) else cell for cell in table.get("image", ())]
    if not cells or not all(isinstance(cell, bytes) for cell in cells):
        raise DataError(f"the columns are {listed([*table])}; expected the bytes of a picture in every row of image")
    rows = enumerate(zip(cells, labels, strict=True))
    raw = read_pictures([[(f"row {row}", io.BytesIO(cell), label) for row, (cell, label) in rows]], side)
    features = json.loads((arrow.schema.metadata or {}).get(b"huggingface", "{}")).get("info", {}).get("features", {})
    [names] = [features.get(name, {}).get("names", ()) for name in arrow.column_names if name not in table]
    return raw._replace(names=names)


def pop_labels(table: Any) -> np.ndarray:
    """Remove the only column of `LABELS` from a DataFrame and return its values."""
    label_columns = [name for name in table if name.lower() in LABELS]
    if len(label_columns) != 1:
        raise DataError(f"the columns are {listed([*table])}; expected exactly one of {', '.join(LABELS)}")
    labels = table.pop(label_columns[0])
    if labels.isna().any():
        raise DataError(f"row {labels.isna().argmax()} has no {label_columns[0]}; expected one in every row")
    return np.array(labels.tolist())


def read_folder(folder: Path, side: int | None) -> Raw:
    """Return the pictures in a folder with a folder for each class, or in `train` and `test` with such folders each.

    The label of a picture is the name of its folder. Hidden files are ignored.
    """
    parts = [folder / "train", folder / "test"]
    if not all(part.is_dir() for part in parts):
        parts = [folder]
    files = [visible(part, "*/*") for part in parts]
    if not all(files):
        raise DataError(f"{parts[files.index([])]} is empty; expected a folder for each class, with pictures")
    raw = read_pictures([[(str(file), file, file.parent.name) for file in own] for own in files], side)
    read = {*parts, *(file.parent for own in files for file in own)}
    unread = sorted(entry.name for top in {folder, *parts} for entry in visible(top, "*") if entry not in read)
    return raw._replace(remarks=[*raw.remarks, *not_read(unread)])


def visible(folder: Path, pattern: str) -> list[Path]:
    """Return the sorted paths in a folder that fit a pattern, without the hidden ones."""
    return sorted(path for path in folder.glob(pattern) if not hidden(path.relative_to(folder)))


def read_torchvision(cls: str, arguments: Mapping[str, Any], root: Path, side: int | None) -> Raw:
    """Return a data set of torchvision with arrays, as MNIST, or whose items are a picture and a class.

    Args:
        cls: the name of a class of torchvision.datasets.
        arguments: the keyword arguments of the class.
        root: torchvision's folder. Missing files are downloaded.
        side: as in `read_files`.
    """
    from torchvision import datasets

    kind = getattr(datasets, cls, None)
    if not inspect.isclass(kind):
        raise DataError(f"data.cls={cls} is unknown; expected a class of torchvision.datasets")
    constructors = [vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base)]
    accepted = {name for own in constructors for name in inspect.signature(own).parameters} - {*arguments}
    given = {"root": str(root)} | ({"download": True} if "download" in accepted else {}) | dict(arguments)
    splits: list[dict[str, Any]] = [{}]
    if "train" in accepted:
        splits = [{"train": True}, {"train": False}]
    elif "split" in accepted:
        splits = [{"split": "train"}, {"split": "test"}]
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{cls}.lock"):  # two workers of a sweep download once
        sets: list[Any] = [kind(**given, **split) for split in splits]
    images = [np.asarray(getattr(own, "data", ())) for own in sets]
    labels = [np.asarray(getattr(own, "targets", getattr(own, "labels", ()))) for own in sets]
    if all(x.ndim > 2 and y.ndim == 1 for x, y in zip(images, labels, strict=True)):  # 50 times faster
        raw = Raw(images, labels)
    else:
        raw = read_pictures([[(f"item {i}", *own[i]) for i in range(len(own))] for own in sets], side)
    if cls == "EMNIST":  # the pictures in its files are transposed
        raw = raw._replace(images=[array.swapaxes(1, 2) for array in raw.images])
    if cls == "MNIST":  # its names are '0 - zero'
        return raw
    first = int(raw.labels[0].min())  # EMNIST's letters are 1 to 26; its name of 0 is N/A
    return raw._replace(names=list(getattr(sets[0], "classes", ()))[first:])


def read_digits() -> Raw:
    """Return scikit-learn's 1,797 scanned digits of 8x8, scaled from 0..16 to 0..255."""
    from sklearn.datasets import load_digits

    scans = load_digits()
    return Raw([np.rint(scans.images * (255 / 16))], [scans.target])


def read_pictures(parts: Sequence[Sequence[Picture]], side: int | None) -> Raw:
    """Return training and test pictures, or all of them, as arrays: gray if none has a colour.

    Args:
        parts: the pictures with their names and labels.
        side: the height and width in pixels to which pictures are resized; None keeps their size.
    """
    images: list[np.ndarray] = []
    remarks: Counter[str] = Counter()
    for name, file, _ in (picture for part in parts for picture in part):
        with opened(file, name) as image:
            remarks.update(remark for remark, applies in REMARKS.items() if applies(image))
            picture = pixels(image)
        images.append(resize(picture[None], side)[0] if side else picture)
        if images[-1].shape[:2] != images[0].shape[:2]:
            sizes = f"{images[-1].shape[:2]}, others {images[0].shape[:2]}"
            raise DataError(f"{name} has the size {sizes}. Set data.side=N to resize all.")
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.stack([image] * 3, axis=2) for image in images]
    arrays = np.split(np.stack(images), [len(parts[0])])[: len(parts)]
    labels = [np.array([label for *_, label in part]) for part in parts]
    return Raw(arrays, labels, (), [f"{n} of {len(images)} pictures {remark}" for remark, n in remarks.items()])
