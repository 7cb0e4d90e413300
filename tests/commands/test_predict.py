"""Tests of the predict command and of `Predictor.predict`."""

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MNIST_ROOT, inside
from drawings import drawing
from PIL import Image
from saved import checkpoint, untrained

import digitcmp
from digitcmp.data import datasets
from digitcmp.data.tasks import TASKS, Task
from digitcmp.errors import CheckpointError
from digitcmp.runs.checkpoint import Predictor


@pytest.fixture(scope="module")
def al4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("al4"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint of a hardly trained FCNN1 without the auxiliary loss."""
    return checkpoint(tmp_path_factory.mktemp("plain"), "fcnn1", aux=False, pairs=40, epochs=1)


@pytest.fixture(scope="module")
def network(al4: Path) -> Predictor:
    return digitcmp.load(al4)


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Return the paths of two pictures: a one, light on dark, and a seven, dark on light."""
    one = np.zeros((90, 120), np.uint8)
    one[10:80, 40:52] = 255
    Image.fromarray(one).save(tmp_path / "one.png")
    Image.fromarray(drawing()).save(tmp_path / "seven.jpg")
    return [str(tmp_path / "one.png"), str(tmp_path / "seven.jpg")]


Predict = Callable[..., tuple[int, str, str]]


@pytest.fixture
def predicted() -> Predict:
    """Return a function that runs `digitcmp predict` in this process: its exit code, its output and its errors."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        done = inside("predict", *arguments, code=None)
        return done.returncode, done.stdout, done.stderr

    return run


def test_import_is_light() -> None:
    code = "import sys, digitcmp; assert not {'torch', 'numpy'} & sys.modules.keys(); digitcmp.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "AttributeError: module 'digitcmp' has no attribute 'nothing'"


def test_predict_takes_numpy_tensors_and_lists(network: Predictor) -> None:
    pool = datasets.load("mnist", Path()).test
    pairs = pool.images[:40].reshape(20, 2, 14, 14)
    probability = network.predict(pairs)
    assert probability.shape == (20,) and probability.dtype == np.float32
    right = (probability > 0.5) == (pool.labels[:40:2] <= pool.labels[1:40:2])
    assert right.mean() > 0.8
    for other in (torch.from_numpy(pairs), torch.from_numpy(pairs).double(), pairs.astype(float), pairs.tolist()):
        assert np.array_equal(network.predict(other), probability)
    assert np.array_equal(network.predict(pairs[::-1]), probability[::-1])
    assert network.predict(pairs[:0]).shape == (0,)
    many = np.concatenate([pairs] * 60)  # several batches
    assert network.predict(many) == pytest.approx(np.tile(probability, 60), abs=1e-5)


def test_predict_digits(network: Predictor, plain: Path) -> None:
    pool = datasets.load("mnist", Path()).test
    digits = network.predict_digits(pool.images[:200].reshape(100, 2, 14, 14)).digits
    assert digits is not None and digits.sum(axis=2) == pytest.approx(np.ones((100, 2)), abs=1e-5)
    assert (digits.argmax(axis=2).flatten() == pool.labels[:200]).mean() > 0.9
    assert digitcmp.load(plain).predict_digits(np.zeros((3, 2, 14, 14))).digits is None


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (np.zeros((2, 14, 14)), r"the shape \(2, 14, 14\); \(B, 2, 14, 14\) is expected"),
        (np.zeros((5, 2, 28, 28)), r"the shape \(5, 2, 28, 28\)"),
        (np.full((1, 2, 14, 14), -1), "values from -1 to -1; gray values from 0 to 255 are expected"),
        (torch.full((1, 2, 14, 14), 256), "values from 256 to 256"),
        (np.full((1, 2, 14, 14), 0.5), "values from 0.5 to 0.5"),  # pixels from 0 to 1
        (np.full((1, 2, 14, 14), np.nan), "values from nan to nan"),
        ("digits", "could not convert string to float"),
    ],
)
def test_predict_says_what_it_wants(network: Predictor, pairs: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network.predict(pairs)


class Malicious:
    """An object that creates a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.target),)


def changed(change: Callable[[dict], Any]) -> Callable[[Path, Path], Any]:
    """Return a function that writes a file like a checkpoint, changed."""
    return lambda file, whole: torch.save((values := torch.load(whole, weights_only=True), change(values))[0], file)


def network_of(values: dict) -> dict:
    return values["hyper_parameters"]["network"]


NO_CHECKPOINT = "is damaged or not a checkpoint of train.py"
MISSING = "cannot be read: No such file or directory; a run's folder or its checkpoint is expected"
BAD: dict[str, tuple[Callable[[Path, Path], Any], str]] = {  # writers of bad checkpoints from a good one, and the error
    "missing": (lambda file, whole: None, MISSING),
    "folder": (lambda file, whole: file.mkdir(), MISSING),
    "empty": (lambda file, whole: file.touch(), NO_CHECKPOINT),
    "text": (lambda file, whole: file.write_text("not a checkpoint\n"), NO_CHECKPOINT),
    "truncated": (lambda file, whole: file.write_bytes(whole.read_bytes()[:-5000]), NO_CHECKPOINT),
    "other": (lambda file, whole: torch.save({"weight": torch.zeros(3)}, file), NO_CHECKPOINT),
    "unknown": (
        changed(lambda values: network_of(values).update(backbone="ws9")),
        "needs the backbone ws9, but it is not imported. Add --plugins MODULE",
    ),
    "mismatch": (changed(lambda values: network_of(values).update(backbone="fcnn2")), f"{NO_CHECKPOINT} .*state_dict"),
    "nan": (
        changed(lambda values: values["state_dict"].update(mean=torch.tensor(float("nan")))),
        "is damaged: its network returns nan; a finite probability is expected",
    ),
    "malicious": (
        lambda file, whole: torch.save(Malicious(file.with_name("executed")), file),
        f"{NO_CHECKPOINT} \\(UnpicklingError: Weights only load failed",
    ),
    "malicious pickle": (
        lambda file, whole: file.write_bytes(pickle.dumps(Malicious(file.with_name("executed")))),
        NO_CHECKPOINT,
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_checkpoint_is_named_and_never_run(kind: str, al4: Path, tmp_path: Path) -> None:
    write, message = BAD[kind]
    write(tmp_path / "last.ckpt", al4)
    with pytest.raises(CheckpointError, match=f"last.ckpt {message}") as error:
        digitcmp.load(tmp_path / "last.ckpt")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "executed").exists()


def test_json_is_one_object(al4: Path, plain: Path, pictures: list[str], predicted: Predict) -> None:
    code, out, _ = predicted(al4, *pictures, "--json")
    said = json.loads(out)
    assert list(said) == ["probability", "holds", "digits"] and out.count("\n") == 1 and code == 0
    assert 0.9 < said["probability"] <= 1 and said["holds"] is True and said["digits"] == [1, 7]
    said = json.loads(predicted(al4, *reversed(pictures), "--json")[1])
    assert said["probability"] < 0.1 and said["holds"] is False and said["digits"] == [7, 1]
    assert json.loads(predicted(plain, *pictures, "--json")[1])["digits"] is None  # without aux


def test_screen(al4: Path, plain: Path, pictures: list[str], predicted: Predict) -> None:
    code, out, err = predicted(al4, *pictures)
    lines = out.splitlines()
    assert lines[0].split() == ["one.png", "seven.jpg"]
    assert any("██" in line for line in lines[1:15])
    assert lines[16].rstrip() == "looks like a 1                  looks like a 7"
    assert re.fullmatch(r"yes: P\(first <= second\) = (0\.9\d{3}|1\.0000)", lines[-1])
    assert code == 0 and err == ""
    assert predicted(al4, *reversed(pictures))[1].splitlines()[-1].startswith("no: P(first <= second) = 0.0")
    assert "looks like" not in predicted(plain, *pictures)[1]


def test_csv(al4: Path, pictures: list[str], predicted: Predict) -> None:
    """Spreadsheets save a byte order mark. An unreadable picture keeps no other pair from its comparison."""
    table = Path(pictures[0]).with_name("pairs.csv")
    table.write_text(f"one.png,seven.jpg\n\n{pictures[1]}, one.png\n", encoding="utf-8-sig")
    code, out, _ = predicted(al4, "--csv", table, "--json")
    assert [json.loads(line)["digits"] for line in out.splitlines()] == [[1, 7], [7, 1]] and code == 0
    lines = [line.split() for line in predicted(al4, "--csv", table)[1].splitlines()]
    assert [line[1:] for line in lines] == [["yes", "1", "7", *pictures], ["no", "7", "1", *reversed(pictures)]]

    table.write_text("one.png,seven.jpg\none.png,gone.png\nseven.jpg,one.png\n")
    gone = f"{table.with_name('gone.png')} cannot be read: No such file or directory\n"
    code, out, err = predicted(al4, "--csv", table, "--json")
    assert [json.loads(line)["holds"] for line in out.splitlines()] == [True, None, False]
    assert (code, err) == (2, gone)
    code, out, err = predicted(al4, "--csv", table)
    assert [line.split()[1] for line in out.splitlines()] == ["yes", "no"] and (code, err) == (2, gone)


@pytest.mark.parametrize(
    ("labels", "accuracy"),
    [
        ((",yes", ",no"), "1.0000"),
        ((",yes", ",yes"), "0.5000"),
        ((",1,7", ",7,1"), "1.0000"),
        ((",9,7", ",7,1"), "0.5000"),
    ],
)
def test_labels_in_a_csv_give_the_accuracy(
    labels: tuple[str, str], accuracy: str, al4: Path, pictures: list[str], predicted: Predict
) -> None:
    """The network answers yes to the first pair and no to the second."""
    table = Path(pictures[0]).with_name("pairs.csv")
    table.write_text(f"one.png,seven.jpg{labels[0]}\nseven.jpg,one.png{labels[1]}\n")
    last = predicted(al4, "--csv", table)[1].splitlines()[-1]
    assert last.startswith(f"accuracy {accuracy} of 2 pairs; always the majority answer: ")
    code, out, err = predicted(al4, "--csv", table, "--json")
    assert len([json.loads(line) for line in out.splitlines()]) == 2 and err == f"{last}\n" and code == 0


def test_the_question_is_the_networks(
    pictures: list[str], tmp_path: Path, predicted: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output shows the question and the statement of the task. A task without a statement shows P(yes)."""
    monkeypatch.setitem(TASKS, "larger", Task(lambda first, second: first > second, "Is the first larger?"))
    for task, question, statement in (
        ("odd_sum", "Is the sum of both odd?", "P(the sum is odd)"),
        ("larger", "Is the first larger?", "P(yes)"),
    ):
        saved = untrained(tmp_path / "last.ckpt", task=task, backbone="ws2")
        *_, asked, answer = predicted(saved, *pictures)[1].splitlines()
        assert asked == question and re.match(r"(yes|no): ", answer) and f" {statement} = " in answer


def test_16_bits(pictures: list[str], tmp_path: Path, predicted: Predict) -> None:
    """16 bits are read as 8. A picture that uses only 12 of them is rejected."""
    saved = untrained(tmp_path / "last.ckpt", backbone="ws2", images={"side": 20, "drawn": False})
    values = np.tile(np.linspace(0, 255, 20).astype(np.uint16), (20, 1))
    files = {factor: tmp_path / f"{factor}.png" for factor in (1, 16, 257)}
    for factor, file in files.items():
        Image.fromarray(values * factor if factor > 1 else values.astype(np.uint8)).save(file)
    expected = predicted(saved, files[1], files[1], "--json")
    assert predicted(saved, files[257], files[257], "--json") == expected == (0, expected[1], "")
    code, _, err = predicted(saved, files[16], files[1])
    assert "16.png cannot be read: it has 16 bits but no value above 4112; expected up to" in err and code == 2


@pytest.mark.parametrize(("channels", "side"), [(3, 15), (1, 28)])
def test_other_images_are_read_as_the_network_saw_them(
    channels: int, side: int, pictures: list[str], tmp_path: Path, predicted: Predict
) -> None:
    spec = {"channels": channels, "side": side, "names": ("cat", "dog"), "drawn": False}
    saved = untrained(tmp_path / "last.ckpt", backbone="ws2", aux=True, images=spec)
    code, out, err = predicted(saved, *pictures)
    assert re.search(r"looks like a (cat|dog) +looks like a (cat|dog)", out) and (code, err) == (0, "")
    assert re.search(r"(yes|no): P\(first <= second\) = [01]\.", out)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"one.png,seven.jpg\none.png\n", "pairs.csv has lines of 1 or 2 values; two paths are expected"),
        (b"one.png,seven.jpg,yes\none.png,seven.jpg\n", "has lines of 2 or 3 values; two paths are expected, and"),
        (b"one.png,seven.jpg,maybe\n", "seven.jpg: 'maybe' is not allowed; expected no, yes"),
        (b"one.png,seven.jpg,1,x\n", "seven.jpg: 'x' is not allowed; expected 0, 1,"),
        (b"", "pairs.csv has lines of no values; two paths are expected"),
        (b"\xff\xfe,\x00\n", "pairs.csv cannot be read: "),
        (None, "pairs.csv cannot be read: No such file or directory"),
    ],
)
def test_bad_tables_end_with_2_and_a_line(
    text: bytes | None, message: str, al4: Path, pictures: list[str], predicted: Predict
) -> None:
    table = Path(pictures[0]).with_name("pairs.csv")
    if text is not None:
        table.write_bytes(text)
    code, out, err = predicted(al4, "--csv", table)
    assert message in err and err.count("\n") == 1 and (code, out) == (2, "")


def test_bad_arguments_end_with_2_and_a_line(
    al4: Path, pictures: list[str], tmp_path: Path, predicted: Predict
) -> None:
    for arguments in ([pictures[0]], [*pictures, "--csv", "pairs.csv"], []):
        code, _, err = predicted(al4, *arguments)
        assert err.endswith("two pictures or --csv FILE are expected\n") and code == 2
    BAD["malicious"][0](tmp_path / "bad.ckpt", al4)
    code, out, err = predicted(tmp_path / "bad.ckpt", *pictures)
    assert (code, out) == (2, "") and "UnpicklingError: Weights only load failed" in err and err.count("\n") == 1


@pytest.mark.skipif(MNIST_ROOT is None, reason="MNIST_ROOT names no torchvision root with the canonical idx files")
def test_photographed_test_digits_are_named_like_the_originals(network: Predictor) -> None:
    """The accuracy on 100 imitated photos is at most 0.03 below that on the original test digits.

    The photos are enlarged tenfold, dark on light, off the middle, unevenly lit and noisy.
    """
    from digitcmp.data import images

    raw = Path(str(MNIST_ROOT)) / "MNIST" / "raw"
    originals = np.fromfile(raw / "t10k-images-idx3-ubyte", np.uint8, 16 + 100 * 784)[16:].reshape(100, 28, 28)
    labels = np.fromfile(raw / "t10k-labels-idx1-ubyte", np.uint8, 8 + 100)[8:]
    rng = np.random.default_rng(0)
    light = np.linspace(150, 220, 320)[:, None] + np.linspace(-20, 20, 320)
    taken = []
    for original in originals:
        large = Image.fromarray(original).resize((280, 280), Image.Resampling.BICUBIC)
        ink = np.pad(np.asarray(large) / 255, (0, 40))
        ink = np.roll(ink, rng.integers(0, 41, 2), axis=(0, 1))
        photo = light * (1 - 0.75 * ink) + rng.normal(0, 4, ink.shape)
        taken.append(images.centred(photo.astype(np.uint8)))
    named, before = (
        network.predict_digits(digits.reshape(50, 2, 14, 14)).digits
        for digits in (np.stack(taken), images.resize(originals, 14))
    )
    assert named is not None and before is not None
    accuracy, expected = ((digits.argmax(axis=2).flatten() == labels).mean() for digits in (named, before))
    assert accuracy >= expected - 0.03
