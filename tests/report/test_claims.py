"""Tests of the page of claims, on synthetic reports."""

from pathlib import Path

import pandas as pd
import pytest
from records import report

from digitcmp.report import evidence
from digitcmp.report.claims import claims_table


def write(folder: Path, name: str, rows: list[dict]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / name, index=False)
    return folder


def effect(low: float, high: float, verdict: str = "", **changes: object) -> dict:
    """Return a row of effects.csv with this interval."""
    row = {"family": "auxiliary loss", "effect": "AL4 − WS3", "context": "", "n": 10, "mean": (low + high) / 2}
    row |= {"ci_low": low, "ci_high": high, "verdict": verdict, "p_holm": 0.001, "claim": 0.1, "refused": None}
    return row | changes


def test_a_claim_of_a_size_counts_the_verdicts(tmp_path: Path) -> None:
    rows = [effect(0.04, 0.06, "smaller (+0.050)"), effect(0.09, 0.11, "as claimed; robust: x")]
    rows.append(effect(0.2, 0.4, "another recipe", claim=None))
    judged = evidence.sized("auxiliary loss")(write(tmp_path, "effects.csv", rows))
    assert judged.numbers == "+.050 to +.100 in 2 comparisons, intervals within [+.040, +.110], n = 10"
    assert judged.verdict == "smaller (1 of 2), as claimed (1 of 2)"


def test_a_claim_of_a_direction(tmp_path: Path) -> None:
    for one, other, verdict in (
        ((0.01, 0.03), (0.02, 0.04), "holds"),
        ((0.01, 0.03), (-0.02, 0.04), "holds in part (1 of 2)"),
        ((-0.01, 0.03), (-0.02, 0.04), "does not hold"),
        ((-0.03, -0.01), (-0.02, 0.04), "opposite"),
    ):
        write(tmp_path, "effects.csv", [effect(*one), effect(*other)])
        assert evidence.directed(("auxiliary loss",))(tmp_path).verdict == verdict
    with pytest.raises(LookupError):  # nothing holds without an effect
        evidence.directed(("sharing",))(tmp_path)


def test_the_best_level_is_chosen_on_validation_pairs(tmp_path: Path) -> None:
    """Level 3 has the highest validation accuracy, level 10 the highest test accuracy.

    The gains of level 3 over level 1 are .01 and .03, so the interval is .02 +- .127.
    """
    levels = {1.0: (0.90, 0.90, 0.92), 3.0: (0.92, 0.91, 0.95), 10.0: (0.91, 0.95, 0.95)}
    cells, runs = [], []
    for level, (val_acc, *accuracies) in levels.items():
        cells.append({"label": "AL4", "aux_weight": level, "val_acc_mean": val_acc, "n": 2, "cell": f"at {level}"})
        runs += [{"cell": f"at {level}", "seed": seed, "test_acc": score} for seed, score in enumerate(accuracies)]
    write(tmp_path, "runs.csv", runs)
    judged = evidence.best_level("aux_weight", 1.0)(write(tmp_path, "cells.csv", cells))
    assert judged.verdict == "does not hold"
    assert judged.numbers.endswith("AL4 3 (+.020 [-.107, +.147] over 1); n = 2")
    assert "with 3.33333 times the steps" in evidence.best_level("aux_weight", 10.0, steps=True)(tmp_path).numbers
    cells[0]["val_acc_mean"] = 0.95
    assert evidence.best_level("aux_weight", 1.0)(write(tmp_path, "cells.csv", cells)).verdict == "holds"


def test_pairs_by_seed_whatever_the_order(tmp_path: Path) -> None:
    """The differences are .1 and .3: the mean is .2, the interval .2 +- 12.706 * .1."""
    rows = [("al4", True, 1, 0.9), ("al4", True, 0, 0.8), ("ws3", False, 0, 0.7), ("ws3", False, 1, 0.6)]
    runs = [dict(zip(("cell", "aux", "seed", "test_acc"), row, strict=True)) for row in rows]
    pairs = [("aux", "not aux"), ("cell == 'ws3'", "cell == 'al4'")]
    effects = evidence.gains(write(tmp_path, "runs.csv", runs), pairs)
    assert list(effects["mean"]) == pytest.approx([0.2, -0.2])
    assert effects.ci_high[0] == pytest.approx(0.2 + 1.27062, rel=1e-4)
    with pytest.raises(ValueError, match="too many values"):
        evidence.gains(tmp_path, [("aux", "seed >= 0")])
    with pytest.raises(ValueError, match="different seeds"):
        evidence.gains(write(tmp_path, "runs.csv", runs[1:]), pairs)


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    """A sweep without the paper's level leaves its claim open."""
    families = ("auxiliary loss", "auxiliary loss", "sharing", "branches")
    rows = [effect(0.09, 0.11, "as claimed", family=family) for family in families]
    for sweep in ("table1", "lambda"):
        write(tmp_path / sweep / "report", "effects.csv", rows)
    cells = [{"label": "AL4", "aux_weight": 3.0, "val_acc_mean": 0.92, "n": 2, "cell": "three"}]
    write(tmp_path / "lambda/report", "cells.csv", cells)
    printed = report(tmp_path, "--claims").stdout
    page = (tmp_path / "claims.md").read_text()
    assert "as claimed (2 of 2)" in printed and "(table1/report/report.md)" in page
    table = claims_table(tmp_path)
    assert {*table.experiment} == {"table1", "lambda"}
    assert list(table.verdict[table.experiment == "lambda"]) == ["open"]
