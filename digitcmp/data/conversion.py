"""Images and labels as other programs save them, converted to gray values 0..255 and classes 0..K-1.

Each conversion is a remark in one line, for whoever trains on them. Nothing is guessed: what could be read in two ways
raises DataError.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from digitcmp.errors import DataError

DARK = 64  # images without a pixel this light are called dark; with fractions or few gray levels they are rejected
FEW = 8  # gray levels
RANGES = "gray values from 0 to 255 are wanted, or fractions from 0 to 1"


class Converted(NamedTuple):
    """Arrays by their names, and the remarks on what was converted."""

    arrays: dict[str, np.ndarray]
    remarks: list[str]


class Classes(NamedTuple):
    """Labels 0..K-1 by the names of their arrays, the names of the classes where they have some, and the remarks."""

    labels: dict[str, Int[np.ndarray, "n"]]
    names: tuple[str, ...]
    remarks: list[str]


def channels_last(images: Mapping[str, np.ndarray]) -> Converted:
    """Return images as (N, H, W) or (N, H, W, 3), from these or from (N, H, W, 1), (N, 1, H, W), (N, 3, H, W).

    Raises DataError for any other shape.
    """
    arrays, remarks = {}, []
    for key, array in images.items():
        shape = f"{key} {array.shape} {array.dtype}"
        moved = array
        if array.ndim == 4 and array.shape[3] == 1:
            moved = array[..., 0]
        elif array.ndim == 4 and array.shape[1] == 1 and array.shape[3] != 3:
            moved = array[:, 0]
        elif array.ndim == 4 and array.shape[1] == 3 and array.shape[3] != 3:
            moved = np.moveaxis(array, 1, 3)
            remarks.append(f"{key} has its channels first, {array.shape}: read as {moved.shape}")
        if not (moved.size and (moved.ndim == 3 or (moved.ndim == 4 and moved.shape[3] == 3))):
            raise DataError(f"{shape}: (N, H, W) or (N, H, W, 3), N > 0, is wanted{unflattened(array)}")
        arrays[key] = moved
    return Converted(arrays, remarks)


def unflattened(images: np.ndarray) -> str:
    """Return what to do about images (N, H*W) if they are square."""
    if images.ndim != 2 or not images.shape[1] or math.isqrt(images.shape[1]) ** 2 != images.shape[1]:
        return ""
    side = math.isqrt(images.shape[1])
    return f". Reshape it to ({len(images)}, {side}, {side})."


def gray_values(images: Mapping[str, np.ndarray]) -> Converted:
    """Return images with gray values 0..255 (uint8), all of them converted alike.

    Booleans and numbers from 0 to 1 are multiplied by 255, other fractions are rounded. Raises DataError for pixels
    that are no numbers, not finite, all the same or in another range, for two ranges, and for dark images whose
    fractions would be lost or that have fewer than `FEW` gray levels.
    """
    ranges = {key: value_range(key, array) for key, array in images.items()}
    from_0_to_1 = [key for key, (_, high) in ranges.items() if high <= 1]
    if from_0_to_1 and len(from_0_to_1) < len(ranges):
        found = ", ".join(f"{key} from {low:g} to {high:g}" for key, (low, high) in ranges.items())
        raise DataError(f"pixels of {found}: one range is wanted. Multiply {from_0_to_1[0]} by 255.")
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
                    f"{key} has fractions from {low:g} to {high:g}: {RANGES}. Save the images before they are divided, "
                    "or clip them to 0 to 1."
                )
        if fractions:
            remarks.append("pixels have fractions: rounded to whole gray values")
        arrays = {key: as_bytes(array) for key, array in images.items()}
    return Converted(arrays, remarks + level_remarks(arrays))


def value_range(key: str, images: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest pixel. Raises DataError unless they are numbers within 0..255 and differ."""
    if images.dtype.kind not in "buif":
        raise DataError(f"{key} {images.shape} {images.dtype}: numbers are wanted")
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(f"{key} has pixels that are not finite")
    if low < 0 or high > 255:
        advice = ". Save the images before they are normalized." if low < 0 else ""
        if images.dtype.kind in "ui" and low >= 0:
            advice = f". Divide by {2 ** (int(high).bit_length() - 8)}."
        raise DataError(f"{key} has pixels from {low:g} to {high:g}: {RANGES}{advice}")
    if low == high:
        raise DataError(f"all pixels of {key} are {low:g}")
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
    """Return whether a pixel is further from a whole number than rounding errors explain."""
    return images.dtype.kind == "f" and bool(np.abs(images - np.rint(images)).max() > 1e-3)


def as_bytes(images: np.ndarray) -> UInt8[np.ndarray, "..."]:
    """Return pixels 0..255 as whole numbers."""
    return images if images.dtype == np.uint8 else np.rint(images).astype(np.uint8)


def level_remarks(images: Mapping[str, UInt8[np.ndarray, "..."]]) -> list[str]:
    """Return the remarks on images that are dark, or have few gray levels other than 0 and 255.

    Raises DataError for images that are both.
    """
    for key, array in images.items():
        if array.max() < DARK and len(levels := gray_levels([array])) < FEW:
            raise DataError(
                f"{key} has {len(levels)} gray levels, none above {levels[-1]}: {RANGES}. "
                "Save the images before they are divided or rounded."
            )
    remarks = []
    levels, highest = gray_levels(images.values()), max(int(array.max()) for array in images.values())
    if len(levels) < FEW and levels != [0, 255]:
        remarks.append(f"pixels have {len(levels)} gray levels: {', '.join(map(str, levels))}")
    if highest < DARK:
        remarks.append(f"no pixel is above {highest} of 255: taken as they are, dark images")
    return remarks


def gray_levels(images: Iterable[UInt8[np.ndarray, "..."]]) -> list[int]:
    """Return the gray levels of images in order; of images with more than `FEW` levels not all."""
    seen = np.zeros(256, bool)
    for array in images:
        for part in np.array_split(array, max(1, array.size // 2**16)):
            seen[part.ravel()] = True
            if seen.sum() > FEW:
                return np.flatnonzero(seen).tolist()
    return np.flatnonzero(seen).tolist()


def class_numbers(labels: Mapping[str, np.ndarray], counts: Mapping[str, int], names: Sequence[str] = ()) -> Classes:
    """Return labels as classes 0..K-1, from whole numbers, booleans, texts or one-hot rows.

    labels: those of the training images (N,), (N, 1) or one-hot (N, K) and of the test images, by the names of their
    arrays. counts: the number of images of each. names: of the classes, in their order, if they have some.

    Texts get the order of `names`; without names the order of their values if all are numbers, else the alphabet's.
    Whole numbers that start elsewhere than at 0 are counted from there. Raises DataError for labels that are anything
    else, or whose classes have gaps, no names or no training images.
    """
    vectors, remarks = one_class_each(labels, counts)
    texts = {key for key, array in vectors.items() if array.dtype.kind in "US"}
    if texts and len(texts) < len(vectors):
        raise DataError(f"{' and '.join(texts)} has texts, {' and '.join({*vectors} - texts)} numbers: one is wanted")
    numbered = from_texts(vectors, names) if texts else from_numbers(vectors, names)
    return numbered._replace(remarks=remarks + numbered.remarks)


def one_class_each(labels: Mapping[str, np.ndarray], counts: Mapping[str, int]) -> Converted:
    """Return labels as (N,) of whole numbers or texts. Raises DataError for anything else."""
    remarks: dict[str, None] = {}  # each once, in order
    arrays = {key: array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array for key, array in labels.items()}
    for key, array in arrays.items():
        given = f"{key} {array.shape} {array.dtype}"
        if is_one_hot(array, counts[key]):
            remarks["labels are one-hot: the column of the 1 is the class"] = None
            arrays[key] = array = array.argmax(axis=1)
        if array.ndim == 2 and len(array) == counts[key]:
            raise DataError(
                f"{given} has {array.shape[1]} labels an image (multi-label): one class per image is needed. "
                "Save one column of it, or a class number computed from all."
            )
        kind = array.dtype.kind
        if array.shape != (counts[key],) or kind not in "buifUS" or (kind == "f" and not is_whole(array)):
            raise DataError(f"{given}: a whole number for each of {counts[key]} images is wanted, or a text")
        if kind == "u" and array.max() > np.iinfo(np.int64).max:
            raise DataError(f"{key} has the label {array.max()}: 0 to K-1 are wanted")
        if kind in "US" and not all(np.char.strip(array)):
            raise DataError(f"{key} has empty texts: a label for each of {counts[key]} images is wanted")
        if kind == "f":
            remarks[f"labels are {array.dtype}: read as whole numbers"] = None
        if kind == "b":
            remarks["labels are booleans: false and true are the classes 0 and 1"] = None
        if kind in "buif":
            arrays[key] = array.astype(np.int64)
        elif kind == "S":
            arrays[key] = np.char.decode(array, "utf-8", "replace")
    return Converted(arrays, list(remarks))


def is_one_hot(labels: np.ndarray, count: int) -> bool:
    """Return whether each row is 0 but for a single 1."""
    if labels.ndim != 2 or len(labels) != count or labels.dtype.kind not in "buif":
        return False
    return bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())


def is_whole(labels: np.ndarray) -> bool:
    """Return whether all are whole numbers that a float64 holds exactly."""
    return bool((np.isfinite(labels) & (labels == np.rint(labels)) & (np.abs(labels) < 2**53)).all())


def from_texts(labels: Mapping[str, np.ndarray], names: Sequence[str]) -> Classes:
    """Return the classes of texts, named by them. Raises DataError as `class_numbers`."""
    train, *_ = labels.values()
    found = np.unique(train).tolist()
    order = list(names) or in_order(found)
    place = {text: number for number, text in enumerate(order)}
    for key, array in labels.items():
        for text in np.unique(array).tolist():
            if text not in place:
                known = "names" if names else "the training images' labels"
                raise DataError(f"{key} has {text!r}, which is none of {known}: {listed(order)}")
    numbers = {key: np.array([place[text] for text in array.tolist()], np.int64) for key, array in labels.items()}
    remark = f"labels are texts: {listed(order)} are the classes 0 to {len(order) - 1}"
    return Classes(require_all(numbers, len(order), order), tuple(order), [remark])


def from_numbers(labels: Mapping[str, np.ndarray], names: Sequence[str]) -> Classes:
    """Return the classes of whole numbers, counted from the smallest one. Raises DataError as `class_numbers`."""
    train, *others = labels.values()
    there = np.unique(train)
    first, last = int(there[0]), int(there[-1])
    if first < 0:
        raise DataError(f"labels start at {first}: 0 to K-1 are wanted")
    remarks: list[str] = []
    shifted = 0
    if first > 0 and len(there) > 1 and (not names or last - first + 1 == len(names)):
        if missing := gap(there, first, last):
            raise DataError(f"no training image of class {missing}: labels {first} to {last} without gaps are wanted")
        shifted = first
        remarks.append(f"labels {first} to {last} are the classes 0 to {last - first}")
    if names and last - shifted >= len(names):
        raise DataError(f"label {last} has no name: there are {len(names)} names")
    classes = len(names) or last - shifted + 1
    for array in others:
        outside = array[(array < shifted) | (array >= shifted + classes)]
        if len(outside):
            allowed = f"{shifted} to {shifted + classes - 1}"
            raise DataError(f"test label {outside[:1]} is none of the training images' {allowed}")
    named = tuple(names) or (tuple(map(str, range(first, last + 1))) if shifted else ())
    numbers = {key: array - shifted for key, array in labels.items()}
    return Classes(require_all(numbers, classes, named), named, remarks)


def require_all(labels: dict[str, Any], classes: int, names: Sequence[str]) -> dict[str, Any]:
    """Return the labels. Raises DataError unless there are two classes and a training image of each."""
    train = next(iter(labels.values()))
    there = np.unique(train)
    if len(there) < 2:
        raise DataError(f"all {len(train)} training images are of one class, two are wanted at least")
    if (missing := gap(there, 0, classes - 1)) is not None:
        known = f" ({listed([names[missing]])})" if names and names[missing] != str(missing) else ""
        raise DataError(f"no training image of class {missing}{known}: labels 0 to {classes - 1} are wanted")
    return labels


def gap(there: np.ndarray, first: int, last: int) -> int | None:
    """Return the smallest number from `first` to `last` that is not among these, which are sorted and differ."""
    expected = first + np.arange(len(there))
    different = np.flatnonzero(there != expected)
    if len(different):
        return int(expected[different[0]])
    return first + len(there) if first + len(there) <= last else None


def in_order(texts: Sequence[str]) -> list[str]:
    """Return texts in the order of their values if all are numbers, else in the alphabet's."""
    numeric = all(re.fullmatch(r"[+-]?\d+(\.\d+)?", text) for text in texts)
    return sorted(texts, key=float) if numeric else sorted(texts)


def listed(texts: Sequence[str]) -> str:
    """Return all texts in one line, or the first and the last ones of many; long ones are shortened."""
    lines = [" ".join(text.split()) for text in texts]
    short = [line if len(line) <= 40 else f"{line[:37]}..." for line in lines]
    return ", ".join(short) if len(short) <= 10 else f"{', '.join(short[:3])}, ..., {short[-1]}"
