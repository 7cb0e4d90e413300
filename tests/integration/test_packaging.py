"""Tests of the contents of an installed copy."""

import tomllib

import pytest
from conftest import ROOT

pytestmark = pytest.mark.pure


def test_every_package_is_installed() -> None:
    """The listed packages are the folders of digitcmp with an __init__.py, conf and hydra_plugins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(project["tool"]["setuptools"]["packages"])
    folders = {file.parent.relative_to(ROOT) for name in ("digitcmp",) for file in (ROOT / name).rglob("__init__.py")}
    assert listed == {".".join(folder.parts) for folder in folders} | {"digitcmp.conf", "hydra_plugins"}
