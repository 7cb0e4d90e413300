"""Load the network of a checkpoint for inference: `digitcmp.load(path).predict(pairs)`."""

import io
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from digitcmp import paper
from digitcmp.data.pairs import EVALUATION_ROWS
from digitcmp.data.tasks import TASKS
from digitcmp.errors import CheckpointError
from digitcmp.models.backbones import NETWORKS
from digitcmp.models.heads import HEADS
from digitcmp.models.network import PairEnsemble
from digitcmp.runs.folder import CHECKPOINT


class Prediction(NamedTuple):
    """The prediction for B pairs.

    Attributes:
        probability: of the answer yes, (B,).
        digits: P(digit) of both images, (B, 2, classes); None if the network does not predict digits.
    """

    probability: Float[np.ndarray, "batch"]
    digits: Float[np.ndarray, "batch 2 classes"] | None


class Predictor(nn.Module):
    """A trained network that predicts probabilities.

    Args:
        network: the network.
        hparams: the arguments of its DigitComparison.
        file: its checkpoint.

    Attributes:
        label: the paper's name for the network, AL4, or a name in its style.
        task: the name of the question that it was trained to answer.
        aux_labels: the name of the labels of its auxiliary loss.
        predicts_classes: whether it was trained with aux to predict the classes; other labels are not classes.
        images: the size, channels and classes of the images that it was trained on.
        folder: the folder of the run that wrote the checkpoint, or the checkpoint's own folder if it was moved.
    """

    def __init__(self, network: PairEnsemble, hparams: Mapping[str, Any], file: Path) -> None:
        super().__init__()
        self.network, self.images, self.file = network, network.images, file
        backbone, aux, head = (network.arguments[key] for key in ("backbone", "aux", "head"))
        self.label = paper.label(backbone, aux, head)
        self.task, self.aux_labels = hparams["task"], hparams["aux_labels"]
        self.predicts_classes = aux and self.aux_labels == "digits"
        folder = file.resolve().parent
        self.folder = folder.parent if folder.name == Path(CHECKPOINT).parent.name else folder
        self.eval()

    def forward(self, pairs: Float[Tensor, "batch 2 *image"]) -> tuple[Tensor, ...]:
        """Return the probability of yes (B,) for pairs with pixels 0..255, and with aux P(digit) (B, 2, classes)."""
        output = self.network(pairs)
        if output.digits is None or not self.predicts_classes:
            return (output.compare.sigmoid(),)
        return output.compare.sigmoid(), output.digits.softmax(dim=2)

    def predict(self, pairs: np.ndarray | Tensor | Sequence) -> Float[np.ndarray, "batch"]:
        """Return the probability of yes, by default P(first <= second).

        Args:
            pairs: pixels 0..255, (B, 2, H, W) or in colour (B, 2, 3, H, W), of the size in `images`. Pairs of MNIST are
                (B, 2, 14, 14), light on a dark ground.

        Raises:
            ValueError: for another shape or range.
        """
        return self.predict_digits(pairs).probability

    def predict_digits(self, pairs: np.ndarray | Tensor | Sequence) -> Prediction:
        """Return the probability of yes, and P(digit) of every image if the network was trained with aux.

        The argument and the errors are those of `predict`.
        """
        if not isinstance(pairs, Tensor):
            pairs = torch.from_numpy(np.array(pairs, dtype=np.float32))
        if pairs.shape[1:] != (2, *self.images.shape):
            shape = ", ".join(map(str, ("B", 2, *self.images.shape)))
            raise ValueError(f"pairs have the shape {tuple(pairs.shape)}; ({shape}) is expected")
        pairs = pairs.detach().cpu().float()
        if len(pairs):
            low, high = pairs.min().item(), pairs.max().item()
            if not (low >= 0 and high <= 255) or 0 < high <= 1:
                raise ValueError(f"pairs have values from {low:g} to {high:g}; gray values from 0 to 255 are expected")
        with torch.inference_mode():
            batches = [self(batch) for batch in pairs.split(EVALUATION_ROWS)]
        probability, *digits = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
        return Prediction(probability, digits[0] if digits else None)


def load(path: str | Path) -> Predictor:
    """Return the network of a checkpoint on the CPU. The file is read as data and cannot run code.

    torch does not check the checksums of the archive, so they are checked first.

    Args:
        path: a checkpoint of train.py, or a run's folder.

    Raises:
        CheckpointError: if there is no checkpoint, if it is damaged, or if it needs a plugin that is not imported.
    """
    file = Path(path)
    try:
        file = file / CHECKPOINT if file.is_dir() else file
        content = file.read_bytes()
        if damaged := zipfile.ZipFile(io.BytesIO(content)).testzip():
            raise CheckpointError(f"{file} is damaged: the checksum of its {damaged} is wrong")
        with warnings.catch_warnings(action="ignore"):
            checkpoint = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        hparams, weights = checkpoint["hyper_parameters"], checkpoint["state_dict"]
        require_registered(file, hparams)
        network = PairEnsemble(**hparams["network"])
        network.load_state_dict({key.removeprefix("network."): tensor for key, tensor in weights.items()})
        predictor = Predictor(network, hparams, file)
        blank = predictor.predict(np.zeros((1, 2, *network.images.shape)))
        if not np.isfinite(blank).all():
            raise CheckpointError(
                f"{file} is damaged: its network returns {blank[0]}; a finite probability is expected"
            )
    except CheckpointError:
        raise
    except OSError as error:
        expected = "a run's folder or its checkpoint is expected"
        raise CheckpointError(f"{file} cannot be read: {error.strerror}; {expected}") from None
    except Exception as error:  # damaged and third-party files raise many errors
        reason = shorten(f"{type(error).__name__}: {error}", 120)
        raise CheckpointError(f"{file} is damaged or not a checkpoint of train.py ({reason})") from None
    return predictor


def require_registered(file: Path, hparams: Mapping[str, Any]) -> None:
    """Raise CheckpointError if the backbone, head or task is not registered by an imported module."""
    used = {**hparams["network"], "task": hparams["task"]}
    for kind, known in (("backbone", NETWORKS), ("head", HEADS), ("task", TASKS)):
        if used[kind] not in known:
            raise CheckpointError(
                f"{file} needs the {kind} {used[kind]}, but it is not imported. "
                "Add --plugins MODULE after digitcmp, or import its module."
            )
