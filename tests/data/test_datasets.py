"""Tests of the user's data sets: .npz files, folders of pictures, and classes of torchvision."""

import copy
import functools
import gzip
import itertools
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from conftest import Run as Train
from conftest import fit
from hypothesis import given, settings
from hypothesis import strategies as st
from image_sets import fake_torchvision, made_up, save_npz
from PIL import Image

import digitcmp
from digitcmp.config.conf import CONF, config_yaml
from digitcmp.config.run import Run
from digitcmp.data import datasets, images, readers
from digitcmp.data.datamodule import PairData
from digitcmp.data.sources import FILES, SOURCES
from digitcmp.data.spec import ImageSpec
from digitcmp.errors import DataError, ImageError, RunError
from digitcmp.files import checksum
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.module import DigitComparison
from digitcmp.models.network import PairEnsemble
from digitcmp.runs.checkpoint import Predictor
from digitcmp.training import process

SMALL = ("data.train_pairs=20", "data.val_pairs=5", "data.test_pairs=20", "epochs=1")


def save_folder(folder: Path, classes: list[str], side: int = 20, channels: int = 1, n: int = 9) -> None:
    """Write `n` pictures of each class into a folder with the name of the class."""
    pictures, labels = made_up(len(classes), side, channels, n * len(classes))
    for i, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        (folder / classes[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / classes[label] / f"{i:03}.png")


@settings(max_examples=30, deadline=None)
@given(
    side=st.integers(5, 40),
    channels=st.sampled_from([1, 3]),
    classes=st.integers(2, 40),
    more=st.integers(0, 60),
    seed=st.integers(0, 2**31),
)
def test_pairs_are_disjoint_and_their_targets_right(
    tmp_path_factory: pytest.TempPathFactory, side: int, channels: int, classes: int, more: int, seed: int
) -> None:
    file = tmp_path_factory.mktemp("npz") / "own.npz"
    n = max(classes, 8) + more
    save_npz(file, classes, side, channels, n)
    val = n // 8
    data = PairData("own", n // 2 - val, val, n // 2, seed, file=str(file))
    data.setup()
    assert data.images == ImageSpec(channels, side, tuple(map(str, range(classes))), drawn=False)
    arrays = np.load(file)
    for split, parts in (("train", ("train", "val")), ("test", ("test",))):
        shown = arrays[f"{split}_images"] if channels == 1 else np.moveaxis(arrays[f"{split}_images"], 3, 1)
        known = {image.tobytes(): label for image, label in zip(shown, arrays[f"{split}_labels"], strict=True)}
        assert len(known) == n
        used = []
        for part in parts:
            pairs, target, digits = data.sets[part]
            rows = [image.astype(np.uint8).tobytes() for image in pairs.flatten(0, 1).numpy()]
            assert digits.flatten().tolist() == [known[row] for row in rows]
            assert torch.equal(target, (digits[:, 0] <= digits[:, 1]).float())
            used += rows
        assert len(set(used)) == len(used) == n // 2 * 2


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(sorted(NETWORKS)),
    side=st.integers(5, 40),
    channels=st.sampled_from([1, 3]),
    classes=st.integers(2, 40),
    aux=st.booleans(),
)
def test_every_backbone_trains_a_step_and_its_checkpoint_predicts(
    tmp_path_factory: pytest.TempPathFactory, name: str, side: int, channels: int, classes: int, aux: bool
) -> None:
    spec = ImageSpec(channels, side, tuple(map(str, range(classes))), drawn=False)
    module = DigitComparison(PairEnsemble(name, aux=aux, mean=100.0, std=60.0, images=asdict(spec)))
    pixels, labels = made_up(classes, side, channels, 8)
    shown = torch.from_numpy(pixels if channels == 1 else np.moveaxis(pixels, 3, 1)).float().unflatten(0, (4, 2))
    before = [parameter.detach().clone() for parameter in module.parameters()]
    output = module(shown)
    loss = output.compare.square().sum()
    if aux:
        assert output.digits is not None and output.digits.shape == (4, 2, classes)
        loss = loss + torch.nn.functional.cross_entropy(output.digits.flatten(0, 1), torch.from_numpy(labels))
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    loss.backward()
    optimizer.step()
    assert any(not torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))
    file = tmp_path_factory.mktemp("saved") / "last.ckpt"
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, file)
    predictor = digitcmp.load(file)
    assert predictor.images == spec
    probability, distributions = predictor.predict_digits(shown)
    assert probability == pytest.approx(Predictor(module.network, module.hparams).predict(shown), abs=1e-6)
    assert (distributions is None) is not aux
    with pytest.raises(ValueError, match="pairs have the shape"):
        predictor.predict(shown[..., 1:])


def test_a_run_on_26_made_up_classes(train: Train, tmp_path: Path) -> None:
    save_npz(tmp_path / "letters.npz", classes=26, side=20, n=520)
    own = ("data=npz", "data.file=letters.npz", "model=ws3", "aux=true", "pictures=true")
    counts = ("data.train_pairs=200", "data.val_pairs=40", "data.test_pairs=200", "epochs=12")
    train(*own, *counts, "hydra.run.dir=out")
    result = json.loads((tmp_path / "out/result.json").read_text())
    assert result["test_acc"] > 0.8
    assert float((tmp_path / "out/metrics.csv").read_text().splitlines()[-1].split(",")[-1]) > 0.9  # argmax_acc
    assert result["data_crc"] == checksum(tmp_path / "letters.npz") and result["dataset"] == "npz"
    assert digitcmp.load(tmp_path / "out").images.classes == 26


def test_another_file_under_the_same_name_is_another_run(train: Train, tmp_path: Path) -> None:
    save_npz(tmp_path / "mine.npz")
    train("data=npz", "data.file=mine.npz", *SMALL, "hydra.run.dir=out")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine.npz").rename(tmp_path / "elsewhere/mine.npz")
    assert "finished" in train("data=npz", "data.file=elsewhere/mine.npz", *SMALL, "hydra.run.dir=out").stdout
    save_npz(tmp_path / "mine.npz", n=61)
    refused = train("data=npz", "data.file=mine.npz", *SMALL, "hydra.run.dir=out", code=1).stderr
    assert "out holds a finished run with data_crc=" in refused


def test_side_averages_or_resizes() -> None:
    image = np.arange(36, dtype=np.uint8).reshape(1, 6, 6)
    assert images.resize(image, 3)[0, 0].tolist() == [4, 6, 8]  # the mean of 0, 1, 6, 7 is 3.5, rounded up
    assert images.resize(image, 4).shape == (1, 4, 4) and images.resize(image, 9).shape == (1, 9, 9)
    assert images.resize(image[..., None].repeat(3, axis=3), 2).shape == (1, 2, 2, 3)
    assert images.resize(np.full((2, 7, 5), 9, np.uint8), 3).tolist() == np.full((2, 3, 3), 9).tolist()
    assert images.resize(np.full((1, 32, 32), 255, np.uint8), 2).tolist() == [[[255, 255], [255, 255]]]


def test_side_of_a_data_set(tmp_path: Path) -> None:
    save_npz(tmp_path / "own.npz", side=20, channels=3)
    full, half = (datasets.load("own", tmp_path, side, str(tmp_path / "own.npz")) for side in (None, 10))
    assert (full.images.side, half.images.side) == (20, 10)
    assert half.train.images.shape == (60, 3, 10, 10)
    with np.load(tmp_path / "own.npz") as arrays:
        blocks = arrays["test_images"].reshape(60, 10, 2, 10, 2, 3).mean(axis=(2, 4))
    assert np.array_equal(np.moveaxis(half.test.images, 1, 3), np.floor(blocks + 0.5))


@pytest.mark.parametrize("kinds", [("plain",) * 4, ("gz",) * 4, ("plain", "gz", "gz", "plain")])
def test_plain_and_gz_files(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    fake_torchvision(tmp_path, "fashion_mnist")
    expected = datasets.load("fashion_mnist", tmp_path)
    (tmp_path / f"FashionMNIST/pooled14{datasets.CODE}.npz").unlink()
    for kind, name in zip(kinds, readers.IDX, strict=True):
        file = tmp_path / "FashionMNIST/raw" / name
        if kind == "gz":
            file.with_name(f"{name}.gz").write_bytes(gzip.compress(file.read_bytes()))
            file.unlink()
    again = datasets.load("fashion_mnist", tmp_path)
    assert again.images == expected.images and again.images.names[7] == "Sneaker"
    for pool, other in ((again.train, expected.train), (again.test, expected.test)):
        assert np.array_equal(pool.images, other.images) and np.array_equal(pool.labels, other.labels)


@pytest.mark.parametrize("damage", ["cut", "cut gz", "text"])
def test_damaged_idx_files_are_named(tmp_path: Path, damage: str) -> None:
    fake_torchvision(tmp_path, "kmnist")
    file = tmp_path / "KMNIST/raw/t10k-images-idx3-ubyte"
    if damage == "cut gz":
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes())[:-100])
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-100] if damage == "cut" else b"")
    with pytest.raises(DataError, match=r"raw/t10k-images-idx3-ubyte(\.gz)? is damaged") as error:
        datasets.load("kmnist", tmp_path)
    assert "\n" not in str(error.value) and not (tmp_path / f"KMNIST/pooled14{datasets.CODE}.npz").exists()


def test_the_optical_digits(tmp_path: Path) -> None:
    scans = pytest.importorskip("sklearn.datasets").load_digits()
    data = datasets.load("digits", tmp_path)
    assert (len(data.train.labels), len(data.test.labels)) == (SOURCES["digits"].train, SOURCES["digits"].test)
    assert data.images == SOURCES["digits"].images
    shown = {image.tobytes() for image in np.rint(scans.images * 255 / 16).astype(np.uint8)}
    assert {image.tobytes() for pool in (data.train, data.test) for image in pool.images} == shown
    assert np.bincount(data.test.labels).tolist() == (np.bincount(scans.target) // 3).tolist()


def test_without_scikit_learn(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    refused = train("data=digits", *SMALL, code=1).stderr
    assert refused == "data=digits needs scikit-learn, which is missing. Run pip install scikit-learn.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_of_folders(tmp_path: Path, channels: int) -> None:
    """Classes are ordered by number, and the last third of each class are test images.

    The images are cached. A changed picture is read again.
    """
    save_folder(tmp_path / "own", ["10", "2", "1"], channels=channels)
    (tmp_path / "own/.hidden").touch()
    data = datasets.load("folder", tmp_path / "root", file=str(tmp_path / "own"))
    assert data.images == ImageSpec(channels, 20, ("1", "2", "10"), drawn=False)
    assert np.bincount(data.train.labels).tolist() == [6, 6, 6] and np.bincount(data.test.labels).tolist() == [3, 3, 3]
    last = sorted((tmp_path / "own/10").iterdir())[-1]
    expected = images.fitted(images.read_pixels(last), data.images)
    assert np.array_equal(data.test.images[-1], expected)
    kept = list((tmp_path / "root").rglob("*.npz"))
    assert len(kept) == 1
    assert (
        len(datasets.load("folder", tmp_path / "root", side=7, file=str(tmp_path / "own")).train.images[0, ..., 0]) > 0
    )
    os.utime(last)
    assert np.array_equal(
        datasets.load("folder", tmp_path / "root", file=str(tmp_path / "own")).test.images[-1], expected
    )
    shutil.copy(sorted((tmp_path / "own/2").iterdir())[0], last)
    assert not np.array_equal(
        datasets.load("folder", tmp_path / "root", file=str(tmp_path / "own")).test.images[-1], expected
    )


def test_the_order_and_the_hidden_of_a_folder(tmp_path: Path) -> None:
    """Classes that are numbers are ordered by value, also negative and decimal ones.

    Hidden folders are no classes, and hidden files and folders do not change the checksum.
    """
    save_folder(tmp_path / "own", ["10", "-2", "0.5", "-10"])
    load = functools.partial(datasets.load, "folder", tmp_path / "root", file=str(tmp_path / "own"))
    assert load().images.names == ("-10", "-2", "0.5", "10")
    before = checksum(tmp_path / "own")
    (tmp_path / "own/.ipynb_checkpoints").mkdir()
    (tmp_path / "own/.ipynb_checkpoints/a.png").touch()
    (tmp_path / "own/10/.DS_Store").touch()
    assert checksum(tmp_path / "own") == before and load().images.names == ("-10", "-2", "0.5", "10")
    with pytest.raises(DataError, match="own/root lies in .*own, where every folder is a class"):
        datasets.load("folder", tmp_path / "own/root", file=str(tmp_path / "own"))


def test_what_other_code_made_of_a_folder_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_folder(tmp_path / "own", ["a", "b"])
    before = datasets.load("folder", tmp_path / "root", file=str(tmp_path / "own"))
    monkeypatch.setattr(datasets, "CODE", ",other")
    monkeypatch.setattr(readers, "TEST_SHARE", 2)
    after = datasets.load("folder", tmp_path / "root", file=str(tmp_path / "own"))
    assert len(after.test.labels) > len(before.test.labels)


def test_large_pictures_are_taken_as_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, number in itertools.product("ab", range(3)):
        (tmp_path / "own" / name).mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(rng.integers(0, 256, (1200, 1200), np.uint8))
        picture.save(tmp_path / "own" / name / f"{number}.jpg")
    assert datasets.load("folder", tmp_path / "root", file=str(tmp_path / "own")).images.side == 1200


def test_sixteen_bits_that_hold_eight_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((9, 9), 255, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="it has 16 bits but no value above 255; expected 8 bits"):
        images.read_pixels(tmp_path / "a.png")


def test_a_folder_of_12_bits_in_16(tmp_path: Path) -> None:
    """All pictures are divided by the same number, also one that alone would seem to have 10 bits."""
    save_folder(tmp_path / "own", ["a", "b"], n=12)
    expected = datasets.load("folder", tmp_path / "root", file=str(tmp_path / "own"))
    for file in (tmp_path / "own").rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(file)).astype(np.uint16) * 16).save(file)
    dark = tmp_path / "own/a/000.png"
    Image.fromarray(np.asarray(Image.open(dark)) // 10).save(dark)
    for _ in range(2):  # first read from the pictures, then from the cache
        data = datasets.load("folder", tmp_path / "root", file=str(tmp_path / "own"))
        assert data.remarks == ("16-bit pictures use only 12 bits and are divided by 16",)
        assert np.array_equal(data.train.images[1:], expected.train.images[1:])
        assert np.array_equal(data.train.images[0], expected.train.images[0] // 10)
        assert np.array_equal(data.test.images, expected.test.images)
    Image.fromarray(np.full((20, 20), 65535, np.uint16)).save(dark)
    data = datasets.load("folder", tmp_path / "root", file=str(tmp_path / "own"))
    assert data.remarks[0].startswith("23 of 24 16-bit pictures are dark: no value above 40")


def test_a_file_that_changes_during_a_sweep_fails_its_runs(tmp_path: Path) -> None:
    """A worker rejects a run whose data file changed after the sweep had been planned."""
    save_npz(tmp_path / "own.npz")
    config: dict[str, Any] = copy.deepcopy(config_yaml()) | {"lr": 1e-3, "model": {"name": "ws3"}}
    config["data"] |= {"name": "npz", "file": str(tmp_path / "own.npz")}
    folder = tmp_path / Run.of(config).cell_name / "seed=0"
    with process.guarded(Run.of(config), folder, worker=True):
        pass
    save_npz(tmp_path / "own.npz", n=61)
    with (
        pytest.raises(RunError, match="own.npz has changed since the sweep started"),
        process.guarded(Run.of(config), folder, worker=True),
    ):
        pytest.fail("it would be trained")


def test_a_folder_that_is_split_already(tmp_path: Path) -> None:
    save_folder(tmp_path / "own/train", ["cat", "ant"], n=7)
    save_folder(tmp_path / "own/test", ["cat", "ant"], n=2)
    data = datasets.load("pets", tmp_path / "root", file=str(tmp_path / "own"))
    assert data.images.names == ("ant", "cat")
    assert np.bincount(data.train.labels).tolist() == [7, 7] and np.bincount(data.test.labels).tolist() == [2, 2]


def test_any_data_set_of_torchvision(train: Train, tmp_path: Path) -> None:
    """FakeData needs no files. Its images are in colour, its classes have no names, and it has no test images."""
    arguments = "+data.arguments={size: 150, image_size: [3, 12, 12], num_classes: 3}"
    train("data.name=fake", "data.cls=FakeData", arguments, *SMALL, "hydra.run.dir=out")
    result = json.loads((tmp_path / "out/result.json").read_text())
    assert result["cls"] == "FakeData" and result["data_arguments"] == "image_size=[3,12,12],num_classes=3,size=150"
    assert digitcmp.load(tmp_path / "out").images == ImageSpec(3, 12, ("0", "1", "2"), drawn=False)
    refused = train("data.name=fake", "data.cls=FakeData", *SMALL, "hydra.run.dir=out", code=1).stderr
    assert len(refused.splitlines()) == 1


def test_train_and_test_of_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class with the parameter `split`, labels from 1 and PIL images is read. One that returns tensors is rejected.

    The parameters of EMNIST include `train`, which it passes on as a keyword; SVHN has no such parameter.
    """
    import torchvision

    class Letters(torchvision.datasets.VisionDataset):
        classes = ["N/A", "a", "b"]

        def __init__(self, root: str, split: str = "train", download: bool = False) -> None:
            pixels, labels = made_up(2, 9, 1, 20 if split == "train" else 8)
            self.items = [
                (Image.fromarray(picture), int(label) + 1) for picture, label in zip(pixels, labels, strict=True)
            ]

        def __getitem__(self, i: int) -> tuple[Any, int]:
            return self.items[i]

        def __len__(self) -> int:
            return len(self.items)

    class Moving(Letters):
        def __getitem__(self, i: int) -> tuple[Any, int]:
            return torch.zeros(3, 9, 9), 0

    monkeypatch.setattr(torchvision.datasets, "Letters", Letters, raising=False)
    monkeypatch.setattr(torchvision.datasets, "Moving", Moving, raising=False)
    data = datasets.load("letters", tmp_path, cls="Letters")
    assert data.images == ImageSpec(1, 9, ("a", "b"), drawn=False)
    assert (len(data.train.labels), len(data.test.labels)) == (20, 8)
    with pytest.raises(DataError, match="torchvision's Moving has Tensor for images; expected pictures"):
        datasets.load("moving", tmp_path, cls="Moving")
    assert {"root", "train", "split", "download"} <= readers.parameters(torchvision.datasets.EMNIST)
    assert "train" not in readers.parameters(torchvision.datasets.SVHN)


def save_emnist(raw: Path, split: str = "letters") -> None:
    """Write the four uncompressed files of a split of EMNIST, with 130 training and 52 test images."""
    raw.mkdir(parents=True)
    for part, n in (("train", 130), ("test", 52)):
        pixels, labels = made_up(26, 28, 1, n)
        header = np.array([0x803, n, 28, 28], ">i4").tobytes()
        (raw / f"emnist-{split}-{part}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        header = np.array([0x801, n], ">i4").tobytes()
        (raw / f"emnist-{split}-{part}-labels-idx1-ubyte").write_bytes(header + (labels + 1).astype(np.uint8).tobytes())


@pytest.mark.parametrize(("folder", "gz"), [("", False), ("", True), ("gzip", True)])
def test_emnist_from_its_files(tmp_path: Path, folder: str, gz: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are read without torchvision's EMNIST class, plain or as .gz, in raw/ or raw/gzip.

    They contain every training image that torchvision reads.
    """
    save_emnist(tmp_path / "EMNIST/raw")
    letters = datasets.load("letters", tmp_path, cls="EMNIST", arguments={"split": "letters", "train": True})
    monkeypatch.setattr("torchvision.datasets.EMNIST.__init__", lambda *_, **__: pytest.fail("read by torchvision"))
    for file in sorted((tmp_path / "EMNIST/raw").iterdir()) if gz else []:
        packed = file.parent / folder / f"{file.name}.gz"
        packed.parent.mkdir(exist_ok=True)
        packed.write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    data = datasets.load("emnist_letters", tmp_path, cls="EMNIST", arguments={"split": "letters"}, drawn=True)
    assert data.images == ImageSpec(1, 14, tuple("abcdefghijklmnopqrstuvwxyz"), drawn=True)
    pictures, labels = made_up(26, 28, 1, 130)
    upright = images.resize(pictures, 14).swapaxes(1, 2)
    assert np.array_equal(data.train.images, upright) and np.array_equal(data.train.labels, labels)
    assert len(data.test.labels) == 52 and data.remarks == ()
    ours, theirs = (sorted(image.tobytes() for image in pool.images) for pool in (data.train, letters.train))
    assert letters.images.names == data.images.names and set(theirs) <= set(ours)


@pytest.mark.parametrize(
    ("cls", "wanted"),
    [
        ("EMNIST", r"expected emnist-letters-train-images-idx3-ubyte, .*-ubyte, plain or .gz, in {}/EMNIST/raw"),
        ("SVHN", "expected its files in {}"),
    ],
)
def test_torchvision_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cls: str, wanted: str) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise URLError("no name")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    arguments = {"split": "letters"} if cls == "EMNIST" else {}
    message = rf"^torchvision's {cls}: no files, and the download failed \(URLError: <urlopen error no name>\); "
    with pytest.raises(DataError, match=f"{message}{wanted.format(tmp_path)}$") as error:
        datasets.load("own", tmp_path, cls=cls, arguments=arguments)
    assert "\n" not in str(error.value)


def test_every_yaml_is_a_data_set_that_can_be_had() -> None:
    import torchvision
    import yaml

    for file in (CONF / "data").glob("*.yaml"):
        config = yaml.safe_load(file.read_text())
        assert config["name"] == file.stem
        kinds = config["name"] in SOURCES, "cls" in config, config["name"] in FILES
        assert sum(kinds) == 1
        assert not config.get("cls") or hasattr(torchvision.datasets, config["cls"])


def changed(**arrays: Callable[[Any], Any] | None) -> Callable[[Path], None]:
    """Return a function that saves made-up arrays, some of them changed, or left out for None."""

    def save(file: Path) -> None:
        save_npz(file)
        with np.load(file) as arrays_before:
            kept = dict(arrays_before)
        for key, change in arrays.items():
            if change is None:
                del kept[key]
            else:
                kept[key] = change(kept[key])
        np.savez(file, **kept)

    return save


def save_npy(file: Path, array: np.ndarray) -> None:
    with file.open("wb") as stream:
        np.save(stream, array)


def relabelled(old: int, new: int) -> Callable[[Any], Any]:
    return lambda labels: np.where(labels == old, new, labels)


WANTED = "expected gray values from 0 to 255"
UNFIT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "too few images": (
        lambda file: save_npz(file, n=30),
        "25 pairs requested from the 30 train images of own.npz; expected at most 15",
    ),
    "too few to test": (
        changed(test_images=lambda x: x[:30], test_labels=lambda x: x[:30]),
        "20 pairs requested from the 30 test images of own.npz; expected at most 15",
    ),
    "a class is missing": (
        changed(train_labels=relabelled(3, 2)),
        "own.npz: no training image has the class 3; expected labels 0 to 4",
    ),
    "labels from 1 with a gap": (
        changed(train_labels=lambda x: np.where(x == 3, 2, x) + 1),
        "own.npz: no training image has the class 4; expected labels 1 to 5 without gaps",
    ),
    "a test label below those from 1": (
        changed(train_labels=lambda x: x + 1),
        "own.npz: test label 0 is not a training label; expected 1 to 5",
    ),
    "a label below 0": (changed(train_labels=relabelled(3, -1)), "labels start at -1; expected 0 to K-1"),
    "a huge label": (changed(train_labels=relabelled(3, 2**40)), "no training image has the class 3; "),
    "an unknown test label": (
        changed(test_labels=relabelled(3, 5)),
        "test label 5 is not a training label; expected 0 to 4",
    ),
    "labels that are fractions": (
        changed(train_labels=lambda x: x + 0.5),
        "train_labels has the shape (60,) and the type float64; expected a whole number",
    ),
    "fewer labels": (
        changed(train_labels=lambda x: x[1:]),
        "the shape (59,) and the type int64; expected a whole number or a string for each of 60",
    ),
    "one class": (
        changed(train_labels=np.zeros_like, test_labels=np.zeros_like),
        "all 60 training images have the same class; expected at least two classes",
    ),
    "not a number": (
        changed(train_images=lambda x: np.where(x > 200, np.nan, x)),
        "own.npz: train_images has NaN or infinite pixels; expected gray values",
    ),
    "infinite": (
        changed(test_images=lambda x: np.where(x > 200, np.inf, x)),
        "test_images has NaN or infinite pixels",
    ),
    "train from 0 to 1": (
        changed(train_images=lambda x: x / 255),
        "own.npz: pixels have different ranges, train_images from 0 to 0.996078, test_images from 0 to 254; "
        "expected one range. Multiply train_images by 255.",
    ),
    "test of booleans": (
        changed(test_images=lambda x: x > 100),
        "train_images from 0 to 254, test_images from 0 to 1; expected one range. Multiply test_images by",
    ),
    "0 to 1.02": (
        changed(train_images=lambda x: x / 250, test_images=lambda x: x / 250),
        f"train_images has fractions from 0 to 1.016; {WANTED} or fractions from 0 to 1. Save the images before",
    ),
    "divided by their deviation": (
        changed(train_images=lambda x: x / x.std(), test_images=lambda x: x / x.std()),
        "train_images has fractions from 0 to 4.",
    ),
    "divided and cut": (
        changed(train_images=lambda x: x // 64, test_images=lambda x: x // 64),
        f"train_images has 4 gray levels, none above 3; {WANTED}",
    ),
    "test divided and cut": (
        changed(test_images=lambda x: x // 64),
        f"test_images has 4 gray levels, none above 3; {WANTED}",
    ),
    "negative": (
        changed(test_images=lambda x: x.astype(int) - 128),
        f"test_images has pixels from -128 to 126; {WANTED} or fractions from 0 to 1. Save the images before they are",
    ),
    "16 bits": (
        changed(train_images=lambda x: x.astype(np.uint16) * 257),
        f"train_images has pixels from 0 to 65278; {WANTED} or fractions from 0 to 1. Divide by 256.",
    ),
    "12 bits": (changed(test_images=lambda x: x.astype(np.uint16) * 16), "fractions from 0 to 1. Divide by 16."),
    "complex": (changed(train_images=lambda x: x * 1j), "train_images has the type complex128; expected numbers"),
    "a number": (
        changed(train_images=lambda x: np.array(5)),
        "train_images has the shape (); expected (N, H, W) or (N, H, W, 3)",
    ),
    "texts": (changed(train_images=lambda x: x.astype(str)), "; expected numbers"),
    "flat": (
        changed(train_images=lambda x: x.reshape(60, -1)),
        "train_images has the shape (60, 400); expected (N, H, W) or (N, H, W, 3), N > 0. Reshape it to (60, 20, 20).",
    ),
    "four channels": (changed(train_images=lambda x: np.stack([x] * 4, axis=3)), "(N, H, W) or (N, H, W, 3)"),
    "none": (changed(train_images=lambda x: x[:0], train_labels=lambda x: x[:0]), "N > 0"),
    "other test images": (
        changed(test_images=lambda x: x[:, 1:, 1:]),
        "training images have the size (20, 20), test images (19, 19); expected the same size",
    ),
    "not square": (
        changed(train_images=lambda x: x[:, 1:]),
        "images of 19x20 are not square; expected square images. Set data.side=N to resize them.",
    ),
    "no labels": (
        changed(train_labels=None),
        "own.npz has no train_labels; expected train_images, train_labels, test_images, ",
    ),
    "names missing": (
        lambda file: save_npz(file, names=np.array(["a", "b"])),
        "label 4 has no name; expected labels 0 to 1 for 2 names",
    ),
    "names of bytes": (
        lambda file: save_npz(file, names=np.array([b"a", b"b"])),
        "names has the shape (2,) and the type |S1; expected a string for each class",
    ),
    "a name alone": (
        lambda file: save_npz(file, names=np.array("a")),
        "names has the shape () and the type <U1; expected a string",
    ),
    "one value": (
        changed(train_images=lambda x: np.full_like(x, 128)),
        "all pixels of train_images are 128; expected at least two values",
    ),
    "a name twice": (
        lambda file: save_npz(file, names=np.array(["a", "b", "a", "c", "d"])),
        "two classes have the name 'a'; expected unique names",
    ),
    "damaged": (lambda file: (save_npz(file), os.truncate(file, 20_000)), "own.npz is damaged ("),
    "damaged inside": (
        lambda file: (save_npz(file), file.write_bytes(file.read_bytes().replace(b"\x93NUMPY", b"\x93NUMPX"))),
        "own.npz is damaged (",
    ),
    "a text": (lambda file: file.write_text("my images\n"), "own.npz is a text file, not a .npz of NumPy arrays. Save"),
    "a table": (
        lambda file: file.write_text("label,pixel0\n3,255\n"),
        "own.npz is a CSV file, not a .npz of NumPy arrays. Save it with numpy.savez(FILE, train_images=..., ",
    ),
    "empty": (lambda file: file.touch(), "own.npz is an empty file, not a .npz"),
    "a .npy": (lambda file: save_npy(file, np.zeros(3)), "own.npz is one array, a .npy, not a .npz"),
    "a pickle": (lambda file: file.write_bytes(pickle.dumps([1])), "own.npz is a pickle, not a .npz"),
    "a picture": (lambda file: Image.new("L", (9, 9)).save(file, format="PNG"), "own.npz is a picture, not a .npz"),
    "a checkpoint": (lambda file: torch.save({}, file), "own.npz is a zip archive without arrays, not a .npz"),
    "random bytes": (
        lambda file: file.write_bytes(np.random.default_rng(0).bytes(9000)),
        "own.npz is damaged or another",
    ),
    "an empty text": (
        lambda file: save_npz(file, train_labels=np.array(["a", ""] * 30), test_labels=np.array(["a"] * 60)),
        "own.npz: train_labels has empty strings; expected a label for each of 60 images",
    ),
    "labels as objects": (
        changed(train_labels=lambda x: x.astype(object)),
        "own.npz: train_labels is an array of Python objects, and a pickle can run code; expected numbers or strings",
    ),
    "images of several sizes": (
        changed(test_images=lambda x: np.array([np.zeros((n, n)) for n in range(60)], dtype=object)),
        "own.npz: test_images is an array of Python objects",
    ),
    "arrays without names": (
        lambda file: np.savez(file, *made_up(5, 20, 1, 60)),
        ". It contains arr_0, arr_1.",
    ),
    "several labels an image": (
        changed(train_labels=lambda x: (np.arange(14) % 5 == x[:, None]).astype(int)),
        "train_labels has 14 labels per image (multi-label); expected one class per image. Save one column",
    ),
    "texts and numbers": (
        changed(train_labels=lambda x: x.astype(str)),
        "train_labels has strings, test_labels numbers; expected one of them",
    ),
    "a text that no training image has": (
        lambda file: save_npz(file, train_labels=np.array(list("ab") * 30), test_labels=np.array(list("ac") * 30)),
        "own.npz: test_labels has the label 'c'; expected one of the training labels: a, b",
    ),
    "a text that is no name": (
        lambda file: save_npz(
            file, names=np.array(["a", "b"]), train_labels=np.array(list("abc") * 20), test_labels=np.array(["a"] * 60)
        ),
        "own.npz: train_labels has the label 'c'; expected one of names: a, b",
    ),
    "a class without a training image": (
        lambda file: save_npz(
            file, names=np.array(list("abc")), train_labels=np.array(list("ac") * 30), test_labels=np.array(["a"] * 60)
        ),
        "own.npz: no training image has the class 1 (b); expected labels 0 to 2",
    ),
    "a label of 64 bits": (
        changed(train_labels=lambda x: x.astype(np.uint64) + np.uint64(2**63)),
        "train_labels has the label 92233720368547758",
    ),
    "missing": (lambda file: None, "data.file=own.npz does not exist; a file or folder is expected"),
    "too small for ws3": (
        lambda file: save_npz(file, side=4),
        "model=ws3 cannot be trained: ValueError: images of 4x4 are too small for ws3; expected at least 5x5",
    ),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_an_unfit_file_is_refused_in_a_line_before_training(train: Train, tmp_path: Path, kind: str) -> None:
    make, message = UNFIT[kind]
    make(tmp_path / "own.npz")
    before = sorted(tmp_path.rglob("*"))
    refused = train("data=npz", "data.file=own.npz", *SMALL, "hydra.run.dir=out", code=1).stderr
    assert message in refused and refused.count("\n") == 1, refused
    assert sorted(tmp_path.rglob("*")) == before


def spoil(folder: Path, kind: str) -> None:
    """Write a folder of pictures that is unfit in this way."""
    save_folder(folder, ["a", "b"], n=40)
    first = folder / "a/000.png"
    if kind == "no picture":
        first.write_text("not a picture\n")
    elif kind == "cut":
        first.write_bytes(first.read_bytes()[:200])
    elif kind == "sizes":
        Image.new("L", (7, 9)).save(first)
    elif kind == "empty class":
        (folder / "c").mkdir()
    elif kind == "one class":
        shutil.rmtree(folder / "b")
    elif kind == "no classes":
        shutil.rmtree(folder / "a")
        shutil.rmtree(folder / "b")
    elif kind == "strange test class":
        for name in ("train", "test"):
            shutil.copytree(folder, folder.parent / "copy" / name)
        shutil.rmtree(folder)
        (folder.parent / "copy").rename(folder)
        (folder / "test/b").rename(folder / "test/z")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no picture", "own/a/000.png is not a PNG or JPEG picture"),
        ("cut", "own/a/000.png cannot be read: "),
        ("sizes", "own has pictures of different sizes; expected one size. Set data.side=N to resize them."),
        ("empty class", "own/c contains no picture; expected at least 3 for each class"),
        ("one class", "have the same class; expected at least two classes"),
        ("no classes", "own contains no folders; expected a folder of pictures for each class"),
        ("strange test class", "own/test/b contains no picture; expected at least 1 for each class"),
    ],
)
def test_an_unfit_folder_is_refused_in_a_line_before_training(
    train: Train, tmp_path: Path, kind: str, message: str
) -> None:
    spoil(tmp_path / "own", kind)
    refused = train("data=folder", "data.file=own", *SMALL, "hydra.run.dir=out", code=1).stderr
    assert message in refused and refused.count("\n") == 1, refused
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ["data=npz"],
            "data.name=npz is not allowed; expected mnist, fashion_mnist, kmnist, digits, or another name with either",
        ),
        (["data.file=x.npz"], "data.file=x.npz is not allowed: the data set mnist needs none"),
        (["data.cls=SVHN"], "data.cls=SVHN is not allowed: the data set mnist needs none"),
        (["+data.arguments.split=a"], 'data.arguments={"split":"a"} is not allowed: the data set mnist needs none'),
        (["data=svhn", "data.file=x.npz"], "data.name=svhn is not allowed; expected "),
        (
            ["data=folder", "data.file=.", "+data.arguments.a=1"],
            'data.arguments={"a":1} is not allowed: it needs data.cls',
        ),
        (["data.side=0"], "data.side=0 is not allowed; expected a whole number >= 1, or null"),
        (["data.side=4"], "data.side=4 is not allowed: ws3 needs images of at least 5x5. Set data.side=5 or larger."),
        (
            ["data=digits"],
            "data.train_pairs=1000 is not allowed: digits has 1201",
        ),
        (["data=torch", "data.cls=Nothing"], "data=torch is unknown; expected cifar10, csv, digits, "),
        (["data.name=x", "data.cls=Nothing"], "data.cls=Nothing is unknown; expected a class of torchvision.datasets"),
        (["data.name=x", "data.cls=VOCDetection"], "torchvision's VOCDetection: "),
    ],
)
def test_keys_that_do_not_go_together(train: Train, tmp_path: Path, typed: list[str], message: str) -> None:
    refused = train(*typed, code=1).stderr
    assert message in refused and refused.count("\n") == 1, refused
    assert not (tmp_path / "outputs").exists()


def test_fit_on_colour_is_augmented_and_repaired(tmp_path: Path) -> None:
    """Training on coloured images works with augmentation, re-pairing and tta."""
    save_npz(tmp_path / "own.npz", classes=4, side=12, channels=3, n=120)
    data = PairData("own", 40, 10, 30, 0, augment=True, re_pair=True, file=str(tmp_path / "own.npz"))
    data.setup()
    mean, std = data.moments
    network = PairEnsemble("convnet", aux=True, mean=mean, std=std, tta=True, images=asdict(data.images))
    scores = fit(data, DigitComparison(network)).callback_metrics
    assert scores["test_loss"].isfinite() and scores["test_digit_acc"] >= 0
