"""A picture of a digit from anywhere, made into what MNIST would hold of it: 14x14, light on dark, centred."""

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from digitcmp.datasets import pool2x2

LONGEST = 560  # pixels; a larger picture is shrunk first
BOX, FIELD = 20, 28  # MNIST's digits fill a box of 20x20 in a field of 28x28


class ImageError(Exception):
    """A picture that cannot be read or shows no digit; the message says why in one line, and names the file."""


def read(file: Path) -> UInt8[np.ndarray, "14 14"]:
    """The digit in a PNG or JPEG file of any size, dark on light or light on dark, as MNIST would hold it.

    Raises ImageError for anything but one whole still picture, gray or RGB, of at most 89 megapixels, with a digit.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                if image.format == "PNG" and getattr(image, "is_animated", False):
                    raise ImageError("it is animated")
                if image.mode == "CMYK":
                    raise ImageError("it is in CMYK, gray or RGB is wanted")
                image.draft("RGB", (LONGEST, LONGEST))
                return centred(gray(image))
    except UnidentifiedImageError:
        raise ImageError(f"{file} is not a PNG or JPEG picture") from None
    except Exception as error:  # a damaged picture raises a dozen different errors
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        raise ImageError(f"{file} cannot be read: {reason}") from None


def gray(image: Image.Image) -> UInt8[np.ndarray, "h w"]:
    """A picture's gray values, upright and no larger than LONGEST; transparent parts contrast with the opaque ones."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits
        image = Image.fromarray((np.asarray(image) // 256).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        light, opacity = (np.asarray(band, np.float32) for band in image.convert("LA").split())
        dark = (light * opacity).sum() < 127.5 * opacity.sum()
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white" if dark else "black"), image)
    image = image.convert("L")
    image.thumbnail((LONGEST, LONGEST))
    return np.asarray(image)


def centred(picture: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "14 14"]:
    """The digit in a gray picture as MNIST was made: fit into 20x20, centre of mass in 28x28; then pooled to 14x14.

    Raises ImageError if nothing in it stands out.
    """
    ink = picture - background(picture)
    ink *= np.sign((ink * ink**2).sum())  # ink is the few pixels far from the paper's gray
    noise = 3 * 1.4826 * float(np.median(np.abs(ink)))  # three standard deviations
    strongest = ink.max()
    if strongest < max(2 * noise, 12):
        raise ImageError("there is no digit in it")
    full = np.median(ink[ink > strongest / 2])
    ink = np.clip((ink - noise) / (full - noise), 0, 1).astype(np.float32)
    rows, columns = ((ink > 0.3).any(axis=axis).nonzero()[0] for axis in (1, 0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(side * BOX / max(digit.shape))) for side in digit.shape)
    digit = np.asarray(Image.fromarray(digit).resize((width, height), Image.Resampling.BOX))
    digit = digit / digit.max()  # thin strokes fade when they shrink
    weights = digit / digit.sum()
    y, x = (weights.sum(axis=1) @ np.arange(height), weights.sum(axis=0) @ np.arange(width))
    # MNIST's centres of mass lie within half a pixel of the 15th row and column
    top, left = (min(max(round(FIELD / 2 - c), 0), FIELD - n) for c, n in ((y, height), (x, width)))
    field = np.zeros((1, FIELD, FIELD), np.uint8)
    field[0, top : top + height, left : left + width] = np.round(255 * digit)
    return pool2x2(field)[0]


def background(picture: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The gray of the paper alone: a quadratic surface through the half of the picture that fits it best."""
    height, width = picture.shape
    small = Image.fromarray(picture).resize((min(width, 32), min(height, 32)), Image.Resampling.BOX)
    grays = np.asarray(small, np.float64).ravel()
    terms = surface(small.height, small.width)
    paper = np.arange(len(grays))
    for _ in range(10):
        some = terms[paper]
        coefficients = np.linalg.lstsq(some.T @ some, some.T @ grays[paper])[0]
        paper = np.argsort(np.abs(grays - terms @ coefficients))[: (len(grays) + 1) // 2]
    return (surface(height, width) @ coefficients).reshape(height, width)


def surface(height: int, width: int) -> Float[np.ndarray, "hw 6"]:
    """1, x, y, xy, x², y² at every pixel, both from -1 to 1."""
    y, x = np.meshgrid(*((np.arange(n) + 0.5) / n * 2 - 1 for n in (height, width)), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)
