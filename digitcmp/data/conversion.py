"""Conversion of the images and labels of other programs to gray values 0..255 and classes 0..K-1.

Each conversion is reported as a remark of one line. Ambiguous arrays raise DataError.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from digitcmp.errors import DataError

DARK = 64  # images with all pixels below this are dark; dark images with fractions or few gray levels are rejected
FEW = 8  # gray levels
RANGES = "expected gray values from 0 to 255 or fractions from 0 to 1"


class Converted(NamedTuple):
    """Arrays by name, and the remarks on their conversion."""

    arrays: dict[str, np.ndarray]
    remarks: list[str]


class Classes(NamedTuple):
    """Labels 0..K-1 by array name, the names of the classes (or an empty tuple), and the remarks."""

    labels: dict[str, Int[np.ndarray, "n"]]
    names: tuple[str, ...]
    remarks: list[str]


def channels_last(images: Mapping[str, np.ndarray]) -> Converted:
    """Return images as (N, H, W) or (N, H, W, 3).

    Args:
        images: arrays of one of these shapes, or (N, H, W, 1), (N, 1, H, W) or (N, 3, H, W).

    Raises:
        DataError: if an array has another shape.
    """
    arrays, remarks = {}, []
    for key, array in images.items():
        moved = array
        if array.ndim == 4 and array.shape[3] == 1:
            moved = array[..., 0]
        elif array.ndim == 4 and array.shape[1] == 1 and array.shape[3] != 3:
            moved = array[:, 0]
        elif array.ndim == 4 and array.shape[1] == 3 and array.shape[3] != 3:
            moved = np.moveaxis(array, 1, 3)
            remarks.append(f"{key} has its channels first: converted from {array.shape} to {moved.shape}")
        if not (moved.size and (moved.ndim == 3 or (moved.ndim == 4 and moved.shape[3] == 3))):
            raise DataError(
                f"{key} has the shape {array.shape}; expected (N, H, W) or (N, H, W, 3), N > 0{reshape_advice(array)}"
            )
        arrays[key] = moved
    return Converted(arrays, remarks)


def reshape_advice(images: np.ndarray) -> str:
    """Return '. Reshape it to (N, H, H).' for flattened square images (N, H*H), else ''."""
    if images.ndim != 2 or not images.shape[1] or math.isqrt(images.shape[1]) ** 2 != images.shape[1]:
        return ""
    side = math.isqrt(images.shape[1])
    return f". Reshape it to ({len(images)}, {side}, {side})."


def gray_values(images: Mapping[str, np.ndarray]) -> Converted:
    """Return images with gray values 0..255 (uint8). All arrays are converted in the same way.

    Booleans and numbers from 0 to 1 are multiplied by 255. Other fractions are rounded.

    Raises:
        DataError: if pixels are not numbers, not finite, all equal or outside 0..255; if the arrays have different
            ranges; or if images are dark and have fractions or fewer than `FEW` gray levels.
    """
    ranges = {key: value_range(key, array) for key, array in images.items()}
    from_0_to_1 = [key for key, (_, high) in ranges.items() if high <= 1]
    if from_0_to_1 and len(from_0_to_1) < len(ranges):
        spans = ", ".join(f"{key} from {low:g} to {high:g}" for key, (low, high) in ranges.items())
        raise DataError(f"pixels have different ranges, {spans}; expected one range. Multiply {from_0_to_1[0]} by 255.")
    remarks = []
    if from_0_to_1:
        remarks.append(f"pixels {listed_values(images.values(), ranges)} are multiplied by 255")
        arrays = {key: np.rint(array.astype(np.float32) * 255).astype(np.uint8) for key, array in images.items()}
    else:
        fractions = [key for key, array in images.items() if has_fractions(array)]
        for key in fractions:
            low, high = ranges[key]
            if high < DARK:
                raise DataError(
                    f"{key} has fractions from {low:g} to {high:g}; {RANGES}. Save the images before they are divided, "
                    "or clip them to 0 to 1."
                )
        if fractions:
            remarks.append("pixels have fractions and are rounded to whole gray values")
        arrays = {key: as_bytes(array) for key, array in images.items()}
    return Converted(arrays, remarks + level_remarks(arrays))


def value_range(key: str, images: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest pixel value.

    Raises:
        DataError: if pixels are not numbers, not finite, outside 0..255, or all equal.
    """
    if images.dtype.kind not in "buif":
        raise DataError(f"{key} has the type {images.dtype}; expected numbers")
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(f"{key} has NaN or infinite pixels; {RANGES}")
    if low < 0 or high > 255:
        advice = ". Save the images before they are normalized." if low < 0 else ""
        if images.dtype.kind in "ui" and low >= 0:
            advice = f". Divide by {2 ** (int(high).bit_length() - 8)}."
        raise DataError(f"{key} has pixels from {low:g} to {high:g}; {RANGES}{advice}")
    if low == high:
        raise DataError(f"all pixels of {key} are {low:g}; expected at least two values")
    return low, high


def listed_values(images: Iterable[np.ndarray], ranges: Mapping[str, tuple[float, float]]) -> str:
    """Return 'false and true', '0 and 1' or 'from 0 to 0.9' for pixels from 0 to 1."""
    arrays = list(images)
    if all(array.dtype.kind == "b" for array in arrays):
        return "false and true"
    if all(array.dtype.kind != "f" for array in arrays):
        return "0 and 1"
    return f"from {min(low for low, _ in ranges.values()):g} to {max(high for _, high in ranges.values()):g}"


def has_fractions(images: np.ndarray) -> bool:
    """Return whether any pixel differs from a whole number by more than a rounding error."""
    return images.dtype.kind == "f" and bool(np.abs(images - np.rint(images)).max() > 1e-3)


def as_bytes(images: np.ndarray) -> UInt8[np.ndarray, "..."]:
    """Return pixels 0..255 rounded to uint8."""
    return images if images.dtype == np.uint8 else np.rint(images).astype(np.uint8)


def level_remarks(images: Mapping[str, UInt8[np.ndarray, "..."]]) -> list[str]:
    """Return the remarks on dark images, and on images with few gray levels other than 0 and 255.

    Raises:
        DataError: if images are dark and have few gray levels.
    """
    for key, array in images.items():
        if array.max() < DARK and len(levels := gray_levels([array])) < FEW:
            raise DataError(
                f"{key} has {len(levels)} gray levels, none above {levels[-1]}; {RANGES}. "
                "Save the images before they are divided or rounded."
            )
    remarks = []
    levels, highest = gray_levels(images.values()), max(int(array.max()) for array in images.values())
    if len(levels) < FEW and levels != [0, 255]:
        remarks.append(f"pixels have {len(levels)} gray levels: {', '.join(map(str, levels))}")
    if highest < DARK:
        remarks.append(f"no pixel is above {highest} of 255: the images are dark and used unchanged")
    return remarks


def gray_levels(images: Iterable[UInt8[np.ndarray, "..."]]) -> list[int]:
    """Return the gray levels of images, sorted. The search stops after more than `FEW` levels."""
    present = np.zeros(256, bool)
    for array in images:
        for part in np.array_split(array, max(1, array.size // 2**16)):
            present[part.ravel()] = True
            if present.sum() > FEW:
                return np.flatnonzero(present).tolist()
    return np.flatnonzero(present).tolist()


def class_numbers(labels: Mapping[str, np.ndarray], counts: Mapping[str, int], names: Sequence[str] = ()) -> Classes:
    """Return labels as classes 0..K-1.

    Strings are numbered in the order of `names`. Without names they are sorted by value if all are numbers, else
    alphabetically. Whole numbers are shifted so that the smallest becomes 0.

    Args:
        labels: whole numbers, booleans or strings of shape (N,) or (N, 1), or one-hot rows (N, K), by array name. The
            first array belongs to the training images.
        counts: the number of images of each array.
        names: the names of the classes in their order, if they have names.

    Raises:
        DataError: if labels have another form, or if a class has no name or no training image.
    """
    vectors, remarks = one_class_each(labels, counts)
    strings = {key for key, array in vectors.items() if array.dtype.kind in "US"}
    if strings and len(strings) < len(vectors):
        numbers = {*vectors} - strings
        raise DataError(f"{' and '.join(strings)} has strings, {' and '.join(numbers)} numbers; expected one of them")
    numbered = from_strings(vectors, names) if strings else from_numbers(vectors, names)
    return numbered._replace(remarks=remarks + numbered.remarks)


def one_class_each(labels: Mapping[str, np.ndarray], counts: Mapping[str, int]) -> Converted:
    """Return labels as whole numbers or strings (N,). Raises DataError for labels of another form."""
    remarks: dict[str, None] = {}  # each once, in order
    arrays = {key: array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array for key, array in labels.items()}
    for key, array in arrays.items():
        if is_one_hot(array, counts[key]):
            remarks["labels are one-hot: the column of the 1 is the class"] = None
            arrays[key] = array = array.argmax(axis=1)
        if array.ndim == 2 and len(array) == counts[key]:
            raise DataError(
                f"{key} has {array.shape[1]} labels per image (multi-label); expected one class per image. "
                "Save one column, or a class number computed from all columns."
            )
        type_code = array.dtype.kind
        if array.shape != (counts[key],) or type_code not in "buifUS" or (type_code == "f" and not is_whole(array)):
            raise DataError(
                f"{key} has the shape {array.shape} and the type {array.dtype}; "
                f"expected a whole number or a string for each of {counts[key]} images"
            )
        if type_code == "u" and array.max() > np.iinfo(np.int64).max:
            raise DataError(f"{key} has the label {array.max()}; expected 0 to K-1")
        if type_code in "US" and not all(np.char.strip(array)):
            raise DataError(f"{key} has empty strings; expected a label for each of {counts[key]} images")
        if type_code == "f":
            remarks[f"labels are {array.dtype} and converted to whole numbers"] = None
        if type_code == "b":
            remarks["labels are booleans: false and true are the classes 0 and 1"] = None
        if type_code in "buif":
            arrays[key] = array.astype(np.int64)
        elif type_code == "S":
            arrays[key] = np.char.decode(array, "utf-8", "replace")
    return Converted(arrays, list(remarks))


def is_one_hot(labels: np.ndarray, count: int) -> bool:
    """Return whether the labels are `count` rows of zeros with a single 1 each."""
    if labels.ndim != 2 or len(labels) != count or labels.dtype.kind not in "buif":
        return False
    return bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())


def is_whole(labels: np.ndarray) -> bool:
    """Return whether all labels are whole numbers that float64 represents exactly."""
    return bool((np.isfinite(labels) & (labels == np.rint(labels)) & (np.abs(labels) < 2**53)).all())


def from_strings(labels: Mapping[str, np.ndarray], names: Sequence[str]) -> Classes:
    """Return the classes of string labels, with the strings as names. Raises DataError as `class_numbers` does."""
    train, *_ = labels.values()
    classes = list(names) or sort_names(np.unique(train).tolist())
    number_of = {name: number for number, name in enumerate(classes)}
    for key, array in labels.items():
        for label in np.unique(array).tolist():
            if label not in number_of:
                source = "names" if names else "the training labels"
                raise DataError(f"{key} has the label {label!r}; expected one of {source}: {listed(classes)}")
    numbers = {key: np.array([number_of[label] for label in array.tolist()], np.int64) for key, array in labels.items()}
    remark = f"labels are strings: {listed(classes)} are the classes 0 to {len(classes) - 1}"
    return Classes(require_all(numbers, len(classes), classes), tuple(classes), [remark])


def from_numbers(labels: Mapping[str, np.ndarray], names: Sequence[str]) -> Classes:
    """Return the classes of whole numbers, shifted to start at 0. Raises DataError as `class_numbers` does."""
    train, *others = labels.values()
    present = np.unique(train)
    first, last = int(present[0]), int(present[-1])
    if first < 0:
        raise DataError(f"labels start at {first}; expected 0 to K-1")
    remarks: list[str] = []
    shift = 0
    if first > 0 and len(present) > 1 and (not names or last - first + 1 == len(names)):
        if missing := gap(present, first, last):
            raise DataError(
                f"no training image has the class {missing}; expected labels {first} to {last} without gaps"
            )
        shift = first
        remarks.append(f"labels {first} to {last} are the classes 0 to {last - first}")
    if names and last - shift >= len(names):
        raise DataError(f"label {last} has no name; expected labels 0 to {len(names) - 1} for {len(names)} names")
    classes = len(names) or last - shift + 1
    for array in others:
        outside = array[(array < shift) | (array >= shift + classes)]
        if len(outside):
            raise DataError(
                f"test label {outside[0]} is not a training label; expected {shift} to {shift + classes - 1}"
            )
    class_names = tuple(names) or (tuple(map(str, range(first, last + 1))) if shift else ())
    numbers = {key: array - shift for key, array in labels.items()}
    return Classes(require_all(numbers, classes, class_names), class_names, remarks)


def require_all(labels: dict[str, Any], classes: int, names: Sequence[str]) -> dict[str, Any]:
    """Return the labels. Raise DataError unless there are two classes or more and each has a training image."""
    train = next(iter(labels.values()))
    present = np.unique(train)
    if len(present) < 2:
        raise DataError(f"all {len(train)} training images have the same class; expected at least two classes")
    if (missing := gap(present, 0, classes - 1)) is not None:
        name = f" ({listed([names[missing]])})" if names and names[missing] != str(missing) else ""
        raise DataError(f"no training image has the class {missing}{name}; expected labels 0 to {classes - 1}")
    return labels


def gap(present: np.ndarray, first: int, last: int) -> int | None:
    """Return the smallest number from `first` to `last` that is not in `present` (sorted, unique), or None."""
    expected = first + np.arange(len(present))
    different = np.flatnonzero(present != expected)
    if len(different):
        return int(expected[different[0]])
    return first + len(present) if first + len(present) <= last else None


def sort_names(names: Sequence[str]) -> list[str]:
    """Return names sorted by value if all are numbers, else alphabetically."""
    numeric = all(re.fullmatch(r"[+-]?\d+(\.\d+)?", name) for name in names)
    return sorted(names, key=float) if numeric else sorted(names)


def listed(names: Sequence[str]) -> str:
    """Return names in one line. Long names are shortened; of more than ten the middle ones are left out."""
    lines = [" ".join(name.split()) for name in names]
    short = [line if len(line) <= 40 else f"{line[:37]}..." for line in lines]
    return ", ".join(short) if len(short) <= 10 else f"{', '.join(short[:3])}, ..., {short[-1]}"
