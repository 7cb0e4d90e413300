"""Tests of values formatted as text."""

from typing import Any

import numpy as np
import pytest

from digitcmp.report.formats import P_VALUE, estimated, interval, seeds, spread, to_text
from digitcmp.report.loading.settings import default, level_name, literal

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        ([300, 150, 50], "", "300-150-50"),
        (None, "", ""),
        (float("nan"), ".3f", ""),
        (np.bool_(True), "", "true"),
        (0.0005, "", "0.0005"),
        (1000, "", "1000"),
        (1000, ",", "1,000"),
        (0.1, "+.2f", "+0.10"),
        ("letters", "", "letters"),
    ],
)
def test_a_value(value: Any, form: str, text: str) -> None:
    assert to_text(value, form) == text


def test_an_accuracy_has_four_decimals_from_098_on() -> None:
    nan = float("nan")
    assert spread(0.845, 0.0141) == "0.845 ± 0.014" and spread(0.9906, 0.00104) == "0.9906 ± 0.0010"
    assert spread(0.845, nan) == "0.845" and spread(nan, nan) == ""


def test_an_interval_and_a_p_value() -> None:
    assert interval(0.8351, 0.8549) == "[0.835, 0.855]" and interval(float("nan"), float("nan")) == ""
    assert interval(0.8351, 0.8549, n=2) == "[0.835, 0.855] †"
    assert interval(-0.01, 0.02, "+.3f") == "[-0.010, +0.020]"
    assert estimated(0.012, -0.01, 0.034) == "+0.012 [-0.010, +0.034]"
    assert [to_text(p, P_VALUE) for p in (0.0009, 0.031, float("nan"))] == ["<0.001", "0.031", ""]


def test_numbers_of_seeds() -> None:
    assert seeds([10, 10]) == "n = 10 seeds" and seeds([3, 2]) == "n = 2 to 3 seeds"


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        *(("schedule", "cosine", "cosine"), ("augment", "true", "augment"), ("augment", "false", "augment=false")),
        *(("epochs", "50", "epochs=50"), ("hidden", "300-50", "hidden=300-50"), ("epochs", "", "")),
    ],
)
def test_the_name_of_a_level(key: str, value: str, name: str) -> None:
    assert level_name(key, value) == name


def test_a_value_from_its_text() -> None:
    assert [literal(text) for text in ("0.002", "true", "[300, 50]", "ws3")] == [0.002, True, [300, 50], "ws3"]


def test_the_default_of_an_option_that_is_recorded_only_if_set() -> None:
    assert default("resplit", "ws3") is False and default("padding", "ws3") == 0
