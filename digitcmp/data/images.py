"""Pictures as images of a data set. Drawn digits become light on dark and centred."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from digitcmp.data.spec import PAPER, ImageSpec
from digitcmp.errors import ImageError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
LONGEST = 560  # pixels; larger pictures of digits are shrunk first
BOX, FIELD = 20, 28  # MNIST's digits fill a box of 20x20 in a field of 28x28
DARK = 64  # images without a gray value as high as this are dark


def read(file: Path, images: ImageSpec = PAPER) -> UInt8[np.ndarray, "*image"]:
    """Read a picture of any size as an image of a data set.

    If the data set's images are drawn, detect the digit, dark on light or light on dark, and centre it as in MNIST.

    Returns:
        The image, (H, W) or (3, H, W).

    Raises:
        ImageError: if the file is not one complete still picture of `FORMATS` of at most 178 megapixels; or if no digit
            is detected where one is needed.
    """
    with opened(file) as image:
        if not images.drawn:
            array = resize(pixels(image, gray=images.channels == 1)[None], images.side)[0]
            return array if array.ndim == 2 else np.moveaxis(array, 2, 0)
        image.draft("RGB", (LONGEST, LONGEST))
        return centred(pixels(image, gray=True, longest=LONGEST), images.side)


@contextmanager
def opened(file: Path | io.BytesIO | Image.Image, name: str = "") -> Iterator[Image.Image]:
    """Open a picture, by default named by its path. Raises ImageError, also for errors inside the `with` block."""
    name = name or str(file)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            file if isinstance(file, Image.Image) else Image.open(file, formats=FORMATS) as image,
        ):
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":  # a phone's JPEG with its preview
                raise ImageError("it has several frames; expected a still picture")
            yield image
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not a picture; expected {', '.join(FORMATS)}") from None
    except Exception as error:  # a damaged picture raises a dozen different errors
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        raise ImageError(f"{name} cannot be read: {reason}") from None


def has_16_bits(image: Image.Image) -> bool:
    """Return whether a picture has 16 bits per value. It must be opened and not yet decoded."""
    return image.mode.startswith("I;16") or any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def pixels(image: Image.Image, gray: bool | None = None, longest: int | None = None) -> UInt8[np.ndarray, "*picture"]:
    """Return a picture's gray values (H, W) or colours (H, W, 3), 0..255, upright.

    Transparent parts get a background that contrasts with the opaque parts, black or white.

    Args:
        image: the opened picture. One with 32 bits per value is rejected, or with 16 and no high values.
        gray: whether to return gray values; None if red, green and blue are equal everywhere.
        longest: the length in pixels to which the longer side is shrunk; None keeps the size.
    """
    if image.mode in ("I", "F"):
        raise ImageError("it has 32 bits per value; expected 8 or 16")
    sixteen = has_16_bits(image)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        image = Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        light, opacity = (np.asarray(band, np.float32) for band in image.convert("LA").split())
        dark = (light * opacity).sum() < 127.5 * opacity.sum()
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white" if dark else "black"), image)
    image = image.convert("L" if gray else "RGB")
    if longest:
        image.thumbnail((longest, longest))
    array = np.asarray(image)
    if sixteen and array.max() < DARK:  # of 255
        raise ImageError(f"it has 16 bits but no value above {257 * int(array.max())}; expected up to 65535")
    return array[..., 0] if gray is None and (array[..., :1] == array).all() else array


def resize(images: UInt8[np.ndarray, "n *before"], side: int) -> UInt8[np.ndarray, "n *after"]:
    """Return images (N, H, W) or (N, H, W, 3) resized to side x side.

    If H = W = k * side, a pixel is the mean of a block of k x k, halves rounded up. Other images are averaged by area
    if H and W are at least `side`, else interpolated bilinearly.
    """
    height, width = images.shape[1:3]
    if height == width == side:
        return images
    if height == width and height % side == 0 and height <= 16 * side:  # a block's sum fits into 16 bits
        k = height // side
        blocks = images.astype(np.uint16).reshape(len(images), side, k, side, k, *images.shape[3:])
        return ((blocks.sum(axis=(2, 4), dtype=np.uint16) + k * k // 2) // (k * k)).astype(np.uint8)
    method = Image.Resampling.BOX if side <= min(height, width) else Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(image).resize((side, side), method)) for image in images])


def centred(picture: UInt8[np.ndarray, "h w"], side: int = PAPER.side) -> UInt8[np.ndarray, "side side"]:
    """Return the digit in a gray picture as an image of MNIST, light on dark, resized to side x side.

    The digit is scaled to fit into 20x20 and its centre of mass is placed at the centre of 28x28. Raise ImageError if
    nothing contrasts with the background.
    """
    ink = picture - background(picture)
    ink *= np.sign((ink * ink**2).sum())  # ink is the few pixels far from the background's gray
    noise = 3 * 1.4826 * float(np.median(np.abs(ink)))  # three standard deviations
    strongest = ink.max()
    if strongest < max(2 * noise, 12):
        raise ImageError("no digit was detected; expected one that contrasts with its background")
    full = np.median(ink[ink > strongest / 2])
    ink = np.clip((ink - noise) / (full - noise), 0, 1).astype(np.float32)
    rows, columns = ((ink > 0.3).any(axis=axis).nonzero()[0] for axis in (1, 0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(side * BOX / max(digit.shape))) for side in digit.shape)
    digit = np.asarray(Image.fromarray(digit).resize((width, height), Image.Resampling.BOX))
    digit = digit / digit.max()  # thin strokes fade when they are shrunk
    weights = digit / digit.sum()
    y, x = (weights.sum(axis=1) @ np.arange(height), weights.sum(axis=0) @ np.arange(width))
    # MNIST's centres of mass lie within half a pixel of the 15th row and column
    top, left = (min(max(round(FIELD / 2 - c), 0), FIELD - n) for c, n in ((y, height), (x, width)))
    field = np.zeros((1, FIELD, FIELD), np.uint8)
    field[0, top : top + height, left : left + width] = np.round(255 * digit)
    return resize(field, side)[0]


def background(picture: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Return the gray of the background, a quadratic surface through the half of the pixels that fits it best."""
    height, width = picture.shape
    small = Image.fromarray(picture).resize((min(width, 32), min(height, 32)), Image.Resampling.BOX)
    grays = np.asarray(small, np.float64).ravel()
    terms = surface(small.height, small.width)
    paper = np.arange(len(grays))
    for _ in range(10):
        design = terms[paper]
        coefficients = np.linalg.lstsq(design.T @ design, design.T @ grays[paper])[0]
        paper = np.argsort(np.abs(grays - terms @ coefficients))[: (len(grays) + 1) // 2]
    return (surface(height, width) @ coefficients).reshape(height, width)


def surface(height: int, width: int) -> Float[np.ndarray, "hw 6"]:
    """Return 1, x, y, xy, x², y² at every pixel, with x and y from -1 to 1."""
    y, x = np.meshgrid(*((np.arange(n) + 0.5) / n * 2 - 1 for n in (height, width)), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)
