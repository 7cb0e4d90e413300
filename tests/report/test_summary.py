"""Tests of the head of a report, and of the command that it prints for its runs."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from records import grid, load, record

from digitcmp.report.pages.summary import distrusted, findings
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
    tmp_path: Path, name: str, seeds: Iterable[int], expected: str
) -> None:
    """Each folder of a report has a command of its own."""
    for seed in seeds:
        record(tmp_path / name, "ws3", 0.8, seed=seed)
    record(tmp_path / "authors", "ws3", *[0.8] * 10, normalize=False)
    results = load(tmp_path / name, tmp_path / "authors")
    commands = [command(results, root) for root in results.roots]
    assert commands == [expected, "`python train.py -m experiment=authors`"]


def test_the_head_of_a_page_says_what_was_found_and_what_to_distrust(tmp_path: Path) -> None:
    """WS1, WS3, AL2 and AL4 with 3 seeds: AL adds .100 and .111, sharing .030 and .041. One more run has collapsed."""
    results = load(grid(tmp_path))
    assert findings(results) == [
        "The auxiliary loss adds +0.100 to +0.111 (as claimed in 1 of 2, no interval in 1).",
        "Sharing adds +0.030 to +0.041 (as claimed in 1 of 2, no interval in 1).",
        "AL4 has the highest mean test accuracy, 0.951 ± 0.011 (n = 3).",
    ]
    assert distrusted(results) == ["n = 3 seeds, so intervals are wide.", "No run collapsed."]
    for lr, accuracy in ((4e-3, 0.55), (8e-3, 0.7)):
        record(tmp_path, "ws3", accuracy, lr=lr)
    assert distrusted(load(tmp_path))[:3] == [
        "n = 1 to 3 seeds, so intervals are wide.",
        "1 of 14 runs collapsed, in 1 of 6 cells. They stay in every mean.",
        "1 of 1 selected learning rates are at an end of their list; a better one may lie beyond.",
    ]
