"""Tests of the averages over large designs and of their display in a report."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from records import load, report, sweep
from scipy.special import stdtr

from digitcmp.report.contrasts.accuracy_effects import averages
from digitcmp.report.contrasts.cell_grid import Grid
from digitcmp.report.contrasts.planned import MAIN, TWO_WAY


def test_main_effects_and_interactions_are_averages_over_the_rest(tmp_path: Path) -> None:
    """AL adds .10 (.02 more in WS3, .004 more in the second seed) and WS3 adds .03.

    Relative to a batch of 20, one of 10 adds .01 and one of 40 adds -.02.
    """
    sizes = {10: 0.01, 20: 0.0, 40: -0.02}

    def accuracy(model: str, aux: bool, batch_size: int, seed: int) -> float:
        shared = model == "ws3"
        return 0.7 + 0.03 * shared + aux * (0.1 + 0.004 * seed + 0.02 * shared) + sizes[batch_size]

    sweep(tmp_path, accuracy, model=("ws1", "ws3"), aux=(False, True), batch_size=sizes, seed=range(2))
    results = load(tmp_path)
    assert results.averages.empty  # so few effects need none
    table = averages(Grid(results.runs)).set_index("effect")
    # AL is .10 in three contexts of WS1 and .12 in three of WS3, .004 more in the second seed: .11 and .114
    assert (table.contexts["AL"], table.n["AL"], table["mean"]["AL"]) == (6, 2, pytest.approx(0.112))
    half = 12.706204736 * 0.002  # t * std / sqrt(2) of .11 and .114
    assert (table.ci_low["AL"], table.ci_high["AL"]) == pytest.approx((0.112 - half, 0.112 + half))
    assert table["mean"]["WS3 − WS1"] == pytest.approx(0.04) and table.contexts["WS3 − WS1"] == 6
    assert table["mean"]["batch_size 40 − 20"] == pytest.approx(-0.02)
    assert table["mean"]["AL × (WS3 − WS1)"] == pytest.approx(0.02)
    assert table.contexts["AL × (WS3 − WS1)"] == 3
    assert table["mean"]["AL × (batch_size 10 − 20)"] == pytest.approx(0, abs=1e-12)
    assert table.p["AL"] == pytest.approx(2 * stdtr(1, -0.112 / 0.002))
    main = table[table.order == MAIN]
    assert len(main) == 4 and (table.order == TWO_WAY).sum() == 5
    # of the main effects only AL differs between seeds; the others have no p
    assert table.p_holm["AL"] == pytest.approx(table.p["AL"] * main.p.notna().sum())
    assert table.verdict["AL"] == "effect seen" and table.verdict["batch_size 40 − 20"].startswith("no interval")
    # without AL4 at 10, AL is .10 in three contexts of WS1 and .12 in two of WS3
    runs = results.runs.query("not (model == 'ws3' and aux and batch_size == 10)")
    table = averages(Grid(runs)).set_index("effect")
    assert (table.contexts["AL"], table["mean"]["AL"]) == (5, pytest.approx(0.108 + 0.002))


def test_a_large_design_shows_averages_first_and_single_contrasts_in_the_file(tmp_path: Path) -> None:
    """There are 64 cells with 2 seeds. No figure is taller than two screens."""

    def accuracy(model: str, aux: bool, batch_size: int, epochs: int, seed: int) -> float:
        return 0.7 + 0.03 * (model == "ws3") + 0.1 * aux + 0.001 * (batch_size + epochs) + 0.002 * seed * aux

    levels: dict[str, Any] = {"batch_size": (5, 10, 20, 40), "epochs": (10, 20, 25, 50)}
    report(sweep(tmp_path, accuracy, model=("ws1", "ws3"), aux=(False, True), **levels, seed=range(2)), drawn=True)
    large = tmp_path / "report"
    text = (large / "report.md").read_text()
    effects = text[text.index("## Effects") :]
    assert effects.index("| AL | +0.1010 | ") < effects.index("Each effect between cells that differ")
    assert re.search(r"The first 50 of \d+ rows\. The report's `effects.csv` has all of them\.", effects)
    assert len(effects.splitlines()) < 150
    assert len((large / "effects.csv").read_text().splitlines()) > 150
    assert (large / "averages.csv").read_text().startswith("order,effect,contexts,n,mean,")
    page = (large / "report.html").read_text()
    assert "main effects are seen" in page[: page.index("</header>")]
    assert page.count("<tr>") < 200 and len(page) < 3_000_000
    rows = [json.loads(data) for data in re.findall(r'(?s)<script type="application/json">(.*?)</script>', page)]
    assert len(rows[-1][0]) == len(rows[-1][1]) > 150
    assert not (large / "factorial.svg").exists()
    for file in large.glob("*.svg"):
        height = re.search(r'height="([\d.]+)pt"', file.read_text()[:2000])
        assert height and float(height[1]) <= 12.5 * 72, file.name
