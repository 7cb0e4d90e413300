"""Tests of loading checkpoints."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, Program
from drawings import drawing
from PIL import Image
from saved import checkpoint, untrained

import digitcmp
from digitcmp.errors import CheckpointError
from digitcmp.models.module import DigitComparison

FORBIDDEN = ("lightning", "matplotlib", "pandas", "tensorboard", "torchmetrics", "torchvision")  # slow imports
INFERENCE = """
import sys
from pathlib import Path
from digitcmp import __main__
from digitcmp.commands.demo import Server

def run(*line):
    sys.argv = ["digitcmp", *line]
    try:
        __main__.main()
    except SystemExit as stop:
        if stop.code:
            raise

Server(Path({saved!r}), port=0)
run("predict", {saved!r}, "seven.png", "seven.png")
run("export", {saved!r}, "model.onnx")
for name in ("torchmetrics", "torchvision", "matplotlib"):  # evaluate needs the first, which imports the others
    Path(name + ".py").unlink()
run("evaluate", "checkpoint=" + {saved!r}, "data.test_pairs=10")
print("the end")
"""


@pytest.fixture(scope="module")
def fcnn1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint of a hardly trained FCNN1."""
    return checkpoint(tmp_path_factory.mktemp("fcnn1"), "fcnn1", aux=False, pairs=40, epochs=1)


def test_inference_imports_torch_alone(fcnn1: Path, tmp_path: Path) -> None:
    """Predict, demo, export and evaluate import no other slow library, and none prints a warning."""
    for name in FORBIDDEN:
        (tmp_path / f"{name}.py").write_text("raise SystemExit(f'{__name__} is imported')")
    Image.fromarray(drawing()).save(tmp_path / "seven.png")
    (tmp_path / "inference.py").write_text(INFERENCE.format(saved=str(fcnn1)))
    done = Program(tmp_path, "inference.py", cold=True, PYTHONPATH=str(ROOT)).done()
    assert done.stdout.endswith("the end\n") and done.stderr == "", done


def test_a_runs_folder_means_its_checkpoint(fcnn1: Path, tmp_path: Path) -> None:
    blank = np.zeros((1, 2, 14, 14))
    assert digitcmp.load(fcnn1.parents[1]).predict(blank) == digitcmp.load(fcnn1).predict(blank)
    message = f"^{tmp_path}/checkpoints/last.ckpt cannot be read: No such file or directory; .*expected$"
    with pytest.raises(CheckpointError, match=message):
        digitcmp.load(tmp_path)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_flipped_bit_in_the_archive_is_refused(fcnn1: Path, tmp_path: Path) -> None:
    """A flipped bit in the first, middle or last byte of any member of the archive is detected by its CRC."""
    content = fcnn1.read_bytes()
    file = tmp_path / "last.ckpt"
    with zipfile.ZipFile(fcnn1) as archive:
        members = archive.infolist()
    assert len(members) > 10
    for member in members:
        name_size, extra_size = struct.unpack("<HH", content[member.header_offset + 26 : member.header_offset + 30])
        begin = member.header_offset + 30 + name_size + extra_size
        for place in {begin, begin + member.file_size // 2, begin + member.file_size - 1}:
            file.write_bytes(flipped(content, place))
            with pytest.raises(
                CheckpointError, match=f"^{file} is damaged: the checksum of its {member.filename} is wrong$"
            ):
                digitcmp.load(file)


def test_a_checkpoint_holds_plain_values(tmp_path: Path) -> None:
    """It contains the weights and the arguments of network and training."""
    checkpoint = torch.load(untrained(tmp_path / "a.ckpt", backbone="ws3", aux=True), weights_only=True)
    network = {"backbone": "ws3", "arguments": {}, "head": "mlp", "aux": True, "mean": 0.0, "std": 1.0, "seed": 0}
    network |= {"bins": None, "tta": False, "ensemble": 1, "images": {}, "head_arguments": {}}
    assert checkpoint["hyper_parameters"]["network"] == network and checkpoint["hyper_parameters"]["lr"] == 1e-3
    layers = [f"backbone.branches.0.{i}" for i in (0, 2, 5, 7)] + [f"head.{i}" for i in (2, 4)]
    weights = {f"network.networks.0.{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    assert checkpoint["state_dict"].keys() == {"network.mean", "network.std", *weights}


def test_the_module_and_the_loaded_network_agree(fcnn1: Path) -> None:
    module = DigitComparison.load_from_checkpoint(fcnn1, weights_only=True).eval()
    pairs = torch.randint(256, (230, 2, 14, 14), generator=torch.Generator().manual_seed(0)).float()
    with torch.inference_mode():
        expected = module.network.predict_all(pairs).compare.sigmoid().numpy()
    assert digitcmp.load(fcnn1).predict(pairs) == pytest.approx(expected, abs=1e-6)
