"""Tests of the command that a report prints for its runs."""

from pathlib import Path

import pytest
from records import record

from digitcmp.report.results import Results
from digitcmp.report.sections.origin import command


@pytest.mark.parametrize(
    ("name", "seeds", "expected"),
    [
        ("tasks", range(10, 20), "`python train.py -m experiment=tasks`"),  # the experiment's own seeds
        ("tasks", range(10, 12), "`python train.py -m experiment=tasks 'seed=range(10,12)'`"),
        ("tasks/rates", range(20, 22), "`python train.py -m experiment=tasks`"),
        ("table1", range(10), "`python train.py -m experiment=table1`"),
        ("table1", (0, 2), "`python train.py -m experiment=table1 'seed=0,2'`"),
        ("mine", range(2), "the runs in `mine`"),
    ],
)
def test_the_seeds_are_named_unless_the_experiment_has_them(
    tmp_path: Path, name: str, seeds: range, expected: str
) -> None:
    for seed in seeds:
        record(tmp_path / name, "ws3", 0.8, seed=seed)
    assert command(Results.load([tmp_path / name]), tmp_path / name) == expected
