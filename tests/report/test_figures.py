"""Tests of the rows, labels and colours of the figures of a report."""

import itertools
from pathlib import Path

import pandas as pd
import pytest
from records import grid, record

from digitcmp.report.figures import style
from digitcmp.report.results import Results
from digitcmp.report.sections import accuracy, data_sets, effects
from digitcmp.report.sections.training_pairs import label_heights


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


def test_effects_on_data_sets_share_the_row_of_their_label_and_means_are_last() -> None:
    rows = [("sharing", "mean of 2", "mnist", ""), ("sharing", "mean of 2", "kmnist", "")]
    rows += [("sharing", "mean of 2", "kmnist", "mnist"), ("sharing", "WS3 − WS1", "mnist", "")]
    table = pd.DataFrame(rows, columns=["factor", "effect", "dataset", "less"]).assign(settings="")
    frame = data_sets.rows(table)
    assert list(frame.label) == ["mean of 2", "mean of 2", "WS3 − WS1"] and list(frame.row) == [1, 1, 0]
    assert list(frame.y) == pytest.approx([0.9, 1.1, -0.1])  # two data sets are .6 / 3 apart


def test_published_results_stand_below_the_cells(tmp_path: Path) -> None:
    assert not accuracy.rows(Results.load([grid(tmp_path / "grid")])).published.all()
    record(tmp_path / "beyond", "convnet", 0.95)
    frame = accuracy.rows(Results.load([tmp_path / "beyond"]))
    assert list(frame.title[:2]) == ["convnet", "puckvg"] and list(frame.published[:2]) == [False, True]
    assert list(frame.test_acc_mean[:2]) == [0.95, 0.9826]


def test_no_label_of_a_published_result_is_on_another() -> None:
    # a label is at least a factor of 100 ** .04 = 1.202 above the one below it
    assert label_heights([0.1, 0.105, 0.5], low=0.01, high=1.0) == pytest.approx([0.1, 0.1202264, 0.5])


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
