"""Tests of values formatted as text."""

import numpy as np
import pytest

from digitcmp.report.cells import default, level_name, literal
from digitcmp.report.formats import P_VALUE, estimated, interval, seeds, spread, to_text

pytestmark = pytest.mark.pure
NAN = float("nan")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (to_text([300, 150, 50]), "300-150-50"),
        (to_text(None), ""),
        (to_text(NAN, ".3f"), ""),
        (to_text(np.bool_(True)), "true"),
        (to_text(0.0005), "0.0005"),
        (to_text(1000), "1000"),
        (to_text(1000, ","), "1,000"),
        (to_text(0.1, "+.2f"), "+0.10"),
        (to_text("letters"), "letters"),
        (to_text(0.0009, P_VALUE), "<0.001"),
        (to_text(0.031, P_VALUE), "0.031"),
        (to_text(NAN, P_VALUE), ""),
        (spread(0.845, 0.0141), "0.845 ± 0.014"),
        (spread(0.9906, 0.00104), "0.9906 ± 0.0010"),  # four decimals from .98 on
        (spread(0.845, NAN), "0.845"),
        (spread(NAN, NAN), ""),
        (interval(0.8351, 0.8549), "[0.835, 0.855]"),
        (interval(NAN, NAN), ""),
        (interval(0.8351, 0.8549, n=2), "[0.835, 0.855] †"),
        (interval(-0.01, 0.02, "+.3f"), "[-0.010, +0.020]"),
        (estimated(0.012, -0.01, 0.034), "+0.012 [-0.010, +0.034]"),
        (seeds([10, 10]), "n = 10 seeds"),
        (seeds([3, 2]), "n = 2 to 3 seeds"),
        (level_name("schedule", "cosine"), "cosine"),
        (level_name("augment", "true"), "augment"),
        (level_name("augment", "false"), "augment=false"),
        (level_name("epochs", "50"), "epochs=50"),
        (level_name("hidden", "300-50"), "hidden=300-50"),
        (level_name("epochs", ""), ""),
    ],
)
def test_a_text(made: str, text: str) -> None:
    assert made == text


def test_a_value_from_its_text() -> None:
    assert [literal(text) for text in ("0.002", "true", "[300, 50]", "ws3")] == [0.002, True, [300, 50], "ws3"]


def test_the_default_of_an_option_that_is_recorded_only_if_set() -> None:
    assert default("resplit", "ws3") is False and default("padding", "ws3") == 0
