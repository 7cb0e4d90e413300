"""Tests of the figures of a run."""

import pytest
import torch
from matplotlib.figure import Figure
from torch.nn.functional import one_hot

from digitcmp.data.pairs import Batch
from digitcmp.data.tasks import TASKS, Task
from digitcmp.models.network import PairOutput
from digitcmp.training import plots

DIGITS = torch.tensor([[1, 2], [1, 2], [7, 3], [5, 5]])
LEQ = TASKS["leq"]
NAMES = tuple("0123456789")
BATCH = Batch(torch.full((4, 2, 14, 14), 128.0), torch.tensor([1.0, 1.0, 0.0, 1.0]), DIGITS)
NAMED = torch.tensor([[1, 2], [7, 2], [7, 3], [5, 6]])  # six of eight digits are right
OUTPUT = PairOutput(torch.tensor([3.0, -9.0, 2.0, 1.0]), one_hot(NAMED, 10).float())


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_mistakes_come_in_the_order_of_their_confidence() -> None:
    figure = plots.mistakes(BATCH, OUTPUT, NAMES, LEQ)
    assert figure.axes[0].get_title().startswith("2 of 4 pairs wrong")
    assert words(figure) == ["P(1 ≤ 2) = 0.000\npredicted 7 and 2", "P(7 ≤ 3) = 0.881\npredicted 7 and 3"]


def test_error_rates_by_digits() -> None:
    assert words(plots.error_table(BATCH, OUTPUT, NAMES)) == ["50", "100"]  # half of (1, 2), all of (7, 3)


def test_digit_confusion() -> None:
    """The cells show all shares, row by row. The colours show the errors: half of the ones as 7, of the fives as 6."""
    figure = plots.confusion(BATCH, OUTPUT, NAMES)
    assert words(figure) == ["50", "50", "100", "100", "50", "50", "100"]
    image = figure.axes[0].images[0].get_array()
    assert image is not None and image[1, 7] == image[5, 6] == 50 and image.sum() == 100


def test_calibration_by_hand() -> None:
    """P = 0.5 for one true and one false pair has an error of 0. Certain wrong answers have an error of 1."""
    batch = Batch(BATCH.pairs[:2], torch.tensor([1.0, 0.0]), DIGITS[:2])
    for logits, error in (([0.0, 0.0], "0.000"), ([-20.0, 20.0], "1.000")):
        figure = plots.calibration(batch, PairOutput(torch.tensor(logits), None), LEQ)
        assert f"error {error}" in figure.axes[0].get_title()


def test_names_and_colours_of_other_classes() -> None:
    """The figures of three classes of coloured 6x6 images show the class names, and a red image in red."""
    names, pairs = ("Bag", "Sneaker", "Coat"), torch.zeros(1, 2, 3, 6, 6)
    pairs[0, 0, 0] = 255
    batch = Batch(pairs, torch.tensor([0.0]), torch.tensor([[2, 1]]))
    output = PairOutput(torch.tensor([9.0]), torch.tensor([[[9.0, 0, 0], [0, 9.0, 0]]]))
    figures = plots.draw(batch, output, names, LEQ)
    assert words(figures["mistakes"]) == ["P(Coat ≤ Sneaker) = 1.000\npredicted Bag and Sneaker"]
    canvas = figures["mistakes"].axes[0].images[0].get_array()
    assert canvas is not None
    assert canvas[0, 0].tolist() == [255, 0, 0] and canvas[0, 6].tolist() == [255, 255, 255]
    ticks = [label.get_text() for label in figures["digit confusion"].axes[0].get_xticklabels()]
    assert ticks == list(names)


def test_the_digit_confusion_needs_digit_logits() -> None:
    names = {"mistakes", "error rate by digits", "calibration"}
    assert plots.draw(BATCH, OUTPUT._replace(digits=None), NAMES, LEQ).keys() == names
    assert plots.draw(BATCH, OUTPUT, NAMES, LEQ).keys() == names | {"digit confusion"}


@pytest.mark.parametrize(
    ("task", "caption", "axis"),
    [
        (LEQ, "P(1 ≤ 2) = 0.000", "first ≤ second"),
        (Task(lambda first, second: first > second, "Is the first larger?"), "1, 2: P(yes) = 0.000", "yes"),
    ],
)
def test_the_answer_in_words_is_the_tasks(task: Task, caption: str, axis: str) -> None:
    """A task without words for its answers has the caption "yes"."""
    output = OUTPUT._replace(digits=None)
    assert words(plots.mistakes(BATCH, output, NAMES, task))[0] == caption
    assert plots.calibration(BATCH, output, task).axes[0].get_xlabel() == f"predicted probability of: {axis}"
