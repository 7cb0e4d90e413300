"""The data sets that are known by name, and what can be said of one before it is read: neither torch nor NumPy."""

from dataclasses import dataclass

from digitcmp.data.spec import PAPER, ImageSpec

GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@dataclass(frozen=True)
class Source:
    """train, test: how many images there are of each; images: what they are unless data.side says another size.

    cls: torchvision's class, of what comes through it.
    """

    train: int
    test: int
    images: ImageSpec
    cls: str | None = None


SOURCES = {
    "mnist": Source(60_000, 10_000, PAPER, "MNIST"),
    "fashion_mnist": Source(60_000, 10_000, ImageSpec(names=GARMENTS, drawn=False), "FashionMNIST"),
    "kmnist": Source(60_000, 10_000, ImageSpec(names=HIRAGANA), "KMNIST"),
    "digits": Source(1_201, 596, ImageSpec(side=8, drawn=False)),  # its digits fill all of the 8x8
}
