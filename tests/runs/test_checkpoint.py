"""Tests of loading checkpoints."""

import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from drawings import drawing
from PIL import Image
from saved import checkpoint, untrained

import digitcmp
from digitcmp.errors import CheckpointError
from digitcmp.models.module import DigitComparison

FORBIDDEN = ("lightning", "matplotlib", "pandas", "tensorboard", "torchmetrics", "torchvision")  # slow imports
SCORES = ("torchmetrics", "torchvision", "matplotlib")  # evaluate needs the first, which imports the others
COMMANDS = {
    "predict": ["-m", "digitcmp", "predict", "{saved}", "seven.png", "seven.png"],
    "evaluate": ["-m", "digitcmp", "evaluate", "checkpoint={saved}", "data.test_pairs=10"],
    "export": ["-m", "digitcmp", "export", "{saved}", "model.onnx"],
    "demo": [
        "-c",
        "import pathlib, digitcmp.commands.demo; digitcmp.commands.demo.Server(pathlib.Path('{saved}'), port=0)",
    ],
}


@pytest.fixture(scope="module")
def fcnn1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint of a hardly trained FCNN1."""
    return checkpoint(tmp_path_factory.mktemp("fcnn1"), "fcnn1", aux=False, pairs=40, epochs=1)


@pytest.mark.parametrize("command", COMMANDS)
def test_inference_imports_torch_alone(command: str, fcnn1: Path, tmp_path: Path) -> None:
    for name in {*FORBIDDEN} - {*(SCORES if command == "evaluate" else ())}:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{command} imports {name}')")
    Image.fromarray(drawing()).save(tmp_path / "seven.png")
    arguments = [argument.format(saved=fcnn1) for argument in COMMANDS[command]]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


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
