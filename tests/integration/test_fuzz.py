"""Tests of random, mostly invalid command lines."""

from pathlib import Path

import pytest
from conftest import Run as Train
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digitcmp.config.run import known_keys
from digitcmp.sweeps.grid import Planner
from digitcmp.training import process

KEYS = [*known_keys(), "experiment", "hydra.run.dir", "hydra/launcher", "epoch", "nope.nope"]
WORDS = ["", "null", "true", "yes", "ws3", "a=b", "../x", "/dev/null/x", "\u00e9", "???", "!!python/object:os.system"]
NUMBERS = ["0", "-1", "1.", "0x10", "1_000", "1e400", "1e-400", "nan", "inf", "9" * 25, "\U0001d7d9"]
LISTS = [
    "[]",
    "{}",
    "[1,2]",
    "{a:1}",
    "[1",
    "1,2",
    "range(3)",
    "choice(1,a)",
    "interval(0,1)",
    "glob(*)",
    "shuffle(1,2)",
]
SIGNS = ["${nope}", "${oc.env:NOPE}", "${seed}", "${", "'", "''", '"', "\\", "$", "~", "%s", "a\nb", "\x00", "x" * 3000]
VALUES = st.sampled_from(WORDS + NUMBERS + LISTS + SIGNS) | st.text(max_size=4) | st.floats().map(str)
FORMS = ["{key}={value}"] * 4 + [
    "+{key}={value}",
    "++{key}={value}",
    "~{key}",
    "~{key}={value}",
    "{key}",
    "{key}:={value}",
]
ARGUMENTS = st.builds(
    lambda form, key, value: form.format(key=key, value=value), st.sampled_from(FORMS), st.sampled_from(KEYS), VALUES
)
LINES = st.lists(ARGUMENTS, min_size=1, max_size=2)
CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, database=None, derandomize=True, suppress_health_check=CHECKS)
@given(line=LINES)
def test_a_thousand_sweeps(planner: Planner, tmp_path: Path, line: list[str]) -> None:
    """Every line is planned with folder names of less than 256 characters, or fails with a one-line reason."""
    try:
        jobs = planner.plan([{}], line, tmp_path)
    except Exception as error:
        assert isinstance(error, process.MENDABLE) or process.raised_by(error, "hydra", "omegaconf"), line
        assert len(process.reason(error).splitlines()) == 1
    else:
        assert all(len(part) < 256 for job in jobs for part in job.folder.parts), line


@settings(max_examples=50, deadline=None, database=None, derandomize=True, suppress_health_check=CHECKS)
@given(line=LINES, sweep=st.booleans())
def test_fifty_lines_to_the_end(train: Train, tmp_path: Path, line: list[str], sweep: bool) -> None:
    """A dry run of train.py succeeds without errors or prints one line on stderr, and writes no file."""
    done = train(*["-m"] * sweep, *line, "dry_run=true", code=None)
    assert (done.returncode, len(done.stderr.splitlines())) in ((0, 0), (1, 1)), (line, done.stderr)
    assert not done.returncode or not done.stdout
    assert list(tmp_path.iterdir()) == []
