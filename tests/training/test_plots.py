"""Tests of the figures of a run."""

import numpy as np
import pytest
import torch
from torch import nn

from digitcmp.data.pairs import Batch
from digitcmp.data.tasks import TASKS, Task
from digitcmp.models.network import PairModel, PairOutput
from digitcmp.training import plots

DIGITS = torch.tensor([[1, 2], [1, 2], [7, 3], [5, 5]])
LEQ = TASKS["leq"]
NAMES = tuple("0123456789")
BATCH = Batch(torch.full((4, 2, 14, 14), 128.0), torch.tensor([1.0, 1.0, 0.0, 1.0]), DIGITS)
NAMED = torch.tensor([[1, 2], [7, 2], [7, 3], [5, 6]])  # six of eight digits are right
OUTPUT = PairOutput(torch.tensor([3.0, -9.0, 2.0, 1.0]), nn.functional.one_hot(NAMED, 10).float())


def words(figure: object) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]  # type: ignore[attr-defined]


def test_mistakes_come_in_the_order_of_their_confidence() -> None:
    figure = plots.mistakes(BATCH, OUTPUT, NAMES, LEQ)
    assert figure.axes[0].get_title().startswith("2 of 4 pairs wrong")
    assert words(figure) == ["P(1 ≤ 2) = 0.000\npredicted 7 and 2", "P(7 ≤ 3) = 0.881\npredicted 7 and 3"]


def test_error_rates_by_digits() -> None:
    assert words(plots.error_table(BATCH, OUTPUT, NAMES)) == ["50", "100"]  # half of (1, 2), all of (7, 3)


def test_digit_confusion() -> None:
    image = plots.confusion(BATCH, OUTPUT, NAMES).axes[0].images[0].get_array()
    assert image[1, 7] == image[5, 6] == 50 and image.sum() == 100  # half of the ones as 7, half of the fives as 6


def test_calibration_by_hand() -> None:
    """P = 0.5 for one true and one false pair has an error of 0. Certain wrong answers have an error of 1."""
    batch = Batch(BATCH.pairs[:2], torch.tensor([1.0, 0.0]), DIGITS[:2])
    perfect, wrong = PairOutput(torch.zeros(2), None), PairOutput(torch.tensor([-20.0, 20.0]), None)
    assert "error 0.000" in plots.calibration(batch, perfect, LEQ).axes[0].get_title()
    assert "error 1.000" in plots.calibration(batch, wrong, LEQ).axes[0].get_title()


def test_names_and_colours_of_other_classes() -> None:
    """The figures of three classes of coloured 6x6 images show the class names, and a red image in red."""
    names, pairs = ("Bag", "Sneaker", "Coat"), torch.zeros(1, 2, 3, 6, 6)
    pairs[0, 0, 0] = 255
    batch = Batch(pairs, torch.tensor([0.0]), torch.tensor([[2, 1]]))
    output = PairOutput(torch.tensor([9.0]), torch.tensor([[[9.0, 0, 0], [0, 9.0, 0]]]))
    figure = plots.mistakes(batch, output, names, LEQ)
    assert words(figure) == ["P(Coat ≤ Sneaker) = 1.000\npredicted Bag and Sneaker"]
    canvas = figure.axes[0].images[0].get_array()
    assert canvas[0, 0].tolist() == [255, 0, 0] and canvas[0, 6].tolist() == [255, 255, 255]
    drawn = plots.draw(batch, output, nn.Sequential(nn.Conv2d(3, 4, 3)), names, LEQ)
    assert drawn["first-layer filters"].axes[0].get_title().startswith("4 first-layer filters")
    ticks = [label.get_text() for label in drawn["digit confusion"].axes[0].get_xticklabels()]
    assert ticks == list(names)


def test_the_filters_are_those_of_every_branch() -> None:
    title = (
        plots.draw(BATCH, OUTPUT, PairModel("ws1", {}, "mlp", aux=False), NAMES, LEQ)["first-layer filters"]
        .axes[0]
        .get_title()
    )
    assert title.startswith("10 first-layer filters")  # five of each branch


def test_a_picture_of_each_kind_where_it_makes_sense() -> None:
    convolutional, dense = nn.Sequential(nn.Conv2d(1, 5, 3)), nn.Linear(3, 3)
    assert set(plots.draw(BATCH, OUTPUT, convolutional, NAMES, LEQ)) - set(
        plots.draw(BATCH, OUTPUT._replace(digits=None), dense, NAMES, LEQ)
    ) == {"digit confusion", "first-layer filters"}
    for figure in plots.draw(BATCH, OUTPUT, convolutional, NAMES, LEQ).values():
        image = plots.pixels(figure)
        assert image.dtype == np.uint8 and image.shape[2] == 4 and image.std() > 0


@pytest.mark.parametrize(
    ("task", "caption", "axis"),
    [
        (LEQ, "P(1 ≤ 2) = 0.000", "first ≤ second"),
        (TASKS["odd_sum"], "1, 2: P(the sum is odd) = 0.000", "the sum is odd"),
        (Task(lambda first, second: first > second, "Is the first larger?"), "1, 2: P(yes) = 0.000", "yes"),
    ],
)
def test_the_statement_is_the_tasks(task: Task, caption: str, axis: str) -> None:
    """A task without a statement has the caption "yes"."""
    output = OUTPUT._replace(digits=None)
    assert words(plots.mistakes(BATCH, output, NAMES, task))[0] == caption
    assert plots.calibration(BATCH, output, task).axes[0].get_xlabel() == f"predicted probability of: {axis}"
