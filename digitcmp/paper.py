"""The numbers and claims of the paper (Salimbeni, Zeller, Mutlu, EPFL) with their sources, and third-party results."""

from collections.abc import Mapping
from typing import NamedTuple

from digitcmp.models import backbones


class Published(NamedTuple):
    """A published test accuracy over n runs. `std` is None if the source is a figure."""

    mean: float
    std: float | None
    source: str
    n: int = 10


class Claim(NamedTuple):
    """A claim of the paper: the effect of an ingredient on the test accuracy."""

    effect: float
    source: str


ACCURACY = {  # the ten networks in the order of the paper's tables
    "FCNN1": Published(0.802, 0.011, "Table I"),
    "FCNN2": Published(0.825, None, "Fig. 5"),
    "FCNN3": Published(0.831, 0.008, "Table I"),
    "WS1": Published(0.827, 0.014, "Table I"),
    "WS2": Published(0.845, 0.014, "Table I"),
    "WS3": Published(0.853, None, "Fig. 6"),
    "AL1": Published(0.881, 0.032, "Table I"),
    "AL2": Published(0.884, 0.007, "Table I"),
    "AL3": Published(0.902, 0.012, "Table I"),
    "AL4": Published(0.914, 0.015, "Table I"),
}

CELLS = tuple(  # (model, aux) of the ten networks
    (network.name, aux)
    for label in ACCURACY
    for network in backbones.NETWORKS.values()
    for aux, name in ((False, network.label), (True, network.label_aux))
    if name == label
)

OTHERS = {  # third-party results on the same task, from 1,000 training pairs and their digits; sources on GitHub
    "puckvg": Published(0.9826, 0.0034, "puckvg/EE-559-Team: shared LeNet, digit loss, its two argmax digits compared"),
    "raphaelreis": Published(
        0.9801, 0.0047, "raphaelreis/EE559-DeepLearning-MiniProjects: WS + AL, shifted, rotated and swapped images"
    ),
    "riccardocadei": Published(
        0.9704, 0.0106, "riccardocadei/DCNN-for-Digits-Comparison: deep WS + AL, re-paired digits, 200 epochs", 3
    ),
    "azadoks": Published(0.9497, 0.0090, "azadoks/EE-559: WS + AL, 20,000 parameters", 32),
    "riccardocadei, no AL": Published(
        0.9357, 0.0283, "riccardocadei/DCNN-for-Digits-Comparison: deep WS, re-paired digits", 3
    ),
}

LEARNING_RATES = {  # Table II
    "FCNN1": 5e-4,
    "FCNN2": 1.5e-4,
    "FCNN3": 1.5e-4,
    "WS1": 8e-4,
    "WS2": 5e-4,
    "WS3": 1.3e-3,
    "AL1": 5e-4,
    "AL2": 8e-4,
    "AL3": 5e-4,
    "AL4": 2e-3,
}

SAME_NETWORK = {"accelerator", "data_seed", "normalize", "precision", "shuffle", "test_pairs", "threads", "val_pairs"}
TASK = {"task", "aux_labels", "dataset", "train_pairs"}
WIDTHS = ("500", "500-250-50", "300-150-50")  # values of hidden; the last one is L=3 of Fig. 5, FCNN2's .825

AUXILIARY_CLAIM = Claim(0.10, "section V: AL had a considerable impact (+0.1)")
SHARING_CLAIM = Claim(0.03, "section V: WS only added +0.03")


def label(model: str, aux: bool, head: str = "mlp") -> str:
    """Return the paper's name of a network, ('ws3', True) -> 'AL4', or a similar one, ('fcnn1', True) -> 'FCNN1+AL'."""
    network = backbones.facts().get(model)  # a report may contain networks that are no longer registered
    name = (network and network.label) or model
    if aux:
        name = (network and network.label_aux) or f"{name}+AL"
    return name if head == "mlp" else f"{name}+{head}"


def as_published(settings: Mapping[str, str]) -> bool:
    """Return whether the paper's numbers are comparable: the same networks and task, trained for as long.

    Settings in SAME_NETWORK may differ.

    Args:
        settings: the settings of a cell that are not at their default, as strings, without model, aux and lr.
    """
    return all(key in SAME_NETWORK or (key == "hidden" and value in WIDTHS) for key, value in settings.items())


def claimed(model: str, aux: bool, settings: Mapping[str, str]) -> bool:
    """Return whether the paper's claims apply: one of its networks, on its task. The training may differ.

    Args:
        model: the name of a network.
        aux: whether it has the auxiliary loss.
        settings: as in `as_published`.
    """
    if label(model, aux) not in ACCURACY:
        return False
    other = TASK | {"head", "bins", "ensemble"} | backbones.facts()[model].arguments.keys()
    return all(key not in other or (key == "hidden" and value in WIDTHS) for key, value in settings.items())


def published(name: str) -> Published | None:
    """Return the published test accuracy of a network by its label, or None."""
    return ACCURACY.get(name)
