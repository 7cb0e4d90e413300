"""What an installed copy holds."""

import tomllib

import pytest
from conftest import ROOT

pytestmark = pytest.mark.pure


def test_every_package_is_installed() -> None:
    """Each folder with an __init__.py is listed, and nothing else but conf."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(project["tool"]["setuptools"]["packages"])
    folders = {file.parent.relative_to(ROOT) for name in ("digitcmp",) for file in (ROOT / name).rglob("__init__.py")}
    assert listed == {".".join(folder.parts) for folder in folders} | {"digitcmp.conf", "hydra_plugins"}
