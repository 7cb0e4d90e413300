"""Tests of the effect of sharing at equal numbers of parameters."""

from pathlib import Path

import pytest
from records import record

from digitcmp.report.contrasts.accuracy_effects import equal_parameters
from digitcmp.report.results import Results


def test_a_narrower_network_without_sharing(tmp_path: Path) -> None:
    """WS2 has 103,841 parameters, FCNN3 with 250 units 103,851. WS2 - FCNN3 is .02 and .04: .03 +- .127.

    The plain effect of sharing, WS3 - WS1, is left out.
    """
    for seed, base in enumerate((0.80, 0.81)):
        record(tmp_path, "ws1", base, seed=seed)
        record(tmp_path, "ws3", base, seed=seed)
        record(tmp_path, "ws2", base + 0.02 + 0.02 * seed, seed=seed, params=103_841)
        record(tmp_path, "fcnn3", base, seed=seed, hidden=250, params=103_851)
        record(tmp_path, "fcnn3", base + 0.01, seed=seed, params=207_351)
        record(tmp_path, "fcnn3", base, seed=seed, hidden=250, params=103_851, lr=3e-3)  # another rate
        record(tmp_path, "fcnn3", base, seed=seed, hidden=250, params=103_851, aux=True)  # another loss
    results = Results.load([tmp_path])
    [row] = equal_parameters(results.grid, results.cells).to_dict("records")
    assert "WS2" in row["effect"] and "hidden=250" in row["effect"]
    assert (row["params"], row["params_unshared"], row["n"]) == (103_841, 103_851, 2)
    assert row["mean"] == pytest.approx(0.03)
    assert row["ci_high"] - row["mean"] == pytest.approx(12.7062 * 0.01, rel=1e-4)
