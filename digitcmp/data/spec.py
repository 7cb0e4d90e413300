"""The specification of a data set's images: channels, size and classes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageSpec:
    """The specification of a data set's images.

    The defaults are the paper's images, MNIST averaged to 14x14.

    Attributes:
        channels: 1 for gray, 3 for RGB.
        side: the height and width in pixels.
        names: the names of the classes 0..K-1.
        drawn: whether images are light strokes on a dark ground, centred as in MNIST. A canvas can draw such images.
    """

    channels: int = 1
    side: int = 14
    names: tuple[str, ...] = tuple("0123456789")
    drawn: bool = True

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.names)

    @property
    def pixels(self) -> int:
        """The number of values in an image: channels * side * side."""
        return self.channels * self.side**2

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an image: (side, side) in gray, (3, side, side) in RGB."""
        size = (self.side, self.side)
        return size if self.channels == 1 else (self.channels, *size)


PAPER = ImageSpec()
