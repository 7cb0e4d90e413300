"""What the images of a data set are: all that a network, a picture or a page needs to know of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageSpec:
    """channels: 1 for gray, 3 for RGB; side: height and width in pixels; names: of the classes 0..K-1.

    drawn: light strokes on a dark ground, centred as MNIST's, so that a canvas can take the place of a data set.
    The defaults are the paper's images: MNIST averaged to 14x14.
    """

    channels: int = 1
    side: int = 14
    names: tuple[str, ...] = tuple("0123456789")
    drawn: bool = True

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.names)

    @property
    def pixels(self) -> int:
        """Numbers in an image."""
        return self.channels * self.side**2

    @property
    def shape(self) -> tuple[int, ...]:
        """An image as an array: (side, side) in gray, (3, side, side) in RGB."""
        size = (self.side, self.side)
        return size if self.channels == 1 else (self.channels, *size)


PAPER = ImageSpec()
