"""Readers of tables with a row for each image: .csv as Kaggle has them, .parquet as Hugging Face has them."""

import io
import json
import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from digitcmp.data.images import opened, pixels, stacked
from digitcmp.errors import DataError, ImageError

LABELS = ("label", "class")  # the column of the classes

Part = tuple[np.ndarray, np.ndarray, list[str]]  # images, labels and the names of the classes, if the file has them


def read_csv(file: Path, side: int | None) -> Part:
    """Return the gray images of a CSV file: a column of LABELS, and a numbered column for each pixel, row by row.

    Raises:
        DataError: if the file has another form.
    """
    import pandas

    try:
        with warnings.catch_warnings(action="error"):
            table = pandas.read_csv(file, index_col=False, low_memory=False)
    except Exception as error:  # a damaged file raises a dozen different errors
        raise DataError(f"{file} cannot be read ({one_line(error)}); expected a CSV file with a header") from None
    columns = [str(column) for column in table.columns]
    expected = f"expected a column {' or '.join(LABELS)} and a numbered column for each pixel: pixel0, pixel1, ..."
    label = label_column(file, columns, expected)
    values = table.drop(columns=label)
    names = [name for name in columns if name != label]
    numbers = [tuple(map(int, re.findall(r"\d+", name))) for name in names]
    if len({re.sub(r"\d+", "#", name) for name in names}) != 1 or () in numbers:
        raise DataError(f"{file} has the columns {shortened(names)}; {expected}")
    if unordered := [name for name, one, next_ in zip(names[1:], numbers, numbers[1:], strict=False) if one >= next_]:
        raise DataError(f"{file}: the column {unordered[0]} is out of order; {expected}")
    if texts := list(values.select_dtypes(exclude=["number", "bool"]).columns):
        strange = next(value for value in values[texts[0]] if not re.fullmatch(r"[-+.\d]+", str(value)))
        raise DataError(f"{file}: the column {texts[0]} contains {str(strange)[:40]!r}; expected numbers")
    width = math.isqrt(len(names))
    if width**2 != len(names):
        raise DataError(f"{file} has {len(names)} columns of pixels; expected a square number, as of gray 28x28 images")
    return values.to_numpy().reshape(-1, width, width), label_values(file, table[label].tolist()), []


def read_parquet(file: Path, side: int | None) -> Part:
    """Return the pictures of a Parquet file: a column `image` of encoded pictures and a column of LABELS.

    The pictures are resized to `side` if given. The names of the classes are those in Hugging Face's metadata.

    Raises:
        DataError: if pyarrow is missing or the file has another form.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{file} needs pyarrow, which is missing. Run pip install pyarrow.") from None
    try:
        table = parquet.read_table(file)
    except Exception as error:
        raise DataError(f"{file} cannot be read ({one_line(error)}); expected a Parquet file") from None
    expected = f"expected a column image, with the bytes of a picture in each row, and a column {' or '.join(LABELS)}"
    label = label_column(file, table.column_names, expected)
    if "image" not in table.column_names:
        raise DataError(f"{file} has the columns {shortened(table.column_names)}; {expected}")
    pictures = []
    for row, cell in enumerate(table["image"].to_pylist()):
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(content, bytes):
            raise DataError(f"{file}, row {row}: the image is {type(content).__name__}, not bytes; {expected}")
        try:
            with opened(io.BytesIO(content), f"{file}, row {row}") as image:
                pictures.append(pixels(image, gray=False))
        except ImageError as error:
            raise DataError(str(error)) from None
    images = stacked(str(file), pictures, side)
    if (images[..., :1] == images).all():
        images = images[..., 0]
    metadata = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    names = metadata.get("info", {}).get("features", {}).get(label, {}).get("names", [])
    return images, label_values(file, table[label].to_pylist()), names


def label_column(file: Path, columns: Sequence[str], expected: str) -> str:
    """Return the only column of LABELS. Raise DataError if there is none, or several."""
    found = [column for column in columns if column.lower() in LABELS]
    if len(found) != 1:
        raise DataError(f"{file} has the columns {shortened(columns)}; {expected}")
    return found[0]


def label_values(file: Path, values: list[object]) -> np.ndarray:
    """Return labels as an array. Raise DataError if one is missing."""
    for row, value in enumerate(values):
        if value is None or value != value:  # NaN
            raise DataError(f"{file}, row {row} has no label; expected a label in each row")
    return np.array(values)


def shortened(names: Sequence[str]) -> str:
    """Return the first names of a list and their number: 'a, b, c, ... (785 columns)'."""
    return ", ".join(names) if len(names) <= 5 else f"{', '.join(names[:4])}, ... ({len(names)} columns)"


def one_line(error: Exception) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(error).split())
