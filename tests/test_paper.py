"""Tests of the paper's names and numbers."""

import math

import pytest
from omegaconf import OmegaConf

from digitcmp import paper
from digitcmp.config.conf import CONF
from digitcmp.report.contrasts.accuracy_effects import papers
from digitcmp.report.contrasts.cell_grid import Contrast


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


@pytest.mark.parametrize("model", [model for model, aux in paper.CELLS if aux])
def test_learning_rates_with_the_auxiliary_loss_are_those_of_table_ii(model: str) -> None:
    recipe = OmegaConf.load(CONF / "model" / f"{model}.yaml")
    assert recipe.lr_aux == paper.LEARNING_RATES[paper.label(model, aux=True)]


def condition(model: str, aux: bool, **changes: str) -> dict[str, str]:
    return {"model": model, "aux": "true" if aux else "", "head": "", **changes}


def difference(*sides: dict[str, str]) -> float:
    """Return the published difference of two conditions, or of four: the first difference minus the second."""
    weights = dict(enumerate((1.0, -1.0, -1.0, 1.0)[: len(sides)]))
    return float(papers(dict(enumerate(sides)), [Contrast("", "", "", weights)]).published[0])


def test_the_papers_own_differences() -> None:
    fcnn3, al1, ws2, al3 = (condition(model, aux) for model in ("fcnn3", "ws2") for aux in (False, True))
    assert difference(al1, fcnn3) == pytest.approx(0.050)  # Table I: .881 - .831
    assert difference(ws2, fcnn3) == pytest.approx(0.014)  # .845 - .831
    assert difference(al3, ws2, al1, fcnn3) == pytest.approx(0.007)  # .057 - .050
    assert math.isnan(difference(condition("fcnn1", True), condition("fcnn1", False)))  # the paper has no FCNN1+AL
    assert math.isnan(difference(al1, condition("fcnn3", False, epochs="50")))
    assert math.isnan(difference(al1, condition("fcnn3", True, normalize="false")))  # the paper has a single AL1


@pytest.mark.parametrize(
    ("network", "settings", "published", "claimed"),
    [
        (("ws3", True), {}, True, True),
        (("ws3", True), {"data_seed": "0", "shuffle": "false"}, True, True),
        (("fcnn2", False), {"hidden": "300-150-50"}, True, True),
        (("fcnn2", False), {"hidden": "300-50"}, False, False),
        (("ws3", True), {"schedule": "cosine"}, False, True),
        (("ws3", True), {"task": "sum"}, False, False),
        (("ws3", True), {"regularization": "dropout"}, False, False),
        (("convnet", True), {}, True, False),
        (("fcnn1", True), {}, True, False),
        (("gone", True), {}, True, False),
    ],
)
def test_what_the_papers_numbers_and_claims_are_about(
    network: tuple[str, bool], settings: dict[str, str], published: bool, claimed: bool
) -> None:
    assert (paper.as_published(settings), paper.claimed(*network, settings)) == (published, claimed)


def test_others_published_more_than_the_paper() -> None:
    best = paper.ACCURACY["AL4"].mean
    assert all(best < one.mean < 1 and one.std and one.n >= 3 for one in paper.OTHERS.values())
    assert paper.OTHERS["puckvg"].mean == 0.9826
