"""Tests of the paper's names and numbers."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from omegaconf import OmegaConf

from digitcmp import paper
from digitcmp.config.conf import CONF
from digitcmp.report.contrasts.accuracy_effects import papers
from digitcmp.report.contrasts.cell_grid import Contrast


def test_names_numbers_and_rates_of_the_cells() -> None:
    labels = [paper.label(model, aux) for model, aux in paper.CELLS]
    assert labels == ["FCNN1", "FCNN2", "FCNN3", "WS1", "WS2", "WS3", "AL1", "AL2", "AL3", "AL4"]
    assert set(labels) == paper.ACCURACY.keys() == paper.LEARNING_RATES.keys()
    assert paper.label("fcnn1", True) == "FCNN1+AL" and paper.label("convnet", True) == "convnet+AL"
    assert paper.label("ws3", False, "ordinal") == "WS3+ordinal"
    for model in (model for model, aux in paper.CELLS if aux):  # Table II
        recipe = OmegaConf.load(CONF / "model" / f"{model}.yaml")
        assert recipe.lr_aux == paper.LEARNING_RATES[paper.label(model, aux=True)]


def condition(model: str, aux: bool, **changes: str) -> dict[str, str]:
    return {"model": model, "aux": "true" if aux else "", "head": "", **changes}


def difference(*sides: dict[str, str]) -> pd.Series:
    """Return the published difference of two conditions, or of four: the first difference minus the second."""
    weights = dict(enumerate((1.0, -1.0, -1.0, 1.0)[: len(sides)]))
    return papers(dict(enumerate(sides)), [Contrast("", "", "", weights)]).iloc[0]


def test_the_papers_own_differences() -> None:
    fcnn3, al1, ws2, al3 = (condition(model, aux) for model in ("fcnn3", "ws2") for aux in (False, True))
    assert difference(al1, fcnn3).published == pytest.approx(0.050)  # Table I: .881 - .831
    assert difference(al3, ws2, al1, fcnn3).published == pytest.approx(0.007)  # .057 - .050
    for sides in (
        (condition("fcnn1", True), condition("fcnn1", False)),  # the paper has no FCNN1+AL
        (al1, condition("fcnn3", False, epochs="50")),
        (al1, condition("fcnn3", True, normalize="false")),  # the paper has a single AL1
    ):
        assert np.isnan(difference(*sides).published)
    # Welch's interval of .845 +- .014 - .831 +- .008, ten runs each; WS3 has no published standard deviation
    row = difference(ws2, fcnn3)
    error = ((0.014**2 + 0.008**2) / 10) ** 0.5
    freedom = (0.014**2 + 0.008**2) ** 2 / ((0.014**4 + 0.008**4) / 9)
    half = scipy.stats.t.ppf(0.975, freedom) * error
    found = (row.published, row.published_low, row.published_high)
    assert found == pytest.approx((0.014, 0.014 - half, 0.014 + half))
    row = difference(condition("ws3", False), condition("ws1", False))
    assert row.published == pytest.approx(0.026) and np.isnan(row.published_low)


@pytest.mark.parametrize(
    ("network", "settings", "published", "claimed"),
    [
        (("ws3", True), {}, True, True),
        (("ws3", True), {"data_seed": "0", "shuffle": "false"}, True, True),
        (("ws3", True), {"normalize": "false", "test_pairs": "500"}, True, True),
        (("fcnn2", False), {"hidden": "300-150-50"}, True, True),
        (("fcnn2", False), {"hidden": "300-50"}, False, False),
        (("ws3", True), {"schedule": "cosine"}, False, True),
        (("ws3", True), {"epochs": "50", "augment": "true"}, False, True),
        (("ws3", True), {"task": "sum"}, False, False),
        (("ws3", True), {"train_pairs": "500"}, False, False),
        (("ws3", True), {"dataset": "kmnist"}, False, False),
        (("ws3", True), {"head": "ordinal"}, False, False),
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
