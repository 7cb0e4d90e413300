"""Tests of third-party files: .npz, .csv, .parquet, folders of pictures, torchvision and scikit-learn."""

import io
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from conftest import Run as Train
from drawings import png_of_16_bits
from image_sets import fake_torchvision, made_up, save_idx, save_npz
from PIL import Image

from digitcmp.config.conf import CONF
from digitcmp.data import datasets
from digitcmp.data.images import resize
from digitcmp.data.sources import FILES, SOURCES
from digitcmp.data.spec import ImageSpec
from digitcmp.errors import DataError
from digitcmp.files import checksum
from digitcmp.runs.result import read_result

SMALL = ("data.train_pairs=20", "data.val_pairs=5", "data.test_pairs=20", "epochs=1")
DIGITS = datasets.load("mnist", Path()).train


def load(path: Path, **options: Any) -> datasets.DataSet:
    """Return the data set in a file or folder."""
    return datasets.load("own", path.parent / "root", file=str(path), **options)


def assert_equal(data: datasets.DataSet, expected: datasets.DataSet) -> None:
    for pool, other in ((data.train, expected.train), (data.test, expected.test)):
        assert np.array_equal(pool.images, other.images) and np.array_equal(pool.labels, other.labels)
    assert data.images == expected.images


def kaggle(images: np.ndarray, labels: np.ndarray) -> pandas.DataFrame:
    """Return images as a table with a column label and a column for each pixel."""
    pixels = pandas.DataFrame(images.reshape(len(images), -1)).add_prefix("pixel")
    pixels.insert(0, "label", labels)
    return pixels


def hugging_face(images: np.ndarray, labels: np.ndarray) -> pandas.DataFrame:
    """Return images as a table of PNG pictures."""
    cells = []
    for image in images:
        Image.fromarray(image).save(stream := io.BytesIO(), "PNG")
        cells.append({"bytes": stream.getvalue(), "path": None})
    return pandas.DataFrame({"image": cells, "label": labels})


def save_folder(folder: Path, images: np.ndarray, labels: Any, save: Callable[..., None] | None = None) -> None:
    """Write pictures into a folder with a folder for each class, by default as PNG."""
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        picture, file = Image.fromarray(image), folder / str(label) / f"{i:04}.png"
        if save:
            save(picture, file)
        else:
            picture.save(file)


def test_a_kaggle_csv_has_the_scores_of_the_same_images_in_a_npz(train: Train, tmp_path: Path) -> None:
    images, labels = DIGITS.images[:3000], DIGITS.labels[:3000]
    kaggle(images, labels).to_csv(tmp_path / "own.csv", index=False)
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    results = []
    for kind in ("csv", "npz"):
        train(f"data={kind}", f"data.file=own.{kind}", *SMALL, f"hydra.run.dir={kind}")
        results.append(read_result(tmp_path / kind) or {})
    assert results[0]["test_loss"] == results[1]["test_loss"]
    assert results[0]["data_remarks"] == "images of the shape (3000, 196) are read as (3000, 14, 14)"
    assert [result["data_crc"] for result in results] == [checksum(tmp_path / f"own.{kind}") for kind in ("csv", "npz")]


def test_undivided_images_are_divided_by_position(tmp_path: Path) -> None:
    images, labels = DIGITS.images[:300], DIGITS.labels[:300]
    expected = None
    for keys in (("images", "labels"), ("x", "y"), ("X", "y"), ("data", "target")):
        np.savez(tmp_path / "own.npz", **dict(zip(keys, (images, labels), strict=True)))
        data = load(tmp_path / "own.npz")
        assert np.bincount(data.test.labels).tolist() == (np.bincount(labels) // 3).tolist() and not data.remarks
        rows = np.flatnonzero(labels == 7)
        assert np.array_equal(data.test.images[data.test.labels == 7], images[rows[-(len(rows) // 3) :]])
        assert_equal(data, expected or data)
        expected = data


def test_a_parquet_has_the_images_of_the_same_npz(tmp_path: Path) -> None:
    """Hugging Face's metadata contain the names of the classes."""
    import pyarrow
    from pyarrow import parquet

    images, labels = DIGITS.images[:300], DIGITS.labels[:300] % 2
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    table = pyarrow.Table.from_pandas(hugging_face(images, labels))
    parquet.write_table(table, tmp_path / "own.parquet")
    expected = load(tmp_path / "own.npz")
    assert_equal(load(tmp_path / "own.parquet"), expected)
    features = b'{"info": {"features": {"label": {"names": ["cat", "ant"], "_type": "ClassLabel"}}}}'
    parquet.write_table(table.replace_schema_metadata({b"huggingface": features}), tmp_path / "own.parquet")
    names = replace(expected.images, names=("cat", "ant"))
    assert_equal(load(tmp_path / "own.parquet"), expected._replace(images=names))


def test_a_file_for_training_and_one_for_test(train: Train, tmp_path: Path) -> None:
    halves = slice(0, 200), slice(200, 300)
    for half, name in zip(halves, ("train", "test"), strict=True):
        hugging_face(DIGITS.images[half], DIGITS.labels[half]).to_parquet(tmp_path / f"{name}.parquet")
    files = {name: str(tmp_path / f"{name}.parquet") for name in ("test", "train")}
    data = datasets.load("parquet", tmp_path / "root", file=files)
    for pool, half in zip((data.train, data.test), halves, strict=True):
        assert np.array_equal(pool.images, DIGITS.images[half]) and np.array_equal(pool.labels, DIGITS.labels[half])
    two = "data.file={train: train.parquet, test: test.parquet}"
    train("data=parquet", two, *SMALL, "hydra.run.dir=out")
    assert (read_result(tmp_path / "out") or {})["data_crc"] == checksum(files)
    refused = train("data=parquet", "data.file={train: train.parquet}", *SMALL, code=1).stderr
    assert 'data.file={"train":"train.parquet"} is not allowed' in refused and refused.count("\n") == 1
    save_npz(tmp_path / "own.npz")
    with pytest.raises(DataError, match="training and test images are expected, one set in each, "):
        datasets.load("npz", tmp_path, file=files | {"test": str(tmp_path / "own.npz")})


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("save", "remark"),
    [
        (lambda picture, file: picture.save(file, "BMP"), ""),
        (lambda picture, file: picture.save(file, "TIFF"), ""),
        (lambda picture, file: picture.save(file, "WEBP", lossless=True), ""),
        (lambda picture, file: picture.quantize(256).save(file, "GIF"), ""),
        (lambda picture, file: picture.quantize(256).save(file, "PNG"), ""),
        (lambda picture, file: picture.convert("RGB").save(file, "PNG"), ""),
        (lambda picture, file: picture.convert("RGBA").save(file, "PNG"), "have transparent parts, "),
        (lambda picture, file: picture.convert("RGB").convert("CMYK").save(file, "TIFF"), "are in CMYK and converted"),
        (lambda picture, file: file.write_bytes(png_of_16_bits(np.uint16(picture) * 257)), "have 16 bits and are div"),
    ],
    ids=["BMP", "TIFF", "WebP", "GIF", "palette", "RGB", "RGBA", "CMYK", "16 bits"],
)
def test_pictures_have_the_pixels_of_the_same_npz(
    tmp_path: Path, save: Callable[..., None], remark: str, channels: int
) -> None:
    images, labels = made_up(3, 8, channels, 18)  # 64 colours at most, which a palette keeps
    images[:, 0, 0] = 255
    save_folder(tmp_path / "own", images, labels, save)
    order = np.argsort(labels, kind="stable")
    np.savez(tmp_path / "own.npz", images=images[order], labels=labels[order])
    data = load(tmp_path / "own")
    assert_equal(data, load(tmp_path / "own.npz"))
    assert len(data.remarks) == bool(remark) and all(
        line.startswith(f"18 of 18 pictures {remark}") for line in data.remarks
    )


def test_a_folder(tmp_path: Path) -> None:
    """Classes are ordered by number, also negative and decimal ones. Hidden files are ignored, others are reported.

    A changed picture is read again.
    """
    images, labels = made_up(4, 20, 1, 36)
    save_folder(tmp_path / "own", images, np.array(["10", "-2", "0.5", "-10"])[labels])
    before = checksum(tmp_path / "own")
    (tmp_path / "own/.ipynb_checkpoints").mkdir()
    (tmp_path / "own/.ipynb_checkpoints/a.png").touch()
    (tmp_path / "own/10/.DS_Store").touch()
    assert checksum(tmp_path / "own") == before
    data = load(tmp_path / "own")
    assert data.images == ImageSpec(1, 20, ("-10", "-2", "0.5", "10"), drawn=False)
    assert np.bincount(data.train.labels).tolist() == [6] * 4 and np.bincount(data.test.labels).tolist() == [3] * 4
    assert np.array_equal(data.test.images[-1], images[labels == 0][-1])
    assert data.remarks == ("labels -10, -2, 0.5, 10 are the classes 0 to 3",)
    assert load(tmp_path / "own", side=7).train.images.shape == (24, 7, 7)
    shutil.copy(sorted((tmp_path / "own/-2").iterdir())[0], sorted((tmp_path / "own/10").iterdir())[-1])
    (tmp_path / "own/notes.txt").touch()
    (tmp_path / "own/empty").mkdir()
    again = load(tmp_path / "own")
    assert np.array_equal(again.test.images[-1], images[labels == 1][0])
    assert "empty, notes.txt not read" in again.remarks


def test_a_folder_that_is_divided(tmp_path: Path) -> None:
    for part, n in (("train", 14), ("test", 4), ("val", 4)):
        images, labels = made_up(2, 9, 1, n)
        save_folder(tmp_path / "own" / part, images, np.array(["cat", "ant"])[labels])
    data = load(tmp_path / "own")
    assert data.images.names == ("ant", "cat")
    assert np.bincount(data.train.labels).tolist() == [7, 7] and np.bincount(data.test.labels).tolist() == [2, 2]
    assert "val not read" in data.remarks


def npz(**arrays: Any) -> Callable[[Path], None]:
    """Return a function that saves made-up arrays in a .npz, with others in their place, or without them for None."""
    return lambda file: save_npz(file, **arrays)


def table(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Return a function that saves a CSV of digits, changed."""
    return lambda file: change(kaggle(DIGITS.images[:60], DIGITS.labels[:60])).to_csv(file, index=False)


def renamed(**names: str) -> Callable[[Path], None]:
    return table(lambda digits: digits.rename(columns=names))


def rows(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Return a function that saves a Parquet file of digits, changed."""
    return lambda file: change(hugging_face(DIGITS.images[:60], DIGITS.labels[:60])).to_parquet(file)


def folder(change: Callable[[Path], Any]) -> Callable[[Path], None]:
    """Return a function that saves pictures of two classes, changed."""
    return lambda path: (save_folder(path, *made_up(2, 9, 1, 12)), change(path))[1]


def replaced(array: np.ndarray, name: str = "0/0000.png", **options: Any) -> Callable[[Path], None]:
    """Return a function that saves pictures of two classes, one of them of these pixels."""
    return folder(lambda path: Image.fromarray(array).save(path / name, **options))


def truncate(make: Callable[[Path], None], size: int, name: str = "") -> Callable[[Path], None]:
    return lambda file: (make(file), os.truncate(file / name, size))[1]


def halves(first: str, second: str, classes: int) -> Callable[[Path], None]:
    """Return a function that saves two folders of pictures, of two classes and of another number of classes."""
    return lambda path: [
        save_folder(path / part, *made_up(k, 9, 1, 12)) for part, k in ((first, 2), (second, classes))
    ][0]


def gray(value: int, kind: type = np.uint8) -> np.ndarray:
    return np.full((9, 9), value, kind)


OBJECTS = np.array([1, 2] * 30, dtype=object)
FRAMES = {"save_all": True, "append_images": [Image.new("L", (9, 9), 9)]}
COLOURS = png_of_16_bits(np.full((9, 9, 3), 4095, np.uint16))
UNFIT: list[tuple[str, Callable[[Path], Any], str]] = [  # suffix, writer, message
    (".npz", npz(train_labels=None), "contains train_images, test_images, test_labels; expected train_images"),
    (".npz", lambda file: np.savez(file, *made_up(5, 20, 1, 60)), "contains arr_0, arr_1; expected"),
    (".npz", truncate(npz(), 20_000), "cannot be read (BadZipFile: File is not a zip file); expected a form"),
    (
        ".npz",
        lambda file: file.write_text("label,pixel0\n3,255\n"),
        "cannot be read (BadZipFile: File is not a zip file)",
    ),
    (".npz", lambda file: file.touch(), "cannot be read (BadZipFile: File is not a zip file)"),
    (".npz", lambda file: torch.save({}, file), "contains "),
    (".npz", npz(train_labels=OBJECTS), "cannot be read (ValueError: Object arrays cannot be loaded"),
    (".npz", npz(names=np.array("a")), "cannot be read (TypeError: iteration over a 0-d array)"),
    (".npz", npz(names=np.array([b"a"] * 5)), "are not allowed; expected a string for each"),
    (".gz", lambda file: file.touch(), "the suffix is unknown; expected .npz, .csv, .parquet, or a folder"),
    (".csv", renamed(label="y"), "the columns are y, pixel0, pixel1, pixel2, "),
    (".csv", renamed(pixel0="class"), "expected exactly one of label, class"),
    (".csv", renamed(pixel0="id"), "are id, pixel1, pixel2, pixel3, pixel4, pixel5, pixel6, pixel7, pixel8"),
    (".csv", lambda file: kaggle(*DIGITS).head(9).to_csv(file), "the columns are Unnamed: 0, pixel0"),
    (".csv", renamed(pixel10="pixel9", pixel9="pixel10"), "expected pixel0, pixel1, ... in this order"),
    (".csv", table(lambda x: x.drop(columns="pixel195")), "int64 (60, 195) from 0 to 255 is not allowed"),
    (".csv", table(lambda x: x.assign(pixel3=[np.nan] * 60)), "from nan to nan is not allowed"),
    (".csv", table(lambda x: x.assign(pixel3="x")), "object (60, 196) is not allowed; expected images"),
    (".csv", table(lambda x: x.assign(label=["a", None] * 30)), "row 1 has no label; expected one in every"),
    (".csv", lambda file: file.write_text("label,pixel0\n1,2,3\n1,2,3\n"), "cannot be read (ParserWarning"),
    (".csv", lambda file: file.touch(), "cannot be read (EmptyDataError: No columns to parse from file)"),
    (".parquet", lambda file: file.write_text("no"), "cannot be read (Arrow"),
    (".parquet", rows(lambda x: x.rename(columns={"image": "img"})), "are img; expected the bytes of a pict"),
    (".parquet", rows(lambda x: x.assign(image="a.png")), "expected the bytes of a picture in every row of image"),
    (".parquet", rows(lambda x: x.assign(image=b"no")), "row 0 is not a picture; expected PNG, JPEG, BMP"),
    (".parquet", rows(lambda x: x.assign(label=[-1, 0] * 30)), "labels int64 (60,) from -1 to 0 are not allowed"),
    ("", folder(lambda path: (path / "1/a.txt").write_text("no")), "1/a.txt is not a picture; expected PNG"),
    ("", truncate(folder(lambda path: None), 100, "0/0000.png"), "0/0000.png cannot be read: "),
    ("", replaced(np.zeros((9, 7), np.uint8), "1/9.png"), "1/9.png has the size (9, 7), others (9, 9). Set data"),
    ("", replaced(gray(0), "1/9.gif", **FRAMES), "1/9.gif cannot be read: it has several"),
    ("", replaced(gray(4095, np.uint16)), "0/0000.png cannot be read: it has 16 bits but no value above 4112"),
    ("", folder(lambda path: (path / "0/0.png").write_bytes(COLOURS)), "it has 16 bits but no value above 3855"),
    ("", replaced(gray(1, np.float32), "0/0.tif"), "0/0.tif cannot be read: it has 32 bits per value;"),
    ("", folder(lambda path: shutil.rmtree(path / "1")), "training labels 0 of the labels 0 are not allowed"),
    ("", lambda path: path.mkdir(), "own is empty; expected a folder for each class, with pictures"),
    ("", halves("train", "valid", 2), "own/train/0 cannot be read: Is a directory"),
    ("", halves("train", "test", 3), "training labels 0, 1 of the labels 0, 1, 2 are not allowed"),
]


@pytest.mark.parametrize(("suffix", "make", "message"), UNFIT, ids=[f"{suffix} {text}" for suffix, _, text in UNFIT])
def test_an_unfit_file_is_a_line(tmp_path: Path, suffix: str, make: Callable[[Path], Any], message: str) -> None:
    file = tmp_path / f"own{suffix}"
    make(file)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=f"^{file}[: ]") as error:
        load(file)
    assert message in str(error.value) and "\n" not in str(error.value), error.value
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unfit_file_leaves_no_run(train: Train, tmp_path: Path) -> None:
    for side, make, message in (
        (20, {"n": 30}, "25 pairs requested from the 30 train images of own.npz; expected at most 15"),
        (4, {}, "model=ws3 cannot be trained: ValueError: images of 4x4 are too small for ws3; expected at least 5x5"),
    ):
        save_npz(tmp_path / "own.npz", side=side, **make)
        refused = train("data=npz", "data.file=own.npz", *SMALL, "hydra.run.dir=out", code=1).stderr
        assert message in refused and refused.count("\n") == 1, refused
        assert [file.name for file in tmp_path.iterdir()] == ["own.npz"]


@pytest.mark.parametrize(
    ("name", "file", "package"), [("own", "a.parquet", "pyarrow"), ("digits", None, "scikit-learn")]
)
def test_without_a_library(
    name: str, file: str | None, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.parquet").touch()
    for module in ("pyarrow", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    datasets.converted.cache_clear()
    with pytest.raises(DataError, match=f"^{file or name} needs {package}, .*. Run pip install {package}.$"):
        datasets.load(name, file=file)


def test_the_optical_digits(tmp_path: Path) -> None:
    scans = pytest.importorskip("sklearn.datasets").load_digits()
    data = datasets.load("digits", tmp_path)
    assert (len(data.train.labels), len(data.test.labels)) == (1201, 596)
    assert data.images == ImageSpec(side=8, drawn=False)
    shown = {image.tobytes() for image in np.rint(scans.images * 255 / 16).astype(np.uint8)}
    assert {image.tobytes() for pool in (data.train, data.test) for image in pool.images} == shown
    assert np.bincount(data.test.labels).tolist() == (np.bincount(scans.target) // 3).tolist()


GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@pytest.mark.parametrize(
    ("name", "spec"), [("fashion_mnist", ImageSpec(names=GARMENTS, drawn=False)), ("kmnist", ImageSpec(names=HIRAGANA))]
)
def test_the_files_of_torchvision_are_averaged(name: str, spec: ImageSpec, tmp_path: Path) -> None:
    fake_torchvision(tmp_path, name)
    raw = tmp_path / str(SOURCES[name]) / "raw"
    pixels = np.frombuffer((raw / "t10k-images-idx3-ubyte").read_bytes(), np.uint8)[16:].reshape(50, 28, 28)
    data = datasets.load(name, tmp_path)
    assert np.array_equal(data.test.images, resize(pixels, 14)) and data.images == spec


def test_classes_of_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class with the parameter `split` and labels from 1 is read. Items that are no pictures are rejected."""
    import torchvision

    class Letters(list):
        classes = ("N/A", "a", "b")

        def __init__(self, root: str, split: str = "train", download: bool = False) -> None:
            pixels, labels = made_up(2, 9, 1, 20 if split == "train" else 8)
            super().__init__(zip(map(Image.fromarray, pixels), (labels + 1).tolist(), strict=True))

    class Moving(Letters):
        def __getitem__(self, i: Any) -> Any:
            return torch.zeros(3, 9, 9), 0

    monkeypatch.setattr(torchvision.datasets, "Letters", Letters, raising=False)
    monkeypatch.setattr(torchvision.datasets, "Moving", Moving, raising=False)
    data = datasets.load("letters", tmp_path, cls="Letters")
    assert data.images == ImageSpec(1, 9, ("a", "b"), drawn=False)
    assert (len(data.train.labels), len(data.test.labels)) == (20, 8)
    for cls, message in (
        ("Moving", "x cannot be read"),
        ("Nothing", "x: data.cls=Nothing is unknown; expected a class"),
    ):
        with pytest.raises(DataError, match=f"^{message}"):
            datasets.load("x", tmp_path, cls=cls)


def test_emnist(tmp_path: Path) -> None:
    """The pictures in EMNIST's files are transposed, and its letters are numbered from 1."""
    for part, n in (("train", 130), ("test", 52)):
        pictures, labels = made_up(26, 28, 1, n)
        save_idx(tmp_path / "EMNIST/raw", f"emnist-letters-{part}", pictures, labels + 1)
    data = datasets.load("emnist_letters", tmp_path, cls="EMNIST", arguments={"split": "letters"}, drawn=True)
    assert data.images == ImageSpec(1, 14, tuple("abcdefghijklmnopqrstuvwxyz"), drawn=True)
    assert np.array_equal(data.test.images, resize(pictures, 14).swapaxes(1, 2))
    assert np.array_equal(data.test.labels, labels) and len(data.train.labels) == 130


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_files_of_torchvision_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    from torchvision.datasets import KMNIST

    monkeypatch.setattr(KMNIST, "mirrors", ["http://127.0.0.1:9/"])
    if damage == "truncated":
        fake_torchvision(tmp_path, "kmnist")
        os.truncate(tmp_path / "KMNIST/raw/t10k-images-idx3-ubyte", 1000)
    with pytest.raises(DataError, match=f"^kmnist cannot be read .*; expected its files in {tmp_path}$"):
        datasets.load("kmnist", tmp_path)


def test_every_yaml_is_a_data_set_that_can_be_had() -> None:
    import torchvision
    import yaml

    for file in (CONF / "data").glob("*.yaml"):
        config = yaml.safe_load(file.read_text())
        assert config["name"] == file.stem
        kinds = config["name"] in SOURCES, "cls" in config, config["name"] in FILES
        assert sum(kinds) == 1
        assert not config.get("cls") or hasattr(torchvision.datasets, config["cls"])
