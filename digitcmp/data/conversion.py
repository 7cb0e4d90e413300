"""Conversion of third-party images and labels to those of this package.

Images become uint8 (N, H, W) or (N, H, W, 3), labels become classes 0..K-1, int64 (N,). docs/data.md lists the
conversions. Each adds a remark of one line. Anything else raises DataError, with the arrays that were found.
"""

import math
import re
from collections.abc import Iterable, Sequence
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt8

from digitcmp.data.images import DARK, resize
from digitcmp.errors import DataError

TEST_SHARE = 3  # the last third of every class of undivided images becomes test images
LEAST_GRAY = 8  # whole numbers that are all below this are no gray values
IMAGES = "images of the shape (N, H, W) or (N, H, W, 3), with gray values from 0 to 255 or fractions from 0 to 1"


class Raw(NamedTuple):
    """The arrays of a reader.

    Attributes:
        images: the training and the test images, or all images in one array.
        labels: the labels of each array.
        names: the names of the classes, if known.
        remarks: a line for each conversion or omission.
    """

    images: Sequence[Any]
    labels: Sequence[Any]
    names: Sequence[Any] = ()
    remarks: Sequence[str] = ()


def convert(raw: Raw, side: int | None) -> Raw:
    """Return converted training and test images with their classes, the names of the classes, and the remarks.

    Args:
        raw: the arrays.
        side: the height and width in pixels to which images are resized; None keeps those of the images.

    Raises:
        DataError: if the arrays have a form that docs/data.md does not list.
    """
    remarks, shapes = list(raw.remarks), [np.shape(array)[1:] for array in raw.images]
    if len({*shapes}) > 1:
        raise DataError(f"training images of the shape {shapes[0]} and test images of {shapes[1]}; expected one shape")
    images, labels = np.concatenate(raw.images), np.concatenate(raw.labels)
    if [*map(len, raw.images)] != [*map(len, raw.labels)]:
        found = " and ".join(map(described, raw.labels))
        raise DataError(f"labels {found} are not allowed; expected one for each of {len(images)} images")
    labels = one_class_each(labels, remarks)
    test = np.arange(len(labels)) >= len(raw.images[0]) if raw.images[1:] else last_of_each(labels)
    images = gray_values(in_shape(images, remarks), test, remarks)
    if not side and images.shape[1] != images.shape[2]:
        raise DataError(f"images of the shape {images.shape} are not squares. Set data.side=N to resize them.")
    images = resize(images, side or images.shape[1])
    classes, names = class_numbers(labels, test, raw.names, remarks)
    return Raw([images[~test], images[test]], [classes[~test], classes[test]], names, remarks)


def last_of_each(labels: np.ndarray) -> Bool[np.ndarray, "n"]:
    """Return whether an image is one of the last third of its class: the test images of undivided ones.

    The division is by position because neighbours are often by the same writer, and because all runs must have the same
    test images.
    """
    test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        test[rows[len(rows) - len(rows) // TEST_SHARE :]] = True
    return test


def described(array: np.ndarray) -> str:
    """Return the type, the shape and the range of an array."""
    span = f" from {array.min():g} to {array.max():g}" if array.size and array.dtype.kind in "uif" else ""
    return f"{array.dtype} {array.shape}{span}"


def in_shape(images: np.ndarray, remarks: list[str]) -> np.ndarray:
    """Return (N, H, W, 1), (N, 1, H, W), (N, 3, H, W), or (N, H * H) as (N, H, W) or (N, H, W, 3)."""
    shaped, shape = images, images.shape
    if len(shape) == 2 and math.isqrt(shape[1]) ** 2 == shape[1]:
        shaped = images.reshape(len(images), math.isqrt(shape[1]), -1)
    elif len(shape) == 4 and shape[3] == 1:
        shaped = images[..., 0]
    elif len(shape) == 4 and shape[3] != 3 and shape[1] in (1, 3):
        shaped = images[:, 0] if shape[1] == 1 else np.moveaxis(images, 1, 3)
    if not shaped.size or shaped.dtype.kind not in "buif" or not (shaped.ndim == 3 or shaped.shape[3:] == (3,)):
        raise DataError(f"{described(images)} is not allowed; expected {IMAGES}")
    if shaped is not images:
        remarks.append(f"images of the shape {shape} are read as {shaped.shape}")
    return shaped


def gray_values(images: np.ndarray, test: Bool[np.ndarray, "n"], remarks: list[str]) -> UInt8[np.ndarray, "..."]:
    """Return pixels as gray values 0..255, from pixels from 0 to 1, to 255 or to 65535 (16 bits).

    Pixels that are all equal are rejected, and training and test images whose largest ones differ more than fourfold.
    """
    brightest = images.reshape(len(images), -1).max(axis=1).astype(float)
    high, factor = brightest.max(), 1.0
    fit = math.isfinite(high) and 0 <= images.min() < high
    fit = fit and all(high <= 4 * brightest[rows].max() for rows in (test, ~test) if rows.any())
    whole = fit and (images.dtype.kind != "f" or np.abs(images - np.rint(images)).max() <= 1e-3)
    if fit and high <= 1:
        factor = 255.0
        remarks.append(f"pixels are from 0 to {high:g} and multiplied by 255")
    elif whole and DARK * 257 <= high <= 65535:
        factor = 1 / 257
        remarks.append(f"pixels have 16 bits, up to {high:g}, and are divided by 257")
    elif not fit or not (LEAST_GRAY if whole else DARK) <= high <= 255:
        raise DataError(f"{described(images)} is not allowed; expected {IMAGES}, alike in training and test images")
    elif not whole:
        remarks.append("pixels have fractions and are rounded to whole gray values")
    elif high < DARK:
        remarks.append(f"no pixel is above {high:g} of 255: the images are dark and used unchanged")
    return images if images.dtype == np.uint8 and factor == 1 else np.rint(images * np.float32(factor)).astype(np.uint8)


def one_class_each(labels: np.ndarray, remarks: list[str]) -> np.ndarray:
    """Return whole numbers from 0, booleans or strings, (N,) or (N, 1), or one-hot rows (N, K), as labels (N,)."""
    array = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    numeric = array.dtype.kind in "buif"
    if numeric and array.ndim == 2 and (np.sort(array, axis=1) == [0] * (array.shape[1] - 1) + [1]).all():
        array = array.argmax(axis=1)
        remarks.append("labels are one-hot: the column of the 1 is the class")
    elif array.dtype.kind in "bf" and (array == np.rint(array)).all():
        remarks.append(f"labels of the type {array.dtype} are read as whole numbers")
        array = array.astype(np.int64)
    empty = array.dtype.kind == "U" and not np.char.str_len(np.char.strip(array)).all()
    negative = array.dtype.kind == "i" and (array < 0).any()  # -1 often means that there is no label
    if array.ndim != 1 or array.dtype.kind not in "iuU" or empty or negative:
        expected = "expected a whole number from 0 or a string for each image"
        raise DataError(f"labels {described(labels)} are not allowed; {expected}")
    return array


def class_numbers(
    labels: np.ndarray, test: Bool[np.ndarray, "n"], names: Sequence[Any], remarks: list[str]
) -> tuple[Int[np.ndarray, "n"], list[str]]:
    """Return labels as classes 0..K-1, and the names of the classes. There must be training images of all.

    Labels are numbered by value. Strings are numbered in the order of `names`, or else by value if all are numbers, or
    else alphabetically.
    """
    found, places = np.unique(labels, return_inverse=True)
    values: list[Any] = np.unique(labels[~test]).tolist()
    if len(values) < len(found) or len(found) < 2:
        expected = "expected two or more, the same in training and test"
        raise DataError(f"training labels {listed(values)} of the labels {listed(found)} are not allowed; {expected}")
    texts = isinstance(values[0], str)
    if texts and sorted(names) == values:
        values = list(names)
    elif texts and all(re.fullmatch(r"[+-]?\d+(\.\d+)?", label) for label in values):
        values.sort(key=float)
    names = list(names) or list(map(str, values))
    fit = sorted(names) == sorted(values) if texts else len({*names}) == len(names) == len(values)
    if not fit or not all(isinstance(name, str) for name in names):
        raise DataError(f"the names {listed(names)} are not allowed; expected a string for each of {listed(values)}")
    if values != list(range(len(values))) and names != list(map(str, range(len(values)))):
        remarks.append(f"labels {listed(values)} are the classes 0 to {len(values) - 1}")
    return np.array([values.index(label) for label in found.tolist()])[places], names


def listed(values: Iterable[Any]) -> str:
    """Return the first values in a line of at most 100 letters."""
    return shorten(", ".join(map(str, values)), 100, placeholder=" ...")
