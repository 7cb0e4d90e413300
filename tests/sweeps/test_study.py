"""Tests of experiment=study: the numbers of pairs, the images that it rejects, and its findings."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from records import record

from digitcmp.errors import DataError
from digitcmp.report.pages import output
from digitcmp.report.pages.summary import study_findings
from digitcmp.report.results import Results
from digitcmp.report.sections import sections
from digitcmp.sweeps.study import minutes, pairs

CELLS = [(f"fcnn{i}", False) for i in (1, 2, 3)] + [(f"ws{i}", False) for i in (1, 2, 3)]
CELLS += [(model, True) for model in ("fcnn3", "ws1", "ws2", "ws3")]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ((60_000, 10_000), (1000, 1000, 1000)),
        ((1201, 596), (400, 200, 298)),  # scikit-learn's scanned digits
        ((5000, 300), (1000, 833, 150)),
        ((180, 100), (60, 30, 50)),
    ],
)
def test_no_image_is_in_two_pairs(images: tuple[int, int], expected: tuple[int, int, int]) -> None:
    train, val, test = pairs(*images)
    assert (train, val, test) == expected and 2 * (train + val) <= images[0] and 2 * test <= images[1]


@pytest.mark.parametrize("images", [(179, 100), (180, 99), (20, 10)])
def test_too_few_images_are_rejected(images: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="too few for a study; at least 180 and 100 are expected"):
        pairs(*images)


def test_a_study_of_28x28_images_is_short() -> None:
    assert minutes(28, 1250, 8, workers=2) <= 15 and minutes(28, 1250, 5, workers=2) < minutes(28, 1250, 8, workers=2)


def images(file: Path, train: int, test: int) -> Path:
    """Write a .npz of noise in three classes, which tells its classes by the mean."""
    numbers = np.random.default_rng(0)
    parts = []
    for count in (train, test):
        labels = np.arange(count) % 3
        parts.append((numbers.integers(0, 90, (count, 8, 8)) + 80 * labels[:, None, None]).astype(np.uint8))
        parts.append(labels)
    np.savez(file, train_images=parts[0], train_labels=parts[1], test_images=parts[2], test_labels=parts[3])
    return file


def test_the_sizes_are_those_of_the_images(train: Run, tmp_path: Path) -> None:
    file = images(tmp_path / "mine.npz", 300, 100)
    typed = ("experiment=study", "data=npz", f"data.file={file}", "task=same")
    plan = train(*typed, "study.seeds=3", "data.val_pairs=40", "dry_run=true").stdout.splitlines()
    numbers = "100 training, 40 validation and 50 test pairs of 8x8 pixels, 250 epochs, 3 seeds"
    assert plan[0] == f"{file}: 300 training and 100 test images of 3 classes. {numbers}"
    assert plan[1].startswith("about ") and " minutes on " in plan[1]
    assert "80 runs, 0 finished" in plan[42] and sum("lr=selected" in line for line in plan) == 10
    assert all("task=same" in line for line in plan[2:42])

    few = train("experiment=study", "data=npz", f"data.file={images(tmp_path / 'few.npz', 20, 10)}", code=1)
    assert "20 training and 10 test images are too few for a study" in few.stderr and not few.stdout
    assert not (tmp_path / "multirun").exists()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("data.train_pairs=100,200", "several data sets or sizes in one study; one of each is expected. "),
        ("epochs=5,10", "several data sets or sizes in one study; one of each is expected. "),
        ("data.val_pairs=0", "data.val_pairs=0 is not allowed; "),
        ("epochs=many", "epochs=many is not allowed; "),
    ],
)
def test_a_study_has_one_size(train: Run, tmp_path: Path, typed: str, message: str) -> None:
    refused = train("experiment=study", "data=npz", f"data.file={images(tmp_path / 'm.npz', 300, 100)}", typed, code=1)
    assert refused.stderr.startswith(message) and refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_study_ends_with_its_findings(train: Run, tmp_path: Path) -> None:
    file = images(tmp_path / "mine.npz", 300, 100)
    typed = ("data=npz", f"data.file={file}", "study.seeds=2", "epochs=20", "hydra.sweeper.rates.seed=0")
    done = train("experiment=study", *typed).stdout
    last = done.splitlines()[-3:]
    assert last[0].startswith("On these images the auxiliary loss ") and "n = 2 seeds" in last[0]
    assert last[2] == "Written to multirun/study/report/report.html"
    assert last[0] in (tmp_path / "multirun/study/report/report.md").read_text()


def sweep(root: Path, accuracy: dict[tuple[str, bool], float], spread: float = 0.0) -> Results:
    """Record the ten networks on three seeds. Both effects differ from seed to seed by multiples of `spread`."""
    for model, aux in CELLS:
        for seed in range(3):
            score = accuracy.get((model, aux), 0.8) + spread * (seed - 1) * (aux + 2 * (model in ("ws2", "ws3")))
            record(root, model, score, seed=seed, aux=aux, dataset="fashion_mnist")
    return Results.load([root])


def test_the_answer_has_intervals_the_majority_and_collapsed_runs(tmp_path: Path) -> None:
    """AL1 and AL3 are better by .06 than the others, and WS1 is worse by .24, at the majority answer."""
    results = sweep(tmp_path, {("fcnn3", True): 0.86, ("ws2", True): 0.86, ("ws1", False): 0.56}, spread=0.01)
    sentences = study_findings(results)
    assert sentences[0].startswith("On these images the auxiliary loss raises test accuracy: +0.090 [+0.065, +0.115] (")
    assert "sharing raises test accuracy: +0.060 [+0.010, +0.110] " in sentences[1] and "n = 3 seeds" in sentences[1]
    assert sentences[2:] == [
        "The majority answer has 0.550, the best network, AL1, 0.860 ± 0.010.",
        "3 of 30 runs collapsed: WS1 3.",
    ]
    text = output.report_files(results, sections(results))["report.md"].decode()
    assert text.splitlines()[2] == " ".join(sentences)


def test_effects_that_are_not_seen_and_single_seeds_are_said(tmp_path: Path) -> None:
    results = sweep(tmp_path, {})
    assert "has no visible effect on test accuracy: +0.000" in study_findings(results)[0]
    assert study_findings(sweep(tmp_path / "all", dict.fromkeys(CELLS, 0.5)))[0].startswith(
        "On these images every network collapsed: none of 30 runs is better than the majority answer, 0.550."
    )


@pytest.mark.parametrize("change", ["paper", "two rates", "missing"])
def test_other_sweeps_have_no_study_findings(tmp_path: Path, change: str) -> None:
    for model, aux in CELLS[1:] if change == "missing" else CELLS:
        record(tmp_path, model, 0.8, seed=0, aux=aux, **({} if change == "paper" else {"dataset": "kmnist"}))
    if change == "two rates":
        record(tmp_path, "ws3", 0.8, seed=0, lr=0.5, dataset="kmnist")
    assert bool(study_findings(Results.load([tmp_path]))) == (change == "missing")  # FCNN1 is in no comparison
