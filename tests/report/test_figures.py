"""Tests of the rows, labels and colours of the figures of a report."""

import itertools

import pandas as pd
import pytest

from digitcmp.report.figures import style
from digitcmp.report.sections import effects


def test_effects_stand_below_the_name_of_their_family() -> None:
    table = pd.DataFrame(
        {
            "family": ["sharing", "sharing", "epochs"],
            "effect": ["WS3 − WS1", "WS3 − WS1", "WS3 epochs=50 − WS3"],
            "context": ["head=ordinal,test_pairs=5000", "test_pairs=5000", "test_pairs=5000"],
        }
    )
    frame = effects.rows(table)
    assert list(frame.label) == ["WS3 − WS1 head=ordinal", "WS3 − WS1", "WS3 epochs=50 − WS3"]
    assert list(frame.heading) == pytest.approx([0.4, 0.4, 3.8])
    assert list(frame.y) == pytest.approx([1.4, 2.4, 4.8])


def test_shades_run_from_light_to_dark() -> None:
    assert style.shades("#ff0000", 1) == [(1, 0, 0)]
    light, dark = style.shades("#ff0000", 2)
    assert light == pytest.approx((1, 0.5, 0.5)) and dark == pytest.approx((0.2, 0, 0))


def test_every_backbone_has_a_colour_of_its_own() -> None:
    colours = style.palette(["mine", "ws3", "another"])
    assert all(colours[a] != colours[b] for a, b in itertools.combinations(colours, 2) if "mine" in (a, b))
    assert colours["ws3"] == style.COLOURS["ws3"]


def test_numbers_of_seeds() -> None:
    assert style.seeds([10, 10]) == "n = 10 seeds" and style.seeds(pd.Series([3, 2])) == "n = 2 to 3 seeds"
