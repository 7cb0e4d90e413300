"""Sharing at equal parameters."""

from pathlib import Path

import pytest
from records import record

from digitcmp.report.results import Results


def test_a_narrower_network_without_sharing(tmp_path: Path) -> None:
    """WS2 of 103,841 parameters against FCNN3 of 250 units with 103,851: +.02 and +.04, mean .03, half width .127."""
    for seed, base in enumerate((0.80, 0.81)):
        record(tmp_path, "ws2", base + 0.02 + 0.02 * seed, seed=seed, params=103_841)
        record(tmp_path, "fcnn3", base, seed=seed, hidden=250, params=103_851)
        record(tmp_path, "fcnn3", base + 0.01, seed=seed, params=207_351)
        record(tmp_path, "fcnn3", base, seed=seed, hidden=250, params=103_851, lr=3e-3)  # at another rate
        record(tmp_path, "fcnn3", base, seed=seed, hidden=250, params=103_851, aux=True)  # and another loss
    [row] = Results.load([tmp_path]).equal_parameters.to_dict("records")
    assert "WS2" in row["effect"] and "hidden=250" in row["effect"]
    assert (row["params"], row["params_unshared"], row["n"]) == (103_841, 103_851, 2)
    assert row["mean"] == pytest.approx(0.03)
    assert row["ci_high"] - row["mean"] == pytest.approx(12.7062 * 0.01, rel=1e-4)


def test_the_plain_effect_of_sharing_is_none(tmp_path: Path) -> None:
    for model in ("ws1", "ws3"):
        for seed in range(2):
            record(tmp_path, model, 0.8 + 0.01 * seed, seed=seed)
    assert Results.load([tmp_path]).equal_parameters.empty
