"""Tests of the export to ONNX."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from conftest import inside
from saved import checkpoint

import digitcmp
from digitcmp.commands import export
from digitcmp.data import datasets

PAIRS = datasets.load("mnist", Path()).test.images[:46].reshape(23, 2, 14, 14).astype(np.float32)


@pytest.mark.parametrize(("backbone", "aux"), [("ws3", True), ("fcnn1", False)])
@pytest.mark.parametrize("n", [1, 2, 23])
def test_onnxruntime_agrees_with_torch(
    backbone: str, aux: bool, n: int, exported: dict[str, tuple[Path, Path]]
) -> None:
    saved, file = exported[backbone]
    session = onnxruntime.InferenceSession(file)
    assert [output.name for output in session.get_outputs()] == ["probability", "digits"][: 1 + aux]
    probability, *digits = session.run(None, {"pairs": PAIRS[:n]})
    prediction = digitcmp.load(saved).predict_digits(PAIRS[:n])
    assert probability == pytest.approx(prediction.probability, abs=1e-5)
    if aux:
        assert digits[0] == pytest.approx(prediction.digits, abs=1e-5)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Export two hardly trained networks, and return each one's checkpoint and ONNX file. The command prints a line."""
    made = {}
    for backbone, aux, outputs in (("ws3", True, "probability, digits"), ("fcnn1", False, "probability")):
        folder = tmp_path_factory.mktemp(backbone)
        saved = checkpoint(folder, backbone, aux, pairs=40, epochs=1)
        line = inside("export", saved, "model.onnx", folder=folder).stdout
        assert line == f"Wrote model.onnx: pairs (B, 2, 14, 14) float32, pixels 0..255 -> {outputs}\n"
        assert [file.name for file in folder.iterdir() if file.is_file()] == ["model.onnx"]
        made[backbone] = saved, folder / "model.onnx"
    return made


def test_metadata(exported: dict[str, tuple[Path, Path]]) -> None:
    for backbone, label in (("ws3", "AL4"), ("fcnn1", "FCNN1")):
        metadata = onnxruntime.InferenceSession(exported[backbone][1]).get_modelmeta().custom_metadata_map
        assert (metadata["label"], metadata["yes"], metadata["no"]) == (label, "first <= second", "first > second")
        assert metadata["question"] == "Is the first <= the second?"
        assert json.loads(metadata["classes"]) == [str(digit) for digit in range(10)]
        assert "0..255" in metadata["pixels"] and metadata["digitcmp_version"] == digitcmp.__version__


def test_an_earlier_export_is_replaced(exported: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("an earlier export")
    export.export(exported["fcnn1"][0], tmp_path / "model.onnx")
    onnxruntime.InferenceSession(tmp_path / "model.onnx")


@pytest.mark.parametrize("name", ["notes.txt", "checkpoints/last.ckpt", "nowhere/model.onnx", "folder.onnx"])
def test_what_fails_is_one_line_and_changes_nothing(
    name: str, exported: dict[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    saved = Path(shutil.copytree(exported["fcnn1"][0].parent, tmp_path / "checkpoints")) / "last.ckpt"
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    err = inside("export", saved, tmp_path / name, code=2).stderr
    assert str(tmp_path / name) in err and err.count("\n") == 1
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_a_missing_checkpoint_is_one_line(tmp_path: Path) -> None:
    refused = inside("export", tmp_path / "last.ckpt", tmp_path / "model.onnx", code=2).stderr
    assert refused.startswith(f"{tmp_path}/last.ckpt cannot be read: No such file or directory; ")
    assert list(tmp_path.iterdir()) == []
