"""The data sets by name, and the readers of plugins. Imports no NumPy."""

from collections.abc import Callable, Mapping
from typing import Any

from digitcmp.registry import Registry

SOURCES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST", "digits": None}  # torchvision's class
DRAWN = ("mnist", "kmnist")  # as in ImageSpec
FILES = ("npz", "csv", "parquet", "folder")  # the default names of data sets in files
GIVEN = ("root", "side")  # parameters of a reader that are options of every data set

# Functions that read a data set, `data.name=NAME`. They return arrays by the names in a .npz (docs/data.md). They are
# called once per run and must return the same arrays every time. Their parameters `root` and `side` receive the options
# data.root, as a Path, and data.side. Their other parameters are the options in data.arguments.
READERS: Registry[Callable[..., Mapping[str, Any]]] = Registry(
    "data set", lambda read: read, reserved=(*SOURCES, *FILES)
)


def known_names() -> str:
    """Return the names of the data sets that need neither a file nor a class: 'mnist, fashion_mnist, ...'."""
    return ", ".join([*SOURCES, *READERS])
