"""Tests of docs/first_look.ipynb."""

from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient

NOTEBOOK = ROOT / "docs/first_look.ipynb"


def text_of(cell: nbformat.NotebookNode) -> str:
    """Return the printed output of a cell and the text of its values."""
    parts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(parts)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # warnings of Jupyter are not the project's
def test_the_notebook_runs_and_shows_the_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with monkeypatch.context() as patch:  # a kernel that pytest starts does not show the output of its processes
        patch.delenv("PYTEST_CURRENT_TEST")
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    texts = [text_of(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert "6 runs in multirun/first_look, 0 finished before" in texts[0]
    assert any("AL4 − WS3" in text for text in texts)
    images = [output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in str(output)]
    assert len(images) == 2
