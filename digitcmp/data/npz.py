"""Arrays in .npz files, under the names of this package or of other programs."""

import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from digitcmp.errors import DataError
from digitcmp.files import atomic_write

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
NAMINGS = (  # names of the four arrays, in order of preference
    ARRAYS,  # MedMNIST's too
    ("x_train", "y_train", "x_test", "y_test"),  # Keras
    ("X_train", "y_train", "X_test", "y_test"),  # scikit-learn
)
SIGNATURES = {  # the first bytes of files that are not zip archives
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

Arrays = Mapping[str, np.ndarray]  # ARRAYS, and optionally `names` of the classes and `remarks` of the reader


def write(file: Path, arrays: Arrays) -> None:
    """Write the arrays as .npz, completely or not at all. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def load(file: Path, keys: tuple[str, ...] | None = None) -> Arrays:
    """Return the arrays `keys` of a .npz, by default all.

    Raises:
        OSError: if the file cannot be read.
        Exception: if the file is damaged; NumPy and zipfile raise a dozen different errors.
    """
    status = file.stat()
    return decompressed(file, status.st_mtime_ns, status.st_size, keys)


@cache
def decompressed(file: Path, mtime: int, size: int, keys: tuple[str, ...] | None) -> Arrays:
    """Return the arrays `keys` of a .npz. A file with another modification time or size is read again."""
    with file.open("rb") as stream, np.load(stream) as arrays:  # zipfile checks the CRC of every array
        return {key: arrays[key] for key in keys or arrays.files}


def read(file: Path) -> Arrays:
    """Return the arrays of a user's .npz under the names in ARRAYS, with `names` if it has them, and `remarks`.

    Raises:
        DataError: if the file is damaged, is not a .npz or lacks one of the four arrays.
        OSError: if the file cannot be read.
    """
    if other := other_format(file):
        raise DataError(f"{file} is {other}, not a .npz of NumPy arrays. {SAVE}")
    try:
        with file.open("rb") as stream, np.load(stream) as archive:
            keys = tuple(archive.files)
    except OSError:
        raise
    except Exception as error:  # a damaged zip raises a dozen different errors
        raise DataError(f"{file} is damaged ({error}); expected a .npz of NumPy arrays") from error
    naming = max(NAMINGS, key=lambda names: len({*names} & {*keys}))  # the first of equals
    if missing := [key for key in naming if key not in keys]:
        raise DataError(
            f"{file} has no {', '.join(missing)}; expected {', '.join(naming)}. It contains {', '.join(keys)}."
        )
    renamed = dict(zip(naming, ARRAYS, strict=True)) | ({"names": "names"} if "names" in keys else {})
    arrays = {ours: load_one(file, theirs) for theirs, ours in renamed.items()}
    remarks = []
    if ignored := [key for key in keys if key not in renamed]:
        why = f": validation pairs are drawn from {naming[0]}" if any("val" in key.lower() for key in ignored) else ""
        remarks.append(f"{', '.join(ignored)} not read{why}")
    return arrays | {"remarks": np.array(remarks, dtype=str)}


def load_one(file: Path, key: str) -> np.ndarray:
    """Return an array of a .npz. Raises DataError if it is damaged or contains Python objects."""
    try:
        return load(file, (key,))[key]
    except OSError:
        raise
    except Exception as error:  # a damaged zip raises a dozen different errors
        if "allow_pickle" in str(error):
            raise DataError(
                f"{file}: {key} is an array of Python objects, and a pickle can run code; expected numbers or strings. "
                "Save images of one size with numpy.stack(images), labels with numpy.array(labels.tolist())."
            ) from None
        raise DataError(f"{file} is damaged ({error}); expected a .npz of NumPy arrays") from error


def other_format(file: Path) -> str | None:
    """Return the format of a file that is not a .npz, 'a CSV file'; None for a zip archive of arrays, even damaged.

    Raises:
        OSError: if the file cannot be read.
    """
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
    for signature, name in SIGNATURES.items():
        if start.startswith(signature):
            return name
    try:
        lines = start.decode("utf-8", "strict" if len(start) < 4096 else "ignore").splitlines()
    except UnicodeDecodeError:
        return OTHER
    if b"\0" in start:
        return OTHER
    return "a CSV file" if any(separator in lines[0] for separator in ",;\t") else "a text file"
