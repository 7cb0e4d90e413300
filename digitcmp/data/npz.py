"""Arrays in .npz files: written completely or not at all, read under the names that other programs give them."""

import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from digitcmp.errors import DataError
from digitcmp.files import atomic_write

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
NAMINGS = (  # of the four arrays, the first that a file holds completely is read
    ARRAYS,  # MedMNIST's too
    ("x_train", "y_train", "x_test", "y_test"),  # Keras
    ("X_train", "y_train", "X_test", "y_test"),  # scikit-learn
)
SIGNATURES = {  # the first bytes of files that are no zip archive
    b"\x93NUMPY": "one array, a .npy",
    b"\x89HDF": "an HDF5 file",
    b"MATLAB": "a MATLAB file",
    b"\x1f\x8b": "a gzip file",
    b"\x80": "a pickle",
    b"\x89PNG": "a picture",
    b"\xff\xd8": "a picture",
}
OTHER = "damaged or another kind of file"
SAVE = f"Save it with numpy.savez(FILE, {', '.join(f'{key}=...' for key in ARRAYS)})."

Arrays = Mapping[str, np.ndarray]  # ARRAYS; `names` where the classes have names; `remarks` where the reader has some


def write(file: Path, arrays: Arrays) -> None:
    """Write the arrays as .npz, completely or not at all. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def load(file: Path, keys: tuple[str, ...] | None = None) -> Arrays:
    """Return these arrays of a .npz, by default all. Raises OSError, and a dozen other errors for a damaged file."""
    status = file.stat()
    return decompressed(file, status.st_mtime_ns, status.st_size, keys)


@cache
def decompressed(file: Path, written: int, size: int, keys: tuple[str, ...] | None) -> Arrays:
    """Return these arrays of a file with this time of writing and this size."""
    with file.open("rb") as stream, np.load(stream) as arrays:  # zip checks the CRC of every array it reads
        return {key: arrays[key] for key in keys or arrays.files}


def read(file: Path) -> Arrays:
    """Return the arrays of a user's .npz under our names, with `names` and `remarks`.

    Raises DataError for a file that is damaged, no .npz, or lacks one of the four arrays, OSError.
    """
    if other := other_kind(file):
        raise DataError(f"{file} is {other}, not a .npz of NumPy arrays. {SAVE}")
    try:
        with file.open("rb") as stream, np.load(stream) as archive:
            there = tuple(archive.files)
    except OSError:
        raise
    except Exception as error:  # a damaged zip raises a dozen different errors
        raise DataError(f"{file} is damaged ({error})") from error
    naming = max(NAMINGS, key=lambda keys: len({*keys} & {*there}))  # the first of equals
    if lacking := [key for key in naming if key not in there]:
        raise DataError(
            f"{file} has no {', '.join(lacking)}: {', '.join(naming)} are wanted. It has {', '.join(there)}."
        )
    renamed = dict(zip(naming, ARRAYS, strict=True)) | ({"names": "names"} if "names" in there else {})
    arrays = {ours: load_one(file, theirs) for theirs, ours in renamed.items()}
    remarks = []
    if left := [key for key in there if key not in renamed]:
        why = f": validation pairs are drawn from {naming[0]}" if any("val" in key.lower() for key in left) else ""
        remarks.append(f"{', '.join(left)} not read{why}")
    return arrays | {"remarks": np.array(remarks, dtype=str)}


def load_one(file: Path, key: str) -> np.ndarray:
    """Return an array of a .npz. Raises DataError for a damaged one and for Python objects."""
    try:
        return load(file, (key,))[key]
    except OSError:
        raise
    except Exception as error:  # a damaged zip raises a dozen different errors
        if "allow_pickle" in str(error):
            raise DataError(
                f"{file}: {key} is an array of Python objects, which are not read because a pickle can run code. "
                "Save images of one size with numpy.stack(images), labels with numpy.array(labels.tolist())."
            ) from None
        raise DataError(f"{file} is damaged ({error})") from error


def other_kind(file: Path) -> str | None:
    """Return what a file is that is no .npz, None for a zip archive of arrays, damaged or not. Raises OSError."""
    with file.open("rb") as stream:
        start = stream.read(4096)
    if not start:
        return "an empty file"
    if start.startswith(b"PK"):
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                if not any(name.endswith(".npy") for name in archive.namelist()):
                    return "a zip archive without arrays"
        return None
    for signature, kind in SIGNATURES.items():
        if start.startswith(signature):
            return kind
    try:
        lines = start.decode("utf-8", "strict" if len(start) < 4096 else "ignore").splitlines()
    except UnicodeDecodeError:
        return OTHER
    if b"\0" in start:
        return OTHER
    return "a CSV file" if any(separator in lines[0] for separator in ",;\t") else "a text file"
