"""Tests of reading pictures and of centring drawn digits as in MNIST."""

from pathlib import Path

import numpy as np
import pytest
from conftest import MNIST_ROOT
from drawings import BROKEN, drawing
from PIL import Image

from digitcmp.data import images
from digitcmp.errors import ImageError

SEVEN = images.centred(drawing())


def difference(image: np.ndarray) -> float:
    """Return the mean distance from SEVEN in gray values. The mirror image of SEVEN is more than 20 away."""
    return np.abs(image.astype(float) - SEVEN).mean()


@pytest.mark.skipif(MNIST_ROOT is None, reason="MNIST_ROOT names no torchvision root with the canonical idx files")
def test_mnist_stays_as_it_is() -> None:
    """Centring a 28x28 image of MNIST gives its 14x14 version: the mean difference is below 2 gray values."""
    file = Path(str(MNIST_ROOT)) / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    originals = np.fromfile(file, np.uint8, 16 + 100 * 28 * 28)[16:].reshape(100, 28, 28)
    made = np.stack([images.centred(image) for image in originals])
    assert np.abs(made.astype(float) - images.resize(originals, 14)).mean() < 2


def test_box_and_centre_of_mass() -> None:
    rows, columns = (SEVEN.max(axis=axis).nonzero()[0] for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (10, 11)  # 20 pixels cover 10 or 11 blocks of two
    weights = SEVEN / SEVEN.sum()
    centre = weights.sum(axis=1) @ np.arange(14), weights.sum(axis=0) @ np.arange(14)
    assert centre == pytest.approx((6.75, 6.75), abs=0.35)  # pixel 14 of 28, counted in blocks of two
    assert SEVEN.max() == 255


def test_paper_ink_size_and_place_do_not_matter() -> None:
    light = images.centred(drawing(paper=0, ink=255))
    faint = images.centred(drawing(paper=200, ink=140))
    moved = images.centred(np.roll(drawing(), (60, 70), axis=(0, 1)))
    large = images.centred(drawing().repeat(3, axis=0).repeat(3, axis=1))
    for other in (light, faint, moved):
        assert np.abs(other.astype(int) - SEVEN).max() <= 2
    assert difference(large) < 5


def test_a_photo_of_a_drawing() -> None:
    """Uneven light and sensor noise change the centred digit by less than 15 gray values on average."""
    rng = np.random.default_rng(0)
    light = np.linspace(130, 230, 200) - np.linspace(0, 40, 300)[:, None]
    photo = light * np.where(drawing() == 0, 0.4, 1) + rng.normal(0, 4, (300, 200))
    assert difference(images.centred(photo.astype(np.uint8))) < 15


@pytest.mark.parametrize("picture", [np.full((50, 50), 255), np.zeros((1, 1)), np.tile(np.arange(200), (90, 1))])
def test_nothing_drawn(picture: np.ndarray) -> None:
    with pytest.raises(ImageError, match="no digit was detected"):
        images.centred(picture.astype(np.uint8))


def test_a_dot_at_the_edge() -> None:
    picture = np.zeros((40, 3), np.uint8)
    picture[39, 2] = 255
    assert images.centred(picture).max() == 255


PICTURE, INK = Image.fromarray(drawing()), Image.fromarray(255 - drawing())


@pytest.mark.parametrize(
    ("picture", "suffix", "tolerance"),
    [
        (PICTURE, "png", 1),
        (PICTURE, "jpg", 16),
        (PICTURE.convert("1"), "png", 1),
        (PICTURE.convert("P"), "png", 1),
        (Image.fromarray(drawing().astype(np.uint16) * 257), "png", 1),
        (Image.merge("LA", [Image.new("L", PICTURE.size, 0), INK]), "png", 1),  # black ink on a transparent ground
        (Image.merge("LA", [Image.new("L", PICTURE.size, 255), INK]), "png", 1),  # white ink
    ],
)
def test_kinds_of_files(picture: Image.Image, suffix: str, tolerance: int, tmp_path: Path) -> None:
    picture.save(tmp_path / f"seven.{suffix}")
    assert np.abs(images.read(tmp_path / f"seven.{suffix}").astype(int) - SEVEN).max() <= tolerance


def test_a_phone_held_sideways(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    Image.fromarray(np.rot90(drawing())).save(tmp_path / "seven.jpg", exif=exif)
    assert np.abs(images.read(tmp_path / "seven.jpg").astype(int) - SEVEN).max() <= 16


def test_a_name_says_nothing(tmp_path: Path) -> None:
    Image.fromarray(drawing()).save(tmp_path / "seven.jpg", format="PNG")
    assert np.array_equal(images.read(tmp_path / "seven.jpg"), SEVEN)


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_named(kind: str, tmp_path: Path) -> None:
    write, message = BROKEN[kind]
    write(tmp_path / "first.png")
    with pytest.raises(ImageError, match=f"first.png {message}") as error:
        images.read(tmp_path / "first.png")
    assert "\n" not in str(error.value)


def test_damaged_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    """Each of 100 PNG and JPEG files with changed bytes, some also truncated, is read or raises ImageError."""
    rng = np.random.default_rng(0)
    Image.fromarray(drawing()[30:200, :130]).save(tmp_path / "whole.png")
    Image.fromarray(drawing()[30:200, :130]).save(tmp_path / "whole.jpg")
    read = 0
    for i in range(100):
        data = bytearray((tmp_path / ("whole.png", "whole.jpg")[i % 2]).read_bytes())
        for place in rng.integers(0, len(data), 1 + i % 5):
            data[place] = rng.integers(0, 256)
        if i % 7 == 0:
            del data[rng.integers(0, len(data)) :]
        (tmp_path / "damaged").write_bytes(data)
        try:
            assert images.read(tmp_path / "damaged").shape == (14, 14)
            read += 1
        except ImageError as error:
            assert str(error).startswith(f"{tmp_path / 'damaged'} ")
    assert 0 < read < 100
