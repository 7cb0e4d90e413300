"""The network of a checkpoint, ready to be asked: `digitcmp.load(path).predict(pairs)`."""

import io
import json
import warnings
import zipfile
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from digitcmp import paper
from digitcmp.data.pairs import EVALUATION_ROWS
from digitcmp.data.spec import ImageSpec
from digitcmp.data.tasks import TASKS
from digitcmp.errors import CheckpointError
from digitcmp.files import checksum
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.network import PairEnsemble
from digitcmp.runs.folder import CHECKPOINT, RESULT

FORMER = (  # the hyperparameters of an older checkpoint that are arguments of its network
    *("backbone", "arguments", "head", "aux", "mean", "std", "seed", "bins", "tta", "ensemble", "images"),
)


class Prediction(NamedTuple):
    """For B pairs: the probability of the answer yes, and P(digit) of both images if the network names digits."""

    probability: Float[np.ndarray, "batch"]
    digits: Float[np.ndarray, "batch 2 classes"] | None


class Comparer(nn.Module):
    """A trained network that answers in probabilities; `hparams` is what DigitComparison was made with."""

    def __init__(self, network: PairEnsemble, hparams: Mapping[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.hparams = dict(hparams)
        self.eval()

    @property
    def label(self) -> str:
        """The paper's name of the network where it has one: AL4."""
        made_of = self.network.arguments
        return paper.label(made_of["backbone"], made_of["aux"], made_of["head"])

    @property
    def task(self) -> str:
        """The name of the question that it was trained to answer."""
        return self.hparams.get("task", "leq")  # older checkpoints know no other

    @property
    def aux_labels(self) -> str:
        """The name of the labels that its digit head was taught."""
        return self.hparams.get("aux_labels", "digits")

    @property
    def images(self) -> ImageSpec:
        """What the images are that it was trained on."""
        return self.network.images

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> tuple[Tensor, ...]:
        """Pairs of raw pixels 0..255 -> probability of yes (B,), with aux also P(digit) (B, 2, classes)."""
        output = self.network.forward_tta(pairs)
        if output.digits is None or self.aux_labels != "digits":  # other labels name no digit
            return (output.compare.sigmoid(),)
        return output.compare.sigmoid(), output.digits.softmax(dim=2)

    def predict(self, pairs: np.ndarray | Tensor | Sequence) -> Float[np.ndarray, "batch"]:
        """Return the probability of yes, by default P(first <= second), for pairs of images with pixels 0..255.

        Pairs of MNIST are (B, 2, 14, 14), light on a dark ground.

        In colour (B, 2, 3, H, W); `images` says the size. Raises ValueError for another shape or range.
        """
        return self.predict_digits(pairs).probability

    def predict_digits(self, pairs: np.ndarray | Tensor | Sequence) -> Prediction:
        """What `predict` says, and the distribution over digits of every image if the network was trained with aux.

        Raises ValueError as `predict` does.
        """
        if not isinstance(pairs, Tensor):
            pairs = torch.from_numpy(np.array(pairs, dtype=np.float32))
        if pairs.shape[1:] != (2, *self.images.shape):
            shape = ", ".join(map(str, ("B", 2, *self.images.shape)))
            raise ValueError(f"pairs have the shape ({shape}), these {tuple(pairs.shape)}")
        pairs = pairs.detach().cpu().float()
        if len(pairs):
            low, high = pairs.min().item(), pairs.max().item()
            if not (low >= 0 and high <= 255) or 0 < high <= 1:
                raise ValueError(f"pairs hold gray values from 0 to 255, these go from {low:g} to {high:g}")
        with torch.inference_mode():
            batches = [self(batch) for batch in pairs.split(EVALUATION_ROWS)]
        probability, *digits = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
        return Prediction(probability, digits[0] if digits else None)


def load(path: str | Path) -> Comparer:
    """The network of a checkpoint that train.py wrote, or of a run's folder, on the CPU.

    The file is read as data and cannot run code. Raises CheckpointError.
    """
    file = locate(Path(path))
    try:
        content = file.read_bytes()
        refuse_damage(file, content)
        with warnings.catch_warnings(action="ignore"):
            checkpoint = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        hparams, weights = checkpoint["hyper_parameters"], checkpoint["state_dict"]
        if "network" not in hparams:
            hparams, weights = current_form(hparams, weights)
        require_registered(file, hparams)
        network = PairEnsemble(**hparams["network"])
        network.load_state_dict({key.removeprefix("network."): tensor for key, tensor in weights.items()})
        comparer = Comparer(network, hparams)
        blank = comparer.predict(np.zeros((1, 2, *network.images.shape)))
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror or error}") from None
    except UnpicklingError:
        raise CheckpointError(f"{file} is no checkpoint, or one that holds code, which is never run") from None
    except Exception as error:  # what is damaged or not ours raises a dozen different errors
        reason = shorten(f"{type(error).__name__}: {error}", 120)
        raise CheckpointError(f"{file} is damaged or not a checkpoint of train.py ({reason})") from None
    if not np.isfinite(blank).all():
        raise CheckpointError(f"{file} answers with {blank[0]}: its weights are damaged")
    return comparer


def require_registered(file: Path, hparams: Mapping[str, Any]) -> None:
    """Raise CheckpointError for a backbone, a head or a task that no imported module registers."""
    network = hparams["network"]
    needed: tuple[tuple[str, Any, Container[str]], ...] = (
        ("backbone", network["backbone"], NETWORKS),
        ("head", network["head"], HEADS),
        ("task", hparams.get("task", "leq"), TASKS),
    )
    for kind, name, known in needed:
        if isinstance(name, str) and name not in known:
            module = hparams.get("modules", {}).get(kind)  # older checkpoints do not record it
            defined = f"of the module {module}, which is not imported" if module else "which is not registered"
            raise CheckpointError(
                f"{file} needs the {kind} {name}, {defined}: add --plugins {module or 'MODULE'} after digitcmp, "
                f"or import {module or 'the module that defines it'}"
            )


def current_form(hparams: Mapping[str, Any], weights: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the hyperparameters and weights of an older checkpoint, whose module was the network itself.

    It held the average of the weights beside the trained ones, where a run had `ema`.
    """
    average = {key: tensor for key, tensor in weights.items() if key.startswith("average.module.")}
    if average:
        networks = {key.replace("average.module", "networks", 1): tensor for key, tensor in average.items()}
        weights = networks | {key: weights[key] for key in ("mean", "std")}
    network = {key: hparams[key] for key in FORMER if key in hparams}
    return dict(hparams) | {"network": network}, dict(weights)


def refuse_damage(file: Path, content: bytes) -> None:
    """Raise CheckpointError unless every CRC of the zip archive is right, and that of the run's result.json.

    torch writes the archive's CRCs and does not check them: a flipped bit in a weight would pass for the weight.
    """
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if damaged := archive.testzip():
                raise CheckpointError(f"{file} is damaged: the CRC of its {damaged} is wrong")
    folder = file.absolute().parent.parent
    if file.absolute() != folder / CHECKPOINT:
        return
    try:
        vouched = json.loads((folder / RESULT).read_bytes())["checkpoint_crc"]
    except (OSError, ValueError, KeyError, TypeError):  # no finished run
        return
    if (crc := checksum(content)) != vouched:
        raise CheckpointError(f"{file} is damaged: its CRC is {crc}, {vouched} in {folder / RESULT}")


def locate(path: Path) -> Path:
    """The file that a path means: itself, or the checkpoint in a run's folder. Raises CheckpointError."""
    try:
        if path.is_dir():
            file = path / CHECKPOINT
            if not file.is_file():
                raise CheckpointError(f"{path} holds no {CHECKPOINT}: a run's folder or its checkpoint is wanted")
            return file
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file")
    except OSError as error:  # a folder that may not be searched
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    return path
