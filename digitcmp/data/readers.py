"""Others' data sets as arrays: MNIST's files, torchvision, scikit-learn, a folder of pictures for each class."""

import gzip
import inspect
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from digitcmp.data.images import GRAY, depth, depth_remark, pixels, read_pixels, resize, survey
from digitcmp.data.npz import ARRAYS, Arrays
from digitcmp.errors import DataError, ImageError

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
TEST_SHARE = 3  # of a data set that has no test images of its own: every class's last third


def read_relative(cls: str, root: Path, side: int, download: bool = True) -> Arrays:
    """MNIST or a set of the same files, plain or .gz as they are distributed, in ROOT/CLS/raw; downloaded if missing.

    Raises DataError naming the folder and the files it needs.
    """
    raw = root / cls / "raw"
    if all(idx_file(raw, name) for name in IDX):
        return read_idx(raw, side)
    wanted = f"it needs {', '.join(IDX)}, plain or .gz"
    if not download:
        raise DataError(f"no {cls} in {raw}; {wanted}")
    from torchvision import datasets

    with TemporaryDirectory() as elsewhere:  # where half a download cannot be taken for a complete one later
        try:
            getattr(datasets, cls)(elsewhere, download=True)
        except Exception as error:  # RuntimeError, URLError, OSError: whatever stopped the download
            raise DataError(f"no {cls} in {raw} and no download ({error}); {wanted}") from error
        return read_idx(Path(elsewhere) / cls / "raw", side)


def idx_file(folder: Path, name: str) -> Path | None:
    """Return the file of this name, plain or .gz, in a folder or in the folder `gzip` of EMNIST's archive."""
    files = (folder / name, folder / f"{name}.gz", folder / "gzip" / f"{name}.gz")
    return next((file for file in files if file.exists()), None)


def read_idx(folder: Path, side: int, names: Sequence[str] = IDX) -> Arrays:
    """Four files of MNIST's format in a folder, in the order of ARRAYS, the images averaged to side x side.

    Raises DataError.
    """
    arrays = []
    for name in names:
        file = idx_file(folder, name) or folder / name
        try:
            data = file.read_bytes() if file.suffix != ".gz" else gzip.decompress(file.read_bytes())
            dimensions = data[3]
            shape = np.frombuffer(data, ">i4", dimensions, offset=4)
            array = np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
            arrays.append(resize(array, side) if dimensions == 3 else array)
        except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
            raise DataError(f"{file} is damaged ({error})") from error
    return dict(zip(ARRAYS, arrays, strict=True))


def read_emnist(split: str, raw: Path, side: int) -> Arrays:
    """Return a split of EMNIST from its files in a folder, as `read_torchvision` does. Raises DataError."""
    from torchvision.datasets import EMNIST

    arrays = dict(read_idx(raw, side, emnist_files(split)))
    names = EMNIST.classes_split_dict[split]
    first = int(min(arrays[key].min() for key in ("train_labels", "test_labels")))  # letters: 1 to 26, 0 is N/A
    for key, array in arrays.items():  # the files hold the images transposed
        arrays[key] = array.swapaxes(1, 2) if array.ndim == 3 else array - first
    return arrays | {"names": np.array(names[first:])}


def emnist_files(split: str) -> list[str]:
    """Return the names of EMNIST's files of a split, in the order of ARRAYS."""
    kinds = ("train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1")
    return [f"emnist-{split}-{kind}-ubyte" for kind in kinds]


def read_digits() -> Arrays:
    """The 1,797 scanned digits of 8x8 that come inside scikit-learn, 0..16 made 0..255. Raises DataError."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DataError("data=digits comes inside scikit-learn: pip install scikit-learn") from None
    scans = load_digits()
    return joined([(np.rint(scans.images * (255 / 16)).astype(np.uint8), scans.target)])


def read_torchvision(cls: str, arguments: Mapping[str, Any], root: Path, side: int | None) -> Arrays:
    """Any data set of torchvision whose items are a picture and a class; downloaded if it can be and is missing.

    Its training and test images, or all of them as `joined` parts them. Raises DataError.
    """
    from torchvision import datasets

    kind = getattr(datasets, cls, None)
    if not (isinstance(kind, type) and issubclass(kind, datasets.VisionDataset)):
        raise DataError(f"data.cls={cls}: torchvision.datasets has no such class")
    wanted = f"torchvision looks for its files in {root}"
    if kind is datasets.EMNIST and arguments.keys() == {"split"}:
        raw, files = root / cls / "raw", emnist_files(str(arguments["split"]))
        if all(idx_file(raw, name) for name in files):
            return read_emnist(str(arguments["split"]), raw, side or 14)
        wanted = f"it needs {', '.join(files)}, plain or .gz, in {raw}"
    takes = parameters(kind)
    given = {"root": str(root)} | {"download": True} | dict(arguments)
    parts: list[dict[str, Any]] = [{}]
    if "train" in takes - arguments.keys():
        parts = [{"train": True}, {"train": False}]
    elif "split" in takes - arguments.keys():
        parts = [{"split": "train"}, {"split": "test"}]
    if issubclass(kind, datasets.MNIST):
        side = side or 14
    read = []
    for part in parts:
        try:
            dataset = kind(**{key: value for key, value in given.items() if key in takes | arguments.keys()}, **part)
            pictures, labels = zip(*(dataset[i] for i in range(len(dataset))), strict=True)
        except Exception as error:  # whatever it raises for its arguments, its files and a download
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            if isinstance(error, OSError):  # no network, or what came is not the file
                reason = f"no files and no download ({reason}); {wanted}"
            raise DataError(f"torchvision's {cls}: {reason}") from error
        if not all(isinstance(picture, Image.Image) for picture in pictures):
            raise DataError(f"torchvision's {cls} has {type(pictures[0]).__name__} for images, pictures are wanted")
        if not all(isinstance(label, int | np.integer) for label in labels):
            raise DataError(f"torchvision's {cls} has {type(labels[0]).__name__} for labels, whole numbers are wanted")
        gray = all(getattr(picture, "mode", None) in GRAY for picture in pictures)
        images = stacked(f"torchvision's {cls}", (pixels(picture, gray) for picture in pictures), side)
        # EMNIST's files hold its images transposed
        read.append((images.swapaxes(1, 2) if cls == "EMNIST" else images, np.array(labels)))
    names = [name if isinstance(name, str) else name[0] for name in getattr(dataset, "classes", ())]
    first = min(classes.min() for _, classes in read)  # EMNIST's letters are 1 to 26, and its name of 0 is N/A
    return joined([(images, classes - first) for images, classes in read], names[first:])


def parameters(kind: type) -> set[str]:
    """What a class takes, with what it passes on to those it is derived from."""
    names: set[str] = set()
    for base in kind.__mro__:
        taken = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        names |= {parameter.name for parameter in taken}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken):
            break
    return names


def read_folder(folder: Path, side: int | None) -> Arrays:
    """A folder of pictures for each class, named for it; classes in the order of their names, numbers by their value.

    The folders lie in `folder`/train and `folder`/test, or in `folder` itself, and then `joined` says which are
    test images. 16-bit pictures are scaled by how many bits all of them together fill. Raises DataError for a picture
    that cannot be read and for a folder without any.
    """
    parts = [folder / "train", folder / "test"]
    if not all(part.is_dir() for part in parts):
        parts = [folder]
    names = sorted(part.name for part in parts[0].iterdir() if part.is_dir() and not part.name.startswith("."))
    if all(re.fullmatch(r"[+-]?\d+(\.\d+)?", name) for name in names):
        names.sort(key=float)
    if not names:
        raise DataError(f"{parts[0]} holds no folders: one for each class, with its pictures, is wanted")
    pictures: list[tuple[list[Path], list[int]]] = []
    for part in parts:
        files, labels = [], []
        for label, name in enumerate(names):
            inside = sorted(file for file in (part / name).glob("*") if not file.name.startswith("."))
            if not inside:
                raise DataError(
                    f"{part / name} holds no picture: every class needs {'one' if parts[1:] else TEST_SHARE}"
                )
            files += inside
            labels += [label] * len(inside)
        there = {entry.name for entry in part.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
        if strange := there - set(names):
            raise DataError(f"{part / min(strange)} is no class of {parts[0]}: {', '.join(names)}")
        pictures.append((files, labels))
    read = []
    try:
        surveys = [survey(file) for files, _ in pictures for file in files]
        gray = all(picture.gray for picture in surveys)
        highest = [picture.highest for picture in surveys if picture.highest is not None]
        bits = depth(max(highest, default=0))
        for files, labels in pictures:
            images = stacked(str(folder), (read_pixels(file, gray, bits) for file in files), side)
            read.append((images, np.array(labels)))
    except ImageError as error:
        raise DataError(str(error)) from None
    remarks = [depth_remark(bits)] if bits < 16 else []
    if dark := [value for value in highest if value < 4096 and bits == 16]:
        remarks.append(f"{len(dark)} of {len(highest)} pictures with 16 bits are dark: no value above {max(dark)}")
    return {**joined(read, names), "remarks": np.array(remarks, dtype=str)}


def joined(parts: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str] = ()) -> Arrays:
    """Images and labels to train on and to test on; where there are only the former, every class's last third is test.

    By place and not by chance: neighbours are often of one hand, and the same images are test images in every run.
    """
    if len(parts) == 1:
        [(images, labels)] = parts
        test = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            test[rows[len(rows) - len(rows) // TEST_SHARE :]] = True
        parts = [(images[~test], labels[~test]), (images[test], labels[test])]
    arrays = dict(zip(ARRAYS, (*parts[0], *parts[1]), strict=True))
    return arrays | ({"names": np.array(names)} if names else {})


def stacked(name: str, pictures: Iterable[np.ndarray], side: int | None) -> np.ndarray:
    """Pictures (H, W) or (H, W, 3) as one array, each resized if there is a side. Raises DataError if they differ."""
    if side:
        return np.concatenate([resize(picture[None], side) for picture in pictures])
    arrays = list(pictures)
    if len({array.shape for array in arrays}) > 1:
        raise DataError(f"{name} has pictures of different sizes: data.side=N says to what size they are resized")
    return np.stack(arrays)
