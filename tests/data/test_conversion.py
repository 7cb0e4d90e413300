"""Tests of the conversion of images and labels: docs/data.md, row by row."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run as Train
from image_sets import made_up, save_npz

import digitcmp
from digitcmp.data import datasets
from digitcmp.data.conversion import Raw, convert
from digitcmp.errors import DataError
from digitcmp.runs.result import record_result

SMALL = ("data.train_pairs=20", "data.val_pairs=5", "data.test_pairs=20", "epochs=1")
PLAIN = [made_up(5, 20, 1, 60, seed) for seed in (0, 1)]
CLASSES = "are the classes 0 to 4"

Change = Callable[[Any], Any]


def changed(images: Change = lambda x: x, labels: Change = lambda x: x, names: Sequence[str] = ()) -> Raw:
    """Return made-up training and test arrays, changed."""
    return Raw([images(x) for x, _ in PLAIN], [labels(y) for _, y in PLAIN], names)


def labels(change: Change, *names: str) -> Raw:
    return changed(labels=change, names=names)


def only_test(change: Change, labels: Change = lambda y: y) -> Raw:
    (images, classes), (test_images, test_classes) = PLAIN
    return Raw([images, change(test_images)], [classes, labels(test_classes)])


def assert_converted(raw: Raw, expected: Raw, *remarks: str, names: Sequence[str] = "01234") -> None:
    data = convert(raw, None)
    for arrays, others, kind in ((data.images, expected.images, np.uint8), (data.labels, expected.labels, np.int64)):
        for array, other in zip(arrays, others, strict=True):
            assert array.dtype == kind and np.array_equal(array, other)
    assert list(data.names) == list(names) and data.remarks == list(remarks)


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        *((lambda x, kind=kind: np.asfortranarray(x.astype(kind)), "") for kind in ("i2", "u8", "f2", ">f4", "f8")),
        (lambda x: x / np.float32(255) * np.float32(255), ""),
        *((lambda x, kind=kind: (x / 255).astype(kind), "from 0 to 0.996") for kind in ("f2", "f4", "f8", "g", ">f4")),
        (lambda x: np.clip(x + 0.3, 0, 255), "pixels have fractions and are rounded to whole gray values"),
        (lambda x: x.astype(np.uint16) * 257, "pixels have 16 bits, up to 65278, and are divided by 257"),
        (lambda x: x.astype(float) * 257, "pixels have 16 bits, up to 65278, and are divided by 257"),
        (lambda x: x.reshape(60, 400), "images of the shape (120, 400) are read as (120, 20, 20)"),
        (lambda x: x[:, None], "images of the shape (120, 1, 20, 20) are read as (120, 20, 20)"),
        (lambda x: x[..., None], "images of the shape (120, 20, 20, 1) are read as (120, 20, 20)"),
    ],
)
def test_images(change: Change, remark: str) -> None:
    raw = changed(change)
    found = convert(raw, None).remarks
    assert len(found) == bool(remark) and all(remark in line for line in found)
    assert_converted(raw, changed(), *found)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_binary_pixels(kind: type) -> None:
    binary = changed(lambda x: (x > 100) * np.uint8(255))
    assert_converted(binary, binary)
    assert_converted(changed(lambda x: (x > 100).astype(kind)), binary, "pixels are from 0 to 1 and multiplied by 255")


def test_dark_images_are_reported() -> None:
    dark = changed(lambda x: np.rint(x / 16))  # as scikit-learn's load_digits().images
    assert_converted(dark, dark, "no pixel is above 16 of 255: the images are dark and used unchanged")


def test_channels_first() -> None:
    """SVHN and STL10 of torchvision have the shape (N, 3, H, W)."""
    expected = Raw(*zip(*(made_up(5, 20, 3, 60, seed) for seed in (0, 1)), strict=True))
    raw = expected._replace(images=[np.moveaxis(images, 3, 1) for images in expected.images])
    assert_converted(expected, expected)
    assert_converted(raw, expected, "images of the shape (120, 3, 20, 20) are read as (120, 20, 20, 3)")


TEXTS = np.array(["ant", "bee", "cat", "dog", "eel"])


@pytest.mark.parametrize(
    ("change", "names", "remarks"),
    [
        (lambda y: y.astype(np.uint8)[:, None], "01234", []),
        (lambda y: y + 1, "12345", [f"labels 1, 2, 3, 4, 5 {CLASSES}"]),
        (lambda y: (y + 5).astype(np.uint8)[:, None], "56789", [f"labels 5, 6, 7, 8, 9 {CLASSES}"]),
        (lambda y: 10 * y, ["0", "10", "20", "30", "40"], [f"labels 0, 10, 20, 30, 40 {CLASSES}"]),
        (lambda y: y.astype(float), "01234", ["labels of the type float64 are read as whole numbers"]),
        (lambda y: np.array(list("ABCDE"))[y], "ABCDE", [f"labels A, B, C, D, E {CLASSES}"]),
        (lambda y: y.astype(str), "01234", []),
        (lambda y: np.eye(5, dtype=np.float32)[y], "01234", ["labels are one-hot: the column of the 1 is the class"]),
        (lambda y: np.eye(5, dtype=bool)[y], "01234", ["labels are one-hot: the column of the 1 is the class"]),
    ],
)
def test_labels(change: Change, names: Sequence[str], remarks: list[str]) -> None:
    assert_converted(changed(labels=change), changed(), *remarks, names=names)


def test_booleans_as_labels() -> None:
    data = convert(changed(labels=lambda y: y > 2), None)
    assert data.labels[0].tolist() == (PLAIN[0][1] > 2).tolist() and list(data.names) == ["0", "1"]
    assert data.remarks == ["labels of the type bool are read as whole numbers"]


def test_the_order_and_the_names_of_classes() -> None:
    """Texts that are numbers are ordered by value, others alphabetically, or as in the names."""
    texts = np.array(["10", "9", "-1", "2.5", "100"])
    data = convert(changed(labels=lambda y: texts[y]), None)
    assert data.names == ["-1", "2.5", "9", "10", "100"]
    assert [data.names[label] for label in data.labels[0]] == texts[PLAIN[0][1]].tolist()
    named = changed(labels=lambda y: texts[y])._replace(names=texts.tolist())
    assert_converted(named, changed(), f"labels 10, 9, -1, 2.5, 100 {CLASSES}", names=texts.tolist())
    named = changed(labels=lambda y: y + 1)._replace(names=list("abcde"))
    assert_converted(named, changed(), f"labels 1, 2, 3, 4, 5 {CLASSES}", names="abcde")
    many = Raw([PLAIN[0][0]], [np.array([f"{n:02} {'x' * 9}" for n in range(60)])])
    [remark] = convert(many, None).remarks
    assert remark.startswith("labels 00 xxx") and remark.endswith(" ... are the classes 0 to 59") and len(remark) < 140


REJECTED: list[tuple[Raw, str]] = [
    (changed(lambda x: x / 127.5 - 1), "float64 (120, 20, 20) from -1 to 0.992157 is not allowed; expected images"),
    (only_test(lambda x: x.astype(int) - 128), "int64 (120, 20, 20) from -128 to 254"),
    (only_test(lambda x: np.where(x > 200, np.nan, x)), "from nan to nan is not allowed"),
    (changed(lambda x: np.where(x > 200, np.inf, x)), "from 0 to inf"),
    (only_test(lambda x: x / 255), "from 0 to 254 is not allowed; expected images"),
    (only_test(lambda x: x > 100), "alike in training and test images"),
    (only_test(lambda x: x // 64), "alike in training and test images"),
    (changed(lambda x: x // 64), "from 0 to 3 is not allowed"),
    (changed(lambda x: x / 250), "from 0 to 1.016"),
    (changed(lambda x: x / x.std()), "from 0 to 4"),
    (changed(lambda x: x.astype(np.uint16) * 16), "from 0 to 4064"),
    (only_test(lambda x: x.astype(np.uint16) * 16), "from 0 to 4064"),
    (changed(lambda x: x.astype(np.uint32) * 1000), "from 0 to 254000"),
    (changed(lambda x: np.full_like(x, 128)), "from 128 to 128"),
    (changed(lambda x: x * 1j), "complex128 (120, 20, 20) is not allowed"),
    (changed(lambda x: x.astype(str)), "<U3 (120, 20, 20) is not allowed"),
    (changed(lambda x: x.astype(object)), "object (120, 20, 20) is not allowed"),
    (changed(lambda x: x.reshape(60, -1)[:, 1:]), "uint8 (120, 399) from 0 to 254 is not allowed"),
    (changed(lambda x: np.stack([x] * 4, axis=3)), "uint8 (120, 20, 20, 4) from 0 to 254 is not allowed"),
    (changed(lambda x: x[:0], lambda y: y[:0]), "uint8 (0, 20, 20) is not allowed"),
    (changed(lambda x: x[:, 1:]), "(120, 19, 20) are not squares. Set data.side=N to resize them."),
    (labels(lambda y: y - 1), "labels int64 (120,) from -1 to 3 are not allowed; expected a whole number from 0 or"),
    (only_test(lambda x: x, lambda y: y + 1), "training labels 0, 1, 2, 3, 4 of the labels 0, 1, 2, 3, 4, 5 are not"),
    (labels(lambda y: y + 0.5), "labels float64 (120,) from 0.5 to 4.5 are not allowed; expected a whole number"),
    (labels(lambda y: np.where(y == 3, np.nan, y)), "labels float64 (120,) from nan to nan are not allowed"),
    (labels(lambda y: y[1:]), "labels int64 (59,) from 0 to 4 and int64 (59,) from 0 to 4 are not allowed; "),
    (Raw([PLAIN[0][0][1:], *PLAIN[1][:1]], [y for _, y in PLAIN]), "expected one for each of 119 images"),
    (labels(lambda y: y * 0), "training labels 0 of the labels 0 are not allowed; expected two or more"),
    (labels(lambda y: (np.arange(14) % 5 == y[:, None]) * 1), "labels int64 (120, 14) from 0 to 1 are not allowed"),
    (only_test(lambda x: x, lambda y: (y + 1).astype(str)), "of the labels 0, 1, 2, 3, 4, 5 are not allowed"),
    (labels(lambda y: np.array(["a", "", "b", "c", "d"])[y]), "labels <U1 (120,) are not allowed"),
    (labels(lambda y: y.astype(object)), "labels object (120,) are not allowed"),
    (labels(lambda y: TEXTS[y], "ant", "bee"), "the names ant, bee are not allowed; expected a string for each of ant"),
    (labels(lambda y: y, "a", "b"), "the names a, b are not allowed; expected a string for each of 0, 1, 2, 3, 4"),
    (labels(lambda y: y, *"abcdef"), "the names a, b, c, d, e, f are not allowed; "),
    (labels(lambda y: y, *"abacd"), "the names a, b, a, c, d are not allowed; expected a string for each of 0"),
]


@pytest.mark.parametrize(("raw", "message"), REJECTED, ids=[message[:40] for _, message in REJECTED])
def test_the_rejected(raw: Raw, message: str) -> None:
    with pytest.raises(DataError, match=f"^.*{re.escape(message)}.*$"):
        convert(raw, None)


def test_training_and_test_images_of_different_shapes(tmp_path: Path) -> None:
    for shape in ((60, 19, 19), (60, 20, 20, 3)):
        save_npz(tmp_path / "own.npz", test_images=np.zeros(shape, np.uint8))
        with pytest.raises(DataError, match=f"^.*own.npz: .* and test images of {re.escape(str(shape[1:]))}; "):
            datasets.load("own", file=str(tmp_path / "own.npz"))
    save_npz(tmp_path / "own.npz", test_images=np.zeros((), np.uint8))  # one number
    with pytest.raises(DataError, match=r"^.*own.npz: .* and test images of \(\); expected one shape$"):
        datasets.load("own", file=str(tmp_path / "own.npz"))


def test_a_run_on_converted_data(train: Train, tmp_path: Path) -> None:
    """The saved network has the string labels as the names of its classes, and the result the remarks."""
    arrays = {f"{split}_images": images / 255 for split, (images, _) in zip(("train", "test"), PLAIN, strict=True)}
    arrays |= {f"{split}_labels": TEXTS[labels] for split, (_, labels) in zip(("train", "test"), PLAIN, strict=True)}
    save_npz(tmp_path / "own.npz", **arrays, val_images=PLAIN[0][0])
    train("data=npz", "data.file=own.npz", *SMALL, "hydra.run.dir=out")
    assert digitcmp.load(tmp_path / "out").images.names == tuple(TEXTS)
    assert json.loads((tmp_path / "out/result.json").read_text())["data_remarks"].split("; ")[0] == (
        "val_images not read"
    )


def test_a_sweep_prints_the_remarks_once(train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The remarks are read from the results. A result without a remark counts as finished too."""
    save_npz(tmp_path / "own.npz")
    sweep = ("-m", "data=npz", "data.file=own.npz", *SMALL, "seed=0,1,2", "hydra/launcher=basic")
    train(*sweep)
    for file in sorted((tmp_path / "multirun").rglob("result.json"))[:2]:
        record_result(file.parent, json.loads(file.read_text()) | {"data_remarks": "two lines; in one"})
    capsys.readouterr()
    again = train(*sweep).stdout
    assert "3 finished before" in again and again.count("data: two lines; in one\n") == 1
