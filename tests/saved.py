"""Checkpoints of trained and untrained networks for the tests of saved runs."""

from pathlib import Path
from typing import Any

import torch
from conftest import fit

from digitcmp.data.datamodule import PairData
from digitcmp.models.module import DigitComparison
from digitcmp.models.network import PairEnsemble
from digitcmp.runs.folder import CHECKPOINT


def checkpoint(folder: Path, backbone: str = "ws3", aux: bool = True, pairs: int = 1000, epochs: int = 8) -> Path:
    """Train a network for about a second, save it as train.py does, and return the checkpoint.

    The default is AL4 (ws3 with aux), whose digit accuracy is above .9.
    """
    data = PairData("mnist", train_pairs=pairs, val_pairs=10, test_pairs=10, seed=0)
    data.setup()
    mean, std = data.moments
    module = DigitComparison(PairEnsemble(backbone, aux=aux, mean=mean, std=std), lr=2e-3)
    fit(data, module, max_epochs=epochs).save_checkpoint(folder / CHECKPOINT, weights_only=True)
    return folder / CHECKPOINT


def untrained(file: Path, task: str = "leq", **network: Any) -> Path:
    """Save a DigitComparison with these arguments of the network and its initial weights, and return the file."""
    module = DigitComparison(network, task=task)
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, file)
    return file
