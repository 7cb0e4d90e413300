"""Tests of the conversion of data sets in the formats of MedMNIST, Keras, scikit-learn and torchvision."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run as Train
from image_sets import made_up, save_npz

import digitcmp
from digitcmp.data import conversion, datasets
from digitcmp.errors import DataError
from digitcmp.runs.result import record_result

KEYS = ("train_images", "train_labels", "test_images", "test_labels")
SMALL = ("data.train_pairs=20", "data.val_pairs=5", "data.test_pairs=20", "epochs=1")
PLAIN = dict(zip(KEYS, (*made_up(5, 20, 1, 60, seed=0), *made_up(5, 20, 1, 60, seed=1)), strict=True))


def load(file: Path, arrays: dict[str, Any], **more: Any) -> datasets.DataSet:
    np.savez(file, **arrays, **more)
    return datasets.load("own", file.parent, file=str(file))


def changed(images: Callable[[Any], Any] = lambda x: x, labels: Callable[[Any], Any] = lambda x: x) -> dict[str, Any]:
    return {key: (images if key.endswith("images") else labels)(array) for key, array in PLAIN.items()}


@pytest.fixture
def plain(tmp_path: Path) -> datasets.DataSet:
    data = load(tmp_path / "plain.npz", PLAIN)
    assert np.array_equal(data.train.images, PLAIN["train_images"]) and data.remarks == ()
    return data


def assert_equal(data: datasets.DataSet, expected: datasets.DataSet, *remarks: str) -> None:
    for pool, other in ((data.train, expected.train), (data.test, expected.test)):
        assert pool.images.dtype == np.uint8 and pool.labels.dtype == np.int64
        assert np.array_equal(pool.images, other.images) and np.array_equal(pool.labels, other.labels)
    assert data.images == expected.images and data.remarks == remarks


def test_medmnist(tmp_path: Path, plain: datasets.DataSet) -> None:
    arrays = changed(labels=lambda x: x.astype(np.uint8)[:, None])
    data = load(tmp_path / "a.npz", arrays, val_images=PLAIN["test_images"], val_labels=arrays["test_labels"])
    assert_equal(data, plain, "val_images, val_labels not read: validation pairs are drawn from train_images")


@pytest.mark.parametrize(
    "keys", [("x_train", "y_train", "x_test", "y_test"), ("X_train", "y_train", "X_test", "y_test")]
)
def test_names_of_keras_and_scikit_learn(tmp_path: Path, plain: datasets.DataSet, keys: tuple[str, ...]) -> None:
    data = load(tmp_path / "a.npz", dict(zip(keys, PLAIN.values(), strict=True)), ids=np.arange(60))
    assert_equal(data, plain, "ids not read")


def test_a_file_that_lacks_one_of_keras_arrays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a.npz has no y_test; expected x_train, y_train, x_test, y_test"):
        load(tmp_path / "a.npz", {"x_train": 1, "y_train": 1, "x_test": 1})


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "longdouble", ">f4"])
def test_pixels_from_0_to_1(tmp_path: Path, plain: datasets.DataSet, kind: str) -> None:
    data = load(tmp_path / "a.npz", changed(images=lambda x: (x / 255).astype(kind)))
    highest = f"{float((np.array(254) / 255).astype(kind)):g}"
    assert_equal(data, plain, f"pixels from 0 to {highest} are multiplied by 255")


@pytest.mark.parametrize(("kind", "remark"), [(bool, "false and true"), (np.uint8, "0 and 1"), (float, "from 0 to 1")])
def test_binary_pixels(tmp_path: Path, kind: type, remark: str) -> None:
    binary = load(tmp_path / "a.npz", changed(images=lambda x: (x > 100) * np.uint8(255)))
    assert np.unique(binary.train.images).tolist() == [0, 255] and binary.remarks == ()
    data = load(tmp_path / "b.npz", changed(images=lambda x: (x > 100).astype(kind)))
    assert_equal(data, binary, f"pixels {remark} are multiplied by 255")


@pytest.mark.parametrize("kind", [np.int16, np.uint64, np.float16, np.float64])
def test_pixels_from_0_to_255_in_other_types(tmp_path: Path, plain: datasets.DataSet, kind: type) -> None:
    assert_equal(load(tmp_path / "a.npz", changed(images=lambda x: np.asfortranarray(x.astype(kind)))), plain)


def test_fractions_are_rounded(tmp_path: Path, plain: datasets.DataSet) -> None:
    data = load(tmp_path / "a.npz", changed(images=lambda x: np.clip(x + 0.3, 0, 255)))
    assert_equal(data, plain, "pixels have fractions and are rounded to whole gray values")
    errors = load(tmp_path / "b.npz", changed(images=lambda x: x / np.float32(255) * np.float32(255)))
    assert_equal(errors, plain)


def test_scikit_learn_digits_are_said_to_be_dark(tmp_path: Path) -> None:
    """load_digits().images are floats from 0 to 16."""
    data = load(tmp_path / "a.npz", changed(images=lambda x: np.rint(x / 16)))
    assert data.train.images.max() == 16
    assert data.remarks == ("no pixel is above 16 of 255: the images are dark and used unchanged",)


def test_few_gray_levels(tmp_path: Path) -> None:
    data = load(tmp_path / "a.npz", changed(images=lambda x: x // 64 * 85))
    assert data.remarks == ("pixels have 4 gray levels: 0, 85, 170, 255",)
    data = load(tmp_path / "a.npz", changed(images=lambda x: (x // 64) / 3))
    assert data.remarks[1:] == ("pixels have 4 gray levels: 0, 85, 170, 255",)
    with pytest.raises(DataError, match="train_images has 2 gray levels, none above 1; expected gray values from 0"):
        load(tmp_path / "a.npz", changed(images=lambda x: x / 255 / 255))  # divided by 255 twice


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first(tmp_path: Path, channels: int) -> None:
    """SVHN and STL10 of torchvision have the shape (N, 3, H, W), tensors of gray images (N, 1, H, W)."""
    train, test = (made_up(5, 20, channels, 60, seed) for seed in (0, 1))
    arrays = dict(zip(KEYS, (*train, *test), strict=True))
    expected = load(tmp_path / "a.npz", arrays)
    for key in ("train_images", "test_images"):
        arrays[key] = arrays[key][:, None] if channels == 1 else np.moveaxis(arrays[key], 3, 1)
    remarks = [f"{key} has its channels first: converted from (60, 3, 20, 20) to (60, 20, 20, 3)" for key in KEYS[::2]]
    assert_equal(load(tmp_path / "b.npz", arrays), expected, *(remarks if channels == 3 else []))


@pytest.mark.parametrize(
    ("convert", "names", "remark"),
    [
        (lambda x: x + 1, "12345", "labels 1 to 5 are the classes 0 to 4"),
        (lambda x: (x + 5).astype(np.uint8)[:, None], "56789", "labels 5 to 9 are the classes 0 to 4"),
        (lambda x: x.astype(float), "01234", "labels are float64 and converted to whole numbers"),
        (lambda x: np.array(list("ABCDE"))[x], "ABCDE", "labels are strings: A, B, C, D, E are the classes 0 to 4"),
        (
            lambda x: np.array(list("ABCDE"), "S")[x],
            "ABCDE",
            "labels are strings: A, B, C, D, E are the classes 0 to 4",
        ),
        (lambda x: np.eye(5, dtype=np.float32)[x], "01234", "labels are one-hot: the column of the 1 is the class"),
    ],
)
def test_labels(
    tmp_path: Path, plain: datasets.DataSet, convert: Callable[[Any], Any], names: str, remark: str
) -> None:
    data = load(tmp_path / "a.npz", changed(labels=convert))
    assert np.array_equal(data.train.labels, plain.train.labels)
    assert np.array_equal(data.test.labels, plain.test.labels)
    assert data.images.names == tuple(names) and data.remarks == (remark,)


def test_booleans_as_labels(tmp_path: Path) -> None:
    data = load(tmp_path / "a.npz", changed(labels=lambda x: x > 2))
    assert data.train.labels.tolist() == (PLAIN["train_labels"] > 2).tolist() and data.images.names == ("0", "1")
    assert data.remarks == ("labels are booleans: false and true are the classes 0 and 1",)


def test_the_order_of_texts(tmp_path: Path) -> None:
    """Labels that are numbers as strings are ordered by value, or as in `names` if the file has it."""
    texts = np.array(["10", "9", "-1", "2.5", "100"])
    data = load(tmp_path / "a.npz", changed(labels=lambda x: texts[x]))
    assert data.images.names == ("-1", "2.5", "9", "10", "100")
    assert [data.images.names[label] for label in data.train.labels] == texts[PLAIN["train_labels"]].tolist()
    data = load(tmp_path / "a.npz", changed(labels=lambda x: texts[x]), names=texts)
    assert data.images.names == tuple(texts) and np.array_equal(data.test.labels, PLAIN["test_labels"])


def test_names_of_labels_from_1(tmp_path: Path, plain: datasets.DataSet) -> None:
    data = load(tmp_path / "a.npz", changed(labels=lambda x: x + 1), names=np.array(list("abcde")))
    assert data.images.names == tuple("abcde") and np.array_equal(data.train.labels, plain.train.labels)
    assert data.remarks == ("labels 1 to 5 are the classes 0 to 4",)


def test_many_texts_are_one_line() -> None:
    labels = {"train_labels": np.array([f"{n:02}" for n in range(40)]), "test_labels": np.array(["07"])}
    classes = conversion.class_numbers(labels, {"train_labels": 40, "test_labels": 1})
    assert classes.remarks == ["labels are strings: 00, 01, 02, ..., 39 are the classes 0 to 39"]
    assert classes.labels["test_labels"].tolist() == [7]
    labels = {key: np.array(["one\nline", "x" * 99]) for key in labels}
    classes = conversion.class_numbers(labels, dict.fromkeys(labels, 2))
    assert classes.remarks == [f"labels are strings: one line, {'x' * 37}... are the classes 0 to 1"]
    assert classes.names == ("one\nline", "x" * 99)


def test_a_run_on_converted_data(train: Train, tmp_path: Path) -> None:
    """The saved network has the string labels as the names of its classes."""
    arrays = changed(lambda x: x / 255, lambda x: np.array(["ant", "bee", "cat", "dog", "eel"])[x])
    save_npz(tmp_path / "own.npz", **arrays)
    train("data=npz", "data.file=own.npz", *SMALL, "hydra.run.dir=out")
    assert digitcmp.load(tmp_path / "out").images.names == ("ant", "bee", "cat", "dog", "eel")


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
