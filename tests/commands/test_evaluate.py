"""Tests of the evaluate command."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run, inside
from image_sets import fake_torchvision, save_npz
from saved import checkpoint, untrained

from digitcmp.commands import evaluate
from digitcmp.files import checksum
from digitcmp.runs.folder import CHECKPOINT

Evaluate = Callable[..., tuple[str, str]]
SMALL = ("model=ws3", "data.train_pairs=100", "data.val_pairs=20", "data.test_pairs=300", "epochs=2", "seed=3")


@pytest.fixture(scope="module")
def al4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("al4"))


@pytest.fixture
def evaluated() -> Evaluate:
    """Return a function that runs `digitcmp evaluate` in this process and returns its output and errors."""

    def run(checkpoint: Path | str, *arguments: str, code: int = 0) -> tuple[str, str]:
        done = inside("evaluate", f"checkpoint={checkpoint}", *arguments, code=code)
        return done.stdout, done.stderr

    return run


def files(folder: Path) -> dict[str, dict]:
    return {file.name: json.loads(file.read_text()) for file in folder.glob("evaluation*")}


def test_on_its_own_pairs_a_run_says_what_it_said(train: Run, tmp_path: Path, evaluated: Evaluate) -> None:
    train(*SMALL, "aux=true", "data.seed=7", "hydra.run.dir=out")
    out, err = evaluated(tmp_path / "out" / CHECKPOINT)
    result = json.loads((tmp_path / "out/result.json").read_text())
    evaluation = files(tmp_path / "out")["evaluation,dataset=mnist,test_pairs=300,seed=7.json"]
    for key in ("test_loss", "test_acc", "digit_acc", "argmax_acc"):
        assert evaluation[key] == pytest.approx(result[key], abs=1e-5)
    assert evaluation["checkpoint_crc"] == result["checkpoint_crc"]
    assert evaluated(tmp_path / "out") == (out, "") and len(files(tmp_path / "out")) == 1  # the run's folder
    assert out.splitlines()[:4] == [
        "Is the first <= the second?",
        "AL4: mnist, 300 test pairs, seed 7",
        f"accuracy{result['test_acc']:>26.4f}",
        f"majority answer{result['majority']:>19.4f}",
    ]
    assert len(out.splitlines()) == 9 and err == "" and evaluation["majority"] == result["majority"]


def test_a_run_on_a_new_split_is_evaluated_on_its_own_test_images(
    train: Run, tmp_path: Path, evaluated: Evaluate
) -> None:
    train(*SMALL, "data.resplit=true", "hydra.run.dir=out")
    result = json.loads((tmp_path / "out/result.json").read_text())
    evaluated(tmp_path / "out")
    [evaluation] = files(tmp_path / "out").values()
    assert result["resplit"] is True and evaluation["test_acc"] == pytest.approx(result["test_acc"], abs=1e-5)


def test_own_files_of_the_same_shape(al4: Path, tmp_path: Path, evaluated: Evaluate) -> None:
    """A network trained on MNIST is evaluated on two .npz files. The records identify each file by its checksum."""
    copied = shutil.copy(al4, tmp_path)  # other tests write evaluations beside al4
    npz = ("data=npz", "data.test_pairs=20")
    for name, n in (("mine", 60), ("other", 80)):
        save_npz(tmp_path / f"{name}.npz", classes=10, side=14, n=n)
        evaluated(copied, *npz, f"data.file={tmp_path / name}.npz")
    crcs = {checksum(tmp_path / f"{name}.npz") for name in ("mine", "other")}
    recorded = files(tmp_path).values()
    assert {(result["dataset"], result["data_crc"]) for result in recorded} == {(f"npz-{crc}", crc) for crc in crcs}
    save_npz(tmp_path / "few.npz", classes=3, side=14, n=60)
    refused = evaluated(copied, *npz, f"data.file={tmp_path}/few.npz", code=1)[1]
    assert "has classes=3, channels=1; the network expects classes=10, channels=1" in refused
    assert "with either data.file=FILE or data.cls=CLASS" in evaluated(copied, "data=npz", code=1)[1]


def test_other_pairs(al4: Path, tmp_path: Path, evaluated: Evaluate) -> None:
    copied = shutil.copy(al4, tmp_path)
    for overrides in (["data.test_pairs=5000"], ["data.test_pairs=5000", "seed=1"], [], ["tta=true"]):
        evaluated(copied, *overrides)
    results = files(tmp_path).values()
    pairs = sorted((result["test_pairs"], result["seed"], result["tta"]) for result in results)
    assert pairs == [(1000, 0, False), (1000, 0, True), (5000, 0, False), (5000, 1, False)]
    accuracies = {result["test_acc"] for result in results}
    assert len(accuracies) == 4 and all(0.85 < accuracy < 1 for accuracy in accuracies)


def test_another_data_set(al4: Path, tmp_path: Path, evaluated: Evaluate) -> None:
    fake_torchvision(tmp_path / "data", "kmnist")
    evaluated(al4, "data=kmnist", f"data.root={tmp_path / 'data'}", "data.test_pairs=25")
    assert files(al4.parents[1])["evaluation,dataset=kmnist,test_pairs=25,seed=0.json"]["digit_acc"] < 0.5


def test_a_run_on_a_file_of_ones_own(train: Run, tmp_path: Path, evaluated: Evaluate) -> None:
    """A run on a file that was moved is evaluated with data.file.

    Another file is rejected by its checksum, and MNIST by its number of classes.
    """
    save_npz(tmp_path / "letters.npz", classes=5, side=14)
    own = ("data=npz", "data.file=letters.npz", "data.train_pairs=20", "data.val_pairs=10", "data.test_pairs=20")
    train(*own, "aux=true", "epochs=1", "hydra.run.dir=out")
    (tmp_path / "letters.npz").rename(tmp_path / "moved.npz")
    missing = "data.file=letters.npz does not exist; a file or folder is expected\n"
    assert evaluated(tmp_path / "out", code=1)[1] == missing
    evaluated(tmp_path / "out", f"data.file={tmp_path / 'moved.npz'}")
    result = json.loads((tmp_path / "out/result.json").read_text())
    assert files(tmp_path / "out")["evaluation,dataset=npz,test_pairs=20,seed=0.json"]["test_acc"] == result["test_acc"]
    other = tmp_path / "other.npz"
    save_npz(other, classes=5, side=14, n=61)
    refused = evaluated(tmp_path / "out", f"data.file={other}", code=1)[1]
    assert refused.startswith(f"{other} is not the file that the run was trained on: its checksum is ")
    message = "mnist has classes=10, channels=1; the network expects classes=5, channels=1\n"
    assert evaluated(tmp_path / "out", "data=mnist", code=1)[1] == message


def test_the_order_of_the_classes(al4: Path, tmp_path: Path, evaluated: Evaluate) -> None:
    """The network orders the digits correctly. The record without order=true has its own file and the same scores."""
    copied = shutil.copy(al4, tmp_path)
    out, _ = evaluated(copied, "data.test_pairs=400", "order=true")
    assert "classes from first to last: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n" in out
    evaluated(copied, "data.test_pairs=400")
    ordered, plain = (files(tmp_path)[f"evaluation,dataset=mnist,test_pairs=400,seed=0{end}.json"]
                      for end in (",order", ""))  # fmt: skip
    assert list(ordered.pop("positions")) == list("0123456789") and ordered.pop("class_order") == 1
    assert ordered == plain
    other = untrained(tmp_path / "same.ckpt", backbone="ws3", task="same")
    refused = evaluated(other, "order=true", code=1)[1]
    assert refused == "order=true is not allowed: the run's task is same; leq is expected\n"


def test_without_aux_beside_no_run(tmp_path: Path, evaluated: Evaluate) -> None:
    plain = checkpoint(tmp_path, "fcnn1", aux=False, pairs=40, epochs=1)
    evaluated(shutil.copy(plain, tmp_path / "copy.ckpt"))
    (result,) = files(tmp_path).values()
    assert result["digit_acc"] is None and result["argmax_acc"] is None and result["test_pairs"] == 1000


def test_evaluations_of_other_pairs_have_other_files(tmp_path: Path) -> None:
    result = {"dataset": "mnist", "test_pairs": 5, "seed": 0, "tta": False, "test_acc": 0.5}
    written = evaluate.write(tmp_path, result)
    assert written.name == "evaluation,dataset=mnist,test_pairs=5,seed=0.json"
    for other in ({"seed": 1}, {"tta": True}, {"positions": {}}):
        assert evaluate.write(tmp_path, result | other) != written
    evaluate.write(tmp_path, result | {"test_acc": 0.6})
    assert json.loads(written.read_text())["test_acc"] == 0.6 and len(files(tmp_path)) == 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs=3", "epochs is unknown: --help lists the options"),
        ("data.test_pair=3", "data.test_pair is unknown: did you mean data.test_pairs?"),
        ("data", "data cannot be parsed: "),
        ("data.file=a.npz", "data.file=a.npz is not allowed: the data set mnist needs none"),
        ("data=mnits", "In 'evaluate': Could not find 'data/mnits' Available options in 'data': cifar10"),
        ("data.test_pairs=0", "data.test_pairs=0 is not allowed; input should be greater than or equal to 1"),
        ("tta=1", "tta=1 is not allowed; input should be a valid boolean"),
        ("seed=-1", "seed=-1 is not allowed; input should be greater than or equal to 0"),
        ("data.test_pairs=5001", "5001 pairs requested from the 10000 test images of mnist; expected at most 5000"),
        ("checkpoint=gone.ckpt", "gone.ckpt cannot be read: No such file or directory; a run's folder or its"),
    ],
)
def test_bad_input_is_one_line(override: str, message: str, al4: Path, evaluated: Evaluate) -> None:
    out, err = evaluated(al4, override, code=1)
    assert err.startswith(message) and err.count("\n") == 1 and out == ""


def test_help() -> None:
    out = inside("evaluate", "--help").stdout
    for key in ("data=NAME", "data.test_pairs", "data.root", "seed", "tta", "order"):
        assert f"\n  {key} " in out
