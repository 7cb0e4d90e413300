"""Tests of the rows, labels and colours of the figures of a report."""

import itertools

import pandas as pd
import pytest

from digitcmp.report import figures
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
    assert list(frame.y) == pytest.approx([1.4, 2.4, 4.8])


def test_shades_run_from_light_to_dark() -> None:
    assert figures.shades("#ff0000", 1) == [(1, 0, 0)]
    light, dark = figures.shades("#ff0000", 2)
    assert light == pytest.approx((1, 0.5, 0.5)) and dark == pytest.approx((0.2, 0, 0))


def test_every_backbone_has_a_colour_of_its_own() -> None:
    colours = figures.palette(["mine", "ws3", "another"])
    assert all(colours[a] != colours[b] for a, b in itertools.combinations(colours, 2) if "mine" in (a, b))
    assert colours["ws3"] == figures.BACKBONE_COLOURS["ws3"]
