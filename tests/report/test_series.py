"""Tests of the series over the levels of numeric settings, and of the rows, axes and colours of figures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from records import load, record

from digitcmp.report import figures
from digitcmp.report.sections import effects, levels, rates
from digitcmp.report.sections.levels import series, step_classes

T1 = 12.706204736  # Student's t, 97.5 %, one degree of freedom


def test_a_numeric_setting_has_a_series_per_network_with_intervals(tmp_path: Path) -> None:
    """AL4 has .90 and .92 at aux_weight .3: the mean is .91, the half-width t * std / sqrt(2) = t * .01."""
    for weight, accuracy in ((0.3, 0.90), (1.0, 0.93), (10.0, 0.95)):
        record(tmp_path, "ws3", accuracy, accuracy + 0.02, aux=True, aux_weight=weight)
    record(tmp_path, "ws2", 0.8, aux=True)  # one level: no series
    table = series(load(tmp_path).runs)
    assert set(table.factor) == {"aux_weight"} and set(table.series) == {"AL4"} and table.aux.all()
    assert list(table.level) == [0.3, 1, 10]
    first = table.iloc[0]
    assert (first["mean"], first.n) == (pytest.approx(0.91), 2)
    assert (first.ci_low, first.ci_high) == pytest.approx((0.91 - T1 * 0.01, 1.0))  # cut to [0, 1]


def test_batch_sizes_have_seconds_and_a_series_at_equal_steps(tmp_path: Path) -> None:
    """Batches of 5, 20 and 100 have 200, 50 and 10 steps per epoch: about 1,250 steps in 6, 25 and 125 epochs."""
    for batch_size, epochs in ((5, 6), (20, 25), (100, 125)):
        record(tmp_path, "ws3", 0.8, batch_size=batch_size, epochs=epochs)
        if epochs != 25:
            record(tmp_path, "ws3", 0.7, batch_size=batch_size)
    table = series(load(tmp_path).runs)
    table = table[table.factor == "batch_size"].set_index(["series", "outcome"])
    assert set(table.index.get_level_values(0)) == {"WS3", "WS3 at equal steps"}
    equal = table.loc["WS3 at equal steps", "test_acc"]
    assert list(equal["mean"]) == [0.8, 0.8, 0.8] and list(equal.level) == [5, 20, 100]
    assert list(table.loc["WS3", "fit_seconds"]["mean"]) == [2, 2, 2]


def test_a_learning_rate_that_follows_the_level_does_not_split_a_series(tmp_path: Path) -> None:
    for epochs, lr in ((10, 1e-3), (20, 2e-3), (40, 4e-3)):
        record(tmp_path, "ws3", 0.8, epochs=epochs, lr=lr)
    table = series(load(tmp_path).runs)
    assert list(table[table.factor == "epochs"].level) == [10, 20, 40]
    assert "lr" not in set(table.factor)  # the number of epochs differs with the rate


def test_many_series_are_averaged_for_each_seed(tmp_path: Path) -> None:
    """The 14 weights of the loss have .5 + .01 k, with a mean of .565. The second seed has .1 more."""
    for k in range(14):
        for batch_size in (10, 20, 40):
            accuracy = 0.5 + 0.01 * k + 0.001 * batch_size
            settings = {"batch_size": batch_size, "aux_weight": 0.1 * (k + 1)}
            record(tmp_path, "ws3", accuracy, accuracy + 0.1, aux=True, **settings)
    table = series(load(tmp_path).runs)
    rows = table[(table.factor == "batch_size") & (table.outcome == "test_acc")]
    assert set(rows.series) == {"AL4, mean of 14"} and list(rows.n) == [2, 2, 2]
    assert list(rows["mean"]) == pytest.approx([0.625, 0.635, 0.655])
    assert rows.ci_high.iloc[0] == pytest.approx(1.0)  # .625 + t * .05, cut


def test_about_as_many_steps_are_equal() -> None:
    classes = step_classes(pd.Series({"a": 1250, "b": 1200, "c": 1300, "d": 5000}))
    assert classes.to_dict() == {"b": 1, "a": 1, "c": 1, "d": 2}


@pytest.mark.parametrize(
    ("places", "logarithmic"),
    [
        ([0.1, 0.3, 1, 3, 10, 30], True),
        ([5, 10, 20, 50, 100], True),
        ([200, 500, 1000, 1500], False),  # a factor of 7.5
        ([10, 20, 30, 40, 50, 60, 70, 80, 90, 100], False),  # evenly spread
        ([0, 0.1, 1, 10], False),
    ],
)
def test_the_axis_is_logarithmic_where_levels_are(places: list[int | float], logarithmic: bool) -> None:
    assert figures.is_logarithmic([float(place) for place in places]) == logarithmic


def test_a_panel_per_outcome_and_every_level_named(tmp_path: Path) -> None:
    for batch_size in (5, 10, 20, 50, 100):
        record(tmp_path, "ws3", 0.8, batch_size=batch_size)
        record(tmp_path, "ws3", 0.9, batch_size=batch_size, aux=True)
    figure = levels.draw("batch_size", series(load(tmp_path).runs), figures.palette(["ws3"]))
    assert [axes.get_ylabel() for axes in figure.axes] == ["test accuracy", "seconds of training per run"]
    for axes in figure.axes:
        assert [label.get_text() for label in axes.get_xticklabels()] == ["5", "10", "20", "50", "100"]
        assert axes.get_xscale() == "log"
    lines = {str(line.get_label()): line for line in figure.axes[0].lines if line.get_label() in ("WS3", "AL4")}
    assert lines["AL4"].get_markerfacecolor() == "white" and lines["AL4"].is_dashed()
    assert not lines["WS3"].is_dashed()


def test_effects_at_equal_rates_have_a_panel_per_family() -> None:
    rows = []
    for family, effect in (("auxiliary loss", "AL4 − WS3"), ("sharing", "WS3 − WS1")):
        for lr, mean in ((1e-4, -0.05), (1e-3, 0.06), (1e-2, 0.17)):
            rows.append((family, effect, lr, 10, mean, mean - 0.01, mean + 0.01))
    table = pd.DataFrame(rows, columns=["family", "effect", "lr", "n", "mean", "ci_low", "ci_high"])
    figure = rates.draw_effects(table, pd.DataFrame({"label": ["AL4"], "model": ["ws3"]}))
    assert [axes.get_title() for axes in figure.axes] == ["effect of the auxiliary loss", "effect of sharing"]
    [line] = [line for line in figure.axes[0].lines if line.get_label() == "AL4 − WS3"]
    assert np.asarray(line.get_ydata()) == pytest.approx([-0.05, 0.06, 0.17])
    assert line.get_color() == pytest.approx((0xD5 / 255, 0x5E / 255, 0))


def test_effects_stand_below_the_name_of_their_family() -> None:
    rows = [
        ("sharing", "WS3 − WS1", "head=ordinal,test_pairs=5000"),
        ("sharing", "WS3 − WS1", "test_pairs=5000"),
        ("epochs", "WS3 epochs=50 − WS3", "test_pairs=5000"),
    ]
    frame = effects.rows(pd.DataFrame(rows, columns=["family", "effect", "context"]))
    assert list(frame.label) == ["WS3 − WS1 head=ordinal", "WS3 − WS1", "WS3 epochs=50 − WS3"]
    assert list(frame.y) == pytest.approx([1.4, 2.4, 4.8])


def test_colours() -> None:
    """Shades run from light to dark, and every backbone has a colour of its own."""
    assert figures.shades("#ff0000", 1) == [(1, 0, 0)]
    light, dark = figures.shades("#ff0000", 2)
    assert light == pytest.approx((1, 0.5, 0.5)) and dark == pytest.approx((0.2, 0, 0))
    colours = figures.palette(["mine", "ws3", "another"])
    assert {"mine", "another"} < colours.keys() and len({*colours.values()}) == len(colours)
    assert colours["ws3"] == figures.BACKBONE_COLOURS["ws3"]
