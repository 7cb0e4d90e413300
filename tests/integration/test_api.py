"""Tests of the arguments of digitcmp.train and of its one-line errors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

import digitcmp
from digitcmp.errors import ConfigError
from digitcmp.sweeps.grid import typed

SMALL: Mapping[str, Any] = {"data": {"train_pairs": 40, "val_pairs": 20, "test_pairs": 20}, "epochs": 1}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lrr": 1}, "lrr is unknown: did you mean lr?"),
        ({"learning_rate": 0.1}, "learning_rate is unknown: did you mean lr?"),
        ({"model": "ws9"}, "In 'config': Could not find 'model/ws9' Available options in 'model': convnet"),
        ({"data": {"trainpairs": 3}}, "data.trainpairs is unknown: did you mean data.train_pairs?"),
        (
            {"seed": range(3)},
            "seed=range(0, 3) is not allowed; expected a number, string, list or mapping. Use digitcmp.sweep",
        ),
        ({"seed": np.arange(3)}, "seed=array([0, 1, 2]) is not allowed; expected a number"),
        ({"seed": 1j}, "seed=1j is not allowed; expected a number, string, list or mapping"),
        ({"dry_run": True}, "dry_run=true trains no single run; one is expected."),
        (
            {"model": {"name": "ws2", "hidden": 9.5}},
            "model.hidden=9.5 is not allowed; input should be a valid integer",
        ),
    ],
)
def test_an_error_is_one_line(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        digitcmp.train(folder=tmp_path / "out", **given)
    text = str(caught.value)
    assert text.startswith(message) and "\n" not in text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None  # no traceback of Hydra is printed
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lrr=1", "lrr is unknown: did you mean lr?"),
        ("seed=1,2", "Ambiguous value for argument 'seed=1,2' 1. To use it as a list"),
        ("epochs=[3", "epochs=[3 cannot be parsed"),
        (
            "experiment=table1",
            "experiment=table1 trains no single run; one is expected. Use digitcmp.sweep for a sweep.",
        ),
    ],
)
def test_an_override_is_checked_as_on_the_command_line(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        digitcmp.train(line)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_a_group_is_a_mapping(tmp_path: Path) -> None:
    """`name` selects the network; the other keys are its arguments. The arguments of a head are one option."""
    result = digitcmp.train(
        model={"name": "ws2", "hidden": 9}, head={"name": "ordinal", "temperature": 2}, folder=tmp_path, **SMALL
    )
    assert (result["model"], result["hidden"], result["head_temperature"]) == ("ws2", 9, 2)


def test_knobs_as_python_has_them(tmp_path: Path) -> None:
    """Lists, mappings and NumPy numbers are equivalent to the text on the command line."""
    stop = {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "monitor": "val_loss", "patience": np.int64(1)}
    pairs = {"train_pairs": np.int64(40), "val_pairs": 20, "test_pairs": 20}
    knobs: dict[str, Any] = {"epochs": 2, "lr": np.float64(0.01), "seed": np.int64(3), "data": pairs}
    result = digitcmp.train(callbacks={"own": stop}, folder=tmp_path / "python", **knobs)
    line = ["lr=0.01", "seed=3", "epochs=2", "data.train_pairs=40", "data.val_pairs=20", "data.test_pairs=20"]
    own = "callbacks={own:{_target_:lightning.pytorch.callbacks.EarlyStopping,monitor:val_loss,patience:1}}"
    same = digitcmp.train(*line, own, folder=tmp_path / "typed")
    assert same["config_hash"] == result["config_hash"] and same["test_loss"] == result["test_loss"]


def test_texts_as_hydra_reads_them() -> None:
    parser = OverridesParser.create()
    for text in ("a", "it's", "a, b", "[x]", "${seed}", "1", "true", "", "c:\\temp", "ü ", "a=b", 'say "x"'):
        [override] = parser.parse_overrides([f"key={typed([text, {'inner': text}])}"])
        assert override.value() == [text, {"inner": text}] and isinstance(override.value()[0], str)
