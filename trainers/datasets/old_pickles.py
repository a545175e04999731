"""Arrays, lists and texts from pickles of Python 2, without the rest of what a pickle can do.

The standard files of CIFAR are pickles. Nothing that they name is called but what makes an array of numbers.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from trainers.errors import DataPathError

_MOST_BYTES = 2**29
"""The largest standard file has 155 MB."""


def read_pickle(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle, with text as its keys.

    Raises:
        DataPathError: it cannot be read, is too large, names code, or holds something else.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataPathError(f"{str(path)!r} has {path.stat().st_size:,} bytes: it is no standard file")
        content = path.read_bytes()
    except OSError as error:
        raise DataPathError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    try:
        found = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except DataPathError as error:
        raise DataPathError(f"{str(path)!r} {error}") from error
    except Exception as error:  # an unpickler of foreign bytes raises anything
        raise DataPathError(f"{str(path)!r} is no whole pickle ({type(error).__name__}: {error})") from error
    if not isinstance(found, dict):
        raise DataPathError(f"{str(path)!r} holds a {type(found).__name__}, not a dictionary")
    return {text(key): value for key, value in found.items()}


def text(value: object) -> str:
    """Text as Python 2 wrote it."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _array(*_: object) -> np.ndarray[Any, Any]:
    """An empty array, which takes shape and content from what follows in the pickle."""
    return np.ndarray(0, dtype=np.uint8)


def _as_bytes(given: str, encoding: str = "latin1") -> bytes:
    return given.encode(encoding)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _as_bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may call; `numpy.ndarray` is only an argument in the files that there are."""
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise DataPathError(
                f"names {module}.{name}, which no standard file does: nothing of it was called"
            ) from None
