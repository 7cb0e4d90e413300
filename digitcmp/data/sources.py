"""The data sets by name, with the facts known before they are read, and the readers of plugins. Imports no NumPy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from digitcmp.data.spec import PAPER, ImageSpec
from digitcmp.fields import Group, arguments_of
from digitcmp.registry import Registry

GIVEN = ("root", "side")  # parameters of a reader that are options of every data set
FILES = ("npz", "csv", "parquet", "folder")  # the default names of data sets in files

GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@dataclass(frozen=True)
class Source:
    """A data set that is known by name.

    Attributes:
        images: the specification of its images without data.side.
        cls: the class of torchvision that reads it, or None.
    """

    images: ImageSpec
    cls: str | None = None


SOURCES = {
    "mnist": Source(PAPER, "MNIST"),
    "fashion_mnist": Source(ImageSpec(names=GARMENTS, drawn=False), "FashionMNIST"),
    "kmnist": Source(ImageSpec(names=HIRAGANA), "KMNIST"),
    "digits": Source(ImageSpec(side=8, drawn=False)),  # its digits have no margin
}


@dataclass(frozen=True)
class Reader:
    """A registered function that reads a data set, `data.name=NAME`.

    Attributes:
        read: a function that returns a mapping of arrays: `train_images` and `test_images`, (N, H, W) or (N, H, W, 3);
            `train_labels` and `test_labels`, (N,); and optionally `names`, (K,), of the classes. It is called once per
            run and must return the same arrays every time. Its parameters `root` and `side` receive the options
            data.root, as a Path, and data.side. Its other parameters are the options in data.arguments.
    """

    read: Callable[..., Mapping[str, Any]]

    @cached_property
    def arguments(self) -> type[Group]:
        """The options in data.arguments, with their types and defaults, from the function's signature."""
        return arguments_of(self.read, left_out=GIVEN)


READERS: Registry[Reader] = Registry("data set", Reader, reserved=(*SOURCES, *FILES))


def known_names() -> str:
    """Return the names of the data sets that need neither a file nor a class: 'mnist, fashion_mnist, ...'."""
    return ", ".join([*SOURCES, *READERS])
