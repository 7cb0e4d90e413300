"""The paper's names and numbers."""

import pytest
from omegaconf import OmegaConf

from digitcmp import paper
from digitcmp.config import CONF
from digitcmp.report.effects import contrasts


def test_every_cell_has_a_name_a_number_and_a_rate() -> None:
    labels = [paper.label(model, aux) for model, aux in paper.CELLS]
    assert labels == ["FCNN1", "FCNN2", "FCNN3", "WS1", "WS2", "WS3", "AL1", "AL2", "AL3", "AL4"]
    assert set(labels) == paper.ACCURACY.keys() == paper.LEARNING_RATES.keys()


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        (("ws2", True), "AL3"),
        (("fcnn1", True), "FCNN1+AL"),
        (("convnet", True), "convnet+AL"),
        (("ws3", False, "ordinal"), "WS3+ordinal"),
    ],
)
def test_names(cell: tuple[str, bool], label: str) -> None:
    assert paper.label(*cell) == label


@pytest.mark.parametrize("model", paper.AUXILIARY)
def test_learning_rates_with_the_auxiliary_loss_are_those_of_table_ii(model: str) -> None:
    recipe = OmegaConf.load(CONF / "model" / f"{model}.yaml")
    assert recipe.lr_aux == paper.LEARNING_RATES[paper.label(model, aux=True)]


def test_the_papers_own_differences() -> None:
    published = {contrast.name: round(contrast.published, 3) for contrast in contrasts(paper.BACKBONES)}
    assert published["AL1 − FCNN3"] == 0.050  # Table I: .881 - .831
    assert published["WS2 − FCNN3"] == 0.014  # .845 - .831
    assert published["(AL3 − WS2) − (AL1 − FCNN3)"] == 0.007  # .057 - .050
    assert published["FCNN1+AL − FCNN1"] != published["FCNN1+AL − FCNN1"]  # nan: the paper has no FCNN1+AL


def test_others_published_more_than_the_paper() -> None:
    best = paper.ACCURACY["AL4"].mean
    assert all(best < one.mean < 1 and one.std and one.n >= 3 for one in paper.OTHERS.values())
    assert paper.OTHERS["puckvg"].mean == 0.9826
