"""Tests of tables: .csv as Kaggle has them, .parquet as Hugging Face has them."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from PIL import Image

from digitcmp.data import datasets
from digitcmp.errors import DataError


def digits(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first packaged images of MNIST and their labels."""
    pool = datasets.load("mnist", Path()).train
    return pool.images[:n], pool.labels[:n]


def kaggle(images: np.ndarray, labels: np.ndarray) -> pandas.DataFrame:
    """Return images as a table with a column label and a column for each pixel."""
    pixels = pandas.DataFrame(images.reshape(len(images), -1)).add_prefix("pixel")
    pixels.insert(0, "label", labels)
    return pixels


def hugging_face(images: np.ndarray, labels: np.ndarray) -> pandas.DataFrame:
    """Return images as a table of PNG pictures."""
    cells = []
    for image in images:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        cells.append({"bytes": stream.getvalue(), "path": None})
    return pandas.DataFrame({"image": cells, "label": labels})


def assert_pools(data: datasets.DataSet, images: np.ndarray, labels: np.ndarray) -> None:
    """Check that a data set has all these images, the last third of every class as test images."""
    test = np.zeros(len(labels), bool)
    for label in range(10):
        rows = np.flatnonzero(labels == label)
        test[rows[len(rows) - len(rows) // 3 :]] = True
    for pool, rows in ((data.train, ~test), (data.test, test)):
        assert np.array_equal(pool.images, images[rows]) and np.array_equal(pool.labels, labels[rows])
    assert data.remarks == ()


def test_kaggle_csv(tmp_path: Path) -> None:
    images, labels = digits(3000)
    kaggle(images, labels).to_csv(tmp_path / "own.csv", index=False)
    assert_pools(datasets.load("csv", tmp_path, file=str(tmp_path / "own.csv")), images, labels)


def test_hugging_face_parquet(tmp_path: Path) -> None:
    images, labels = digits(300)
    hugging_face(images, labels).to_parquet(tmp_path / "own.parquet")
    assert_pools(datasets.load("parquet", tmp_path, file=str(tmp_path / "own.parquet")), images, labels)
    files = {"train": str(tmp_path / "own.parquet"), "test": str(tmp_path / "own.parquet")}
    data = datasets.load("parquet", tmp_path, file=files)
    for pool in (data.train, data.test):
        assert np.array_equal(pool.images, images) and np.array_equal(pool.labels, labels)


def renamed(**names: str) -> Callable[[pandas.DataFrame], pandas.DataFrame]:
    return lambda table: table.rename(columns=names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            renamed(label="y"),
            r"own.csv has the columns y, pixel0, .* \(197 columns\); expected a column label or",
        ),
        (renamed(pixel0="class"), "own.csv has the columns label, class, .*; expected a column label or class"),
        (renamed(pixel0="id"), "own.csv has the columns id, pixel1, .* a numbered column for each pixel"),
        (renamed(pixel0="pixel1", pixel1="pixel0"), "own.csv: the column pixel0 is out of order"),
        (lambda table: table.drop(columns="pixel195"), "own.csv has 195 columns of pixels; expected a square number"),
        (lambda table: table.astype({"pixel3": float}).assign(pixel3=np.nan), "NaN or infinite pixels"),
        (lambda table: table.assign(pixel3="x"), "own.csv: the column pixel3 contains 'x'; expected numbers"),
        (lambda table: table.assign(label=np.nan), "own.csv, row 0 has no label"),
    ],
)
def test_unfit_csv(tmp_path: Path, change: Callable[[Any], Any], message: str) -> None:
    change(kaggle(*digits(60))).to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(DataError, match=message) as error:
        datasets.load("csv", tmp_path, file=str(tmp_path / "own.csv"))
    assert "\n" not in str(error.value)
