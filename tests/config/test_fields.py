"""Tests of a function's arguments as options, and of the option that an error names."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from digitcmp.errors import ConfigError
from digitcmp.fields import Count, Group, arguments_of, validate

pytestmark = pytest.mark.pure

MODULE = """
from digitcmp.fields import Count

Widths = list[Count]


def layers(images, widths: Widths, rate: float = 0.5, norm: str | None = None, other=3, *rest, **more) -> "Missing":
    ...


class Layer:
    def __init__(self, width: Count = 8) -> None: ...
"""


@pytest.fixture(params=["", "from __future__ import annotations\n"], ids=["types", "strings"])
def module(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module whose annotations are types or strings."""
    name = f"fields_{'strings' if request.param else 'types'}"
    (tmp_path / f"{name}.py").write_text(request.param + MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module(name)


def test_arguments_of_a_function(module: ModuleType) -> None:
    group = arguments_of(module.layers, left_out=("images",))
    assert list(group.model_fields) == ["widths", "rate", "norm", "other"]
    values = validate(group, {"widths": [3, 4]})
    assert dict(values) == {"widths": [3, 4], "rate": 0.5, "norm": None, "other": 3}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "model.widths is missing"),
        ({"widths": [0]}, r"model.widths\[0\]=0 is not allowed; input should be greater than or equal to 1"),
        ({"widths": [1], "rate": "1"}, "model.rate='1' is not allowed; input should be a valid number"),
        ({"widths": [1], "norm": True}, "model.norm=true is not allowed; input should be a valid string"),
        ({"widths": 0, "ratio": 1}, "model.ratio is unknown: did you mean model.rate?"),
        ({"widths": [1], "rest": 1}, "model.rest is unknown: --help lists the options"),
    ],
)
def test_a_wrong_argument(module: ModuleType, values: dict, message: str) -> None:
    group = arguments_of(module.layers, left_out=("images",))
    with pytest.raises(ConfigError, match=f"^{message}"):
        validate(group, values, "model.", ["model.rate", "model.norm"])


def test_a_class(module: ModuleType) -> None:
    assert arguments_of(module.Layer, left_out=()).model_fields["width"].default == 8


class Inner(Group):
    size: Count
    names: list[str] | None = None


class Outer(Group):
    inner: Inner
    rate: float = 0.5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"inner": {"size": 0}}, "inner.size=0 is not allowed; input should be greater than or equal to 1"),
        ({"inner": {}}, "inner.size is missing"),
        (
            {"inner": {"size": 1, "names": ["a", 3]}},
            "inner.names[1]=3 is not allowed; input should be a valid string",
        ),
        ({"inner": 3}, "inner=3 is not allowed; input should be a valid dictionary or instance of Inner"),
        ({}, "inner is missing"),
        ({"inner": {"size": 0, "nothing": 1}}, "inner.nothing is unknown: --help lists the options"),
        ({"inner": {"size": 1}, "rates": 1}, "rates is unknown: did you mean rate?"),
    ],
)
def test_an_error_names_its_option(values: object, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        validate(Outer, values, known=["inner.size", "rate"])
    assert str(error.value) == message
