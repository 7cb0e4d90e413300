"""Tests of the user's data sets: .npz files, folders of pictures, and classes of torchvision."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Run as Train
from conftest import fit
from hypothesis import given, settings
from hypothesis import strategies as st
from image_sets import save_npz

import digitcmp
from digitcmp.data import datasets, images
from digitcmp.data.datamodule import PairData
from digitcmp.data.spec import ImageSpec
from digitcmp.files import checksum
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.module import DigitComparison
from digitcmp.models.network import PairEnsemble
from digitcmp.runs.checkpoint import Predictor

SMALL = ("data.train_pairs=20", "data.val_pairs=5", "data.test_pairs=20", "epochs=1")


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
def test_the_checkpoint_of_every_backbone_predicts(
    tmp_path_factory: pytest.TempPathFactory, name: str, side: int, channels: int, classes: int, aux: bool
) -> None:
    spec = ImageSpec(channels, side, tuple(map(str, range(classes))), drawn=False)
    module = DigitComparison(PairEnsemble(name, aux=aux, mean=100.0, std=60.0, images=asdict(spec)))
    shown = torch.randint(256, (4, 2, *spec.shape)).float()
    file = tmp_path_factory.mktemp("saved") / "last.ckpt"
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, file)
    predictor = digitcmp.load(file)
    assert predictor.images == spec
    probability, distributions = predictor.predict_digits(shown)
    assert probability == pytest.approx(Predictor(module.network, module.hparams, file).predict(shown), abs=1e-6)
    assert (distributions is None) is not aux
    with pytest.raises(ValueError, match="pairs have the shape"):
        predictor.predict(shown[..., 1:])


def test_a_run_on_26_made_up_classes(train: Train, tmp_path: Path) -> None:
    save_npz(tmp_path / "letters.npz", classes=26, side=20, n=520)
    counts = ("data.train_pairs=200", "data.val_pairs=40", "data.test_pairs=200", "epochs=12")
    train("data=npz", "data.file=letters.npz", "model=ws3", "aux=true", "pictures=true", *counts, "hydra.run.dir=out")
    result = json.loads((tmp_path / "out/result.json").read_text())
    assert result["test_acc"] > 0.8 and result["argmax_acc"] > 0.9
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
    assert images.resize(np.array([[[0, 1], [0, 0]]], np.uint8), 1).tolist() == [[[0]]]
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
        (["data.side=0"], "data.side=0 is not allowed; input should be greater than or equal to 1"),
        (["data=digits"], "2000 pairs requested from the 1201 train images of digits; expected at most 600"),
        (["data=torch", "data.cls=Nothing"], "Could not find 'data/torch' Available options in 'data': cifar10"),
        (["data.name=x", "data.cls=Nothing"], "data.cls=Nothing is unknown; expected a class of torchvision.datasets"),
        (["data.name=x", "data.cls=VOCDetection"], "x cannot be read ("),
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
