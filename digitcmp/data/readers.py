"""Readers of third-party data: .npz, .csv and .parquet files, folders of pictures, torchvision and scikit-learn."""

import inspect
import io
import json
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from PIL import Image

from digitcmp.data.conversion import Raw, listed
from digitcmp.data.images import has_16_bits, opened, pixels, resize
from digitcmp.errors import DataError, ImageError

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")  # MedMNIST's names too
NAMINGS = (  # names of arrays, in order of preference
    ARRAYS,
    ("x_train", "y_train", "x_test", "y_test"),  # Keras
    ("X_train", "y_train", "X_test", "y_test"),  # scikit-learn
    ("images", "labels"),
    ("x", "y"),
    ("X", "y"),
    ("data", "target"),  # scikit-learn's data sets
)
LABELS = ("label", "class")  # columns of a table

Picture = tuple[str, Path | io.BytesIO | Image.Image, Any]  # its name in messages, the picture and its label


def read_files(file: str | Mapping[str, str], side: int | None) -> Raw:
    """Return the images in a file or a folder, or in one for `train` and one for `test`.

    Args:
        file: a .npz, .csv or .parquet or a folder, or a mapping of `train` and `test` to two of them.
        side: the height and width in pixels to which pictures are resized; None keeps their size.

    Raises:
        DataError: if a file has another form.
        OSError: if a file cannot be read.
    """
    if isinstance(file, str):
        path = Path(file)
        if path.is_dir():
            return read_folder(path, side)
        readers = {".npz": read_npz, ".csv": read_csv, ".parquet": lambda path: read_parquet(path, side)}
        if path.suffix.lower() not in readers:
            raise DataError(f"{file} has an unknown suffix; expected {', '.join(readers)}, or a folder of pictures")
        return readers[path.suffix.lower()](path)
    train, test = (read_files(file[split], side) for split in ("train", "test"))
    if len(train.parts) + len(test.parts) > 2 or list(train.names) != list(test.names):
        raise DataError(f"{file['train']} and {file['test']} are not two halves; expected one set of images in each")
    return Raw([*train.parts, *test.parts], train.names, [*train.remarks, *test.remarks])


def read_npz(file: Path) -> Raw:
    """Return the arrays of a .npz, as `from_arrays` does. Raises DataError, OSError."""
    status = file.stat()
    return read_unchanged(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def read_unchanged(file: Path, mtime: int, size: int) -> Raw:
    """Return the arrays of a .npz. A file with another modification time or size is read again."""
    try:
        with file.open("rb") as stream, np.load(stream) as archive:  # zipfile checks the CRC of every array
            return from_arrays(archive)
    except DataError as error:
        raise DataError(f"{file} {error}") from None
    except Exception as error:  # a damaged zip raises a dozen different errors
        advice = " Save images of one size with numpy.stack(images)." if "pickle" in str(error) else ""
        raise DataError(f"{file} cannot be read ({one_line(error)}); expected a .npz of numbers.{advice}") from error


def from_arrays(arrays: Mapping[str, Any]) -> Raw:
    """Return the arrays with the first names of `NAMINGS` that are complete, and those with the name `names`.

    Raises:
        DataError: if there are none.
    """
    keys = [*arrays]
    naming = next((naming for naming in NAMINGS if {*naming} <= {*keys}), None)
    if naming is None:
        accepted = " or ".join(", ".join(NAMINGS[i]) for i in (0, 3))
        raise DataError(f"contains {listed(keys) or 'no arrays'}; expected {accepted}")
    values = [arrays[key] for key in naming]
    remarks = [str(remark) for remark in (arrays["remarks"] if "remarks" in keys else ())]
    if ignored := [key for key in keys if key not in (*naming, "names", "remarks")]:
        why = f": validation pairs are drawn from {naming[0]}" if any("val" in key.lower() for key in ignored) else ""
        remarks.append(f"{', '.join(ignored)} not read{why}")
    parts = list(zip(values[::2], values[1::2], strict=True))
    return Raw(parts, list(arrays["names"]) if "names" in keys else (), remarks)


def read_csv(file: Path) -> Raw:
    """Return the gray images of a CSV file: a column of `LABELS`, and a numbered column for each pixel, row by row.

    Raises:
        DataError: if the file has another form.
    """
    import pandas

    try:
        with warnings.catch_warnings(action="error"):
            table = pandas.read_csv(file, index_col=False, low_memory=False)
    except Exception as error:  # a damaged file raises a dozen different errors
        raise DataError(f"{file} cannot be read ({one_line(error)}); expected a CSV file with a header") from None
    labels = class_column(file, {name: table[name].tolist() for name in table if name.lower() in LABELS}, [*table])
    values = table.drop(columns=[name for name in table if name.lower() in LABELS])
    names = [*values]
    numbers = [[int(number) for number in re.findall(r"\d+", name)] for name in names]
    if len({re.sub(r"\d+", "#", name) for name in names}) != 1 or [] in numbers or sorted(numbers) != numbers:
        raise DataError(f"{file} has the columns {listed(names)}; expected only pixel0, pixel1, ... in this order")
    if texts := [*values.select_dtypes(exclude=["number", "bool"])]:
        strange = values[texts[0]][pandas.to_numeric(values[texts[0]], errors="coerce").isna()]
        raise DataError(f"{file} has {listed([*strange[:1]])!r} in the column {texts[0]}; expected numbers")
    return Raw([(values.to_numpy(), labels)])


def read_parquet(file: Path, side: int | None) -> Raw:
    """Return the pictures of a Parquet file: a column `image` with their bytes, and a column of `LABELS`.

    The names of the classes are those in the metadata of Hugging Face.

    Raises:
        DataError: if pyarrow is missing, a picture cannot be read, or the file has another form.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{file} needs pyarrow, which is missing. Run pip install pyarrow.") from None
    try:
        table = parquet.read_table(file)
    except Exception as error:  # pyarrow has errors of its own
        raise DataError(f"{file} cannot be read ({one_line(error)}); expected a Parquet file") from None
    columns = table.column_names
    columns_of_labels = {name: table[name].to_pylist() for name in columns if name.lower() in LABELS}
    labels = class_column(file, columns_of_labels, columns)
    cells = table["image"].to_pylist() if "image" in columns else []
    contents: list[Any] = [cell.get("bytes") if isinstance(cell, dict) else cell for cell in cells]
    if not contents or not all(isinstance(content, bytes) for content in contents):
        raise DataError(f"{file} has the columns {listed(columns)}; expected the bytes of a picture in every image")
    pictures = [
        (f"{file}, row {row}", io.BytesIO(content), label)
        for row, (content, label) in enumerate(zip(contents, labels, strict=True))
    ]
    metadata = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    features = metadata.get("info", {}).get("features", {})
    return read_pictures([pictures], side)._replace(names=features.get(*columns_of_labels, {}).get("names", ()))


def class_column(file: Path, found: Mapping[str, list[Any]], columns: Sequence[str]) -> list[Any]:
    """Return the only column of labels. Raise DataError if there is none or several, or if a label is missing."""
    if len(found) != 1:
        raise DataError(f"{file} has the columns {listed(columns)}; expected exactly one of {', '.join(LABELS)}")
    [labels] = found.values()
    if missing := [row for row, label in enumerate(labels) if label is None or label != label]:  # NaN
        raise DataError(f"{file} has no label in row {missing[0]}; expected one in every row")
    return labels


def read_folder(folder: Path, side: int | None) -> Raw:
    """Return the pictures in a folder with a folder for each class, or in `train` and `test` with such folders each.

    The label of a picture is the name of its folder. Hidden files are ignored.

    Raises:
        DataError: if a picture cannot be read, a class has no pictures, or sizes differ without `side`.
    """
    parts = [folder / "train", folder / "test"]
    divided = all(part.is_dir() for part in parts)
    unread = [entry.name for entry in visible(folder) if divided and entry not in parts]
    pictures: list[list[Picture]] = []
    for part in parts if divided else [folder]:
        classes = [entry for entry in visible(part) if entry.is_dir()]
        unread += [entry.name for entry in visible(part) if entry not in classes]
        if empty := [entry for entry in classes if not visible(entry)] or [part] * (not classes):
            raise DataError(f"{empty[0]} is empty; expected a folder for each class, with pictures")
        pictures.append([(str(file), file, entry.name) for entry in classes for file in visible(entry)])
    raw = read_pictures(pictures, side)
    return raw._replace(remarks=[*raw.remarks, f"{listed(unread)} not read"] if unread else raw.remarks)


def visible(folder: Path) -> list[Path]:
    """Return the sorted entries of a folder without the hidden ones."""
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def read_torchvision(cls: str, arguments: Mapping[str, Any], root: Path, side: int | None) -> Raw:
    """Return a data set of torchvision whose items are a picture and a class.

    Args:
        cls: the name of a class of torchvision.datasets.
        arguments: the keyword arguments of the class.
        root: torchvision's folder. Missing files are downloaded.
        side: as in `read_files`.

    Raises:
        DataError: if the class is unknown, its files are missing or damaged, or its items are something else.
    """
    from torchvision import datasets

    kind = getattr(datasets, cls, None)
    if not (inspect.isclass(kind) and issubclass(kind, datasets.VisionDataset)):
        raise DataError(f"data.cls={cls} is unknown; expected a class of torchvision.datasets")
    constructors = [vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base)]
    accepted = {name for own in constructors for name in inspect.signature(own).parameters} - {*arguments}
    given = {"root": str(root)} | ({"download": True} if "download" in accepted else {}) | dict(arguments)
    splits: list[dict[str, Any]] = [{}]
    if "train" in accepted:
        splits = [{"train": True}, {"train": False}]
    elif "split" in accepted:
        splits = [{"split": "train"}, {"split": "test"}]
    parts: list[list[Picture]] = []
    root.mkdir(parents=True, exist_ok=True)
    try:
        for split in splits:
            with FileLock(root / f".{cls}.lock"):  # two workers of a sweep download once
                data: Any = kind(**given, **split)
            parts.append([(f"picture {i} of {cls}", *data[i]) for i in range(len(data))])
    except Exception as error:  # invalid arguments, missing files and failed downloads raise many errors
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise DataError(f"torchvision's {cls} cannot be read ({reason}); expected its files in {root}") from error
    _, picture, label = parts[0][0]
    if not (isinstance(picture, Image.Image) and isinstance(label, int | np.integer)):
        types = f"{type(picture).__name__} and {type(label).__name__}"
        raise DataError(f"torchvision's {cls} has items of {types}; expected pictures and whole numbers")
    raw = read_pictures(parts, side)
    if cls == "EMNIST":  # the pictures in its files are transposed
        raw = raw._replace(parts=[(images.swapaxes(1, 2), labels) for images, labels in raw.parts])
    first = min(label for part in parts for *_, label in part)  # EMNIST's letters are 1 to 26; its name of 0 is N/A
    return raw._replace(names=list(getattr(data, "classes", ()))[first:])


def read_digits() -> Raw:
    """Return scikit-learn's 1,797 scanned digits of 8x8, scaled from 0..16 to 0..255. Raises DataError without it."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DataError("data=digits needs scikit-learn, which is missing. Run pip install scikit-learn.") from None
    scans = load_digits()
    return Raw([(np.rint(scans.images * (255 / 16)), scans.target)])


def read_pictures(parts: Sequence[Sequence[Picture]], side: int | None) -> Raw:
    """Return pictures as arrays, gray if none has a colour.

    Args:
        parts: training and test pictures, or all of them.
        side: the height and width in pixels to which pictures are resized; None keeps their size.

    Raises:
        DataError: if a picture cannot be read, or if sizes differ and no side is given.
    """
    images: list[np.ndarray] = []
    kinds: Counter[str] = Counter()
    for name, file, _ in (picture for part in parts for picture in part):
        try:
            with opened(file, name) as image:
                kinds["have 16 bits and are divided by 257"] += has_16_bits(image)
                kinds["are in CMYK and converted to RGB"] += image.mode == "CMYK"
                kinds["have transparent parts, filled with black or white"] += image.has_transparency_data
                picture = pixels(image)
        except ImageError as error:
            raise DataError(str(error)) from None
        images.append(resize(picture[None], side)[0] if side else picture)
        if (sizes := [images[i].shape[:2] for i in (0, -1)])[0] != sizes[1]:
            raise DataError(f"{name} has the size {sizes[1]}, others {sizes[0]}. Set data.side=N to resize them.")
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.stack([image] * 3, axis=2) for image in images]
    remarks = [f"{n} of {len(images)} pictures {kind}" for kind, n in kinds.items() if n]
    arrays = np.split(np.stack(images), [len(parts[0])])
    labels = [np.array([label for *_, label in part]) for part in parts]
    return Raw(list(zip(arrays, labels, strict=False)), (), remarks)


def one_line(error: Exception) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(error).split())
