"""Image files as pixels, and what is said of those that are none."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from trainers.datasets.listing import Problem
from trainers.errors import DataPathError

HEADERS = 20_000
"""At most so many headers are read before a run: seconds. Of a larger set they are spread evenly over it."""

TOLERATED_SHARE = 0.01
"""How many of the training images may be left out because they cannot be read."""
_JPEG = b"\xff\xd8\xff"


DEEP = "I;16"
"""How PIL's modes of 16 bits begin."""
_WITHOUT_WHITE = {"I": "32-bit integers", "F": "floating-point numbers"}
"""PIL's modes of pixels of which no format says which number is white."""


def decoded(path: str) -> Image.Image:
    """Decode a file as everybody does, by PIL, in RGB; but what has 16 bits by its upper 8, which PIL makes white.

    Raises:
        ValueError: its pixels cannot be shown in 8 bits.
    """
    with Image.open(path) as image:
        return in_mode(image, "RGB")


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """An image in another mode of 8 bits, `L` or `RGB`.

    Raises:
        ValueError: its pixels cannot be shown in 8 bits.
    """
    check_mode(image)
    if image.mode.startswith(DEEP):
        values = np.asarray(image).astype(np.uint16) >> 8
        return Image.fromarray(values.astype(np.uint8)).convert(mode)
    return image.convert(mode)


def check_mode(image: Image.Image) -> None:
    """Check that it is known what an image's numbers mean.

    Raises:
        ValueError: it is not.
    """
    if image.mode in _WITHOUT_WHITE:
        raise ValueError(
            f"its pixels are {_WITHOUT_WHITE[image.mode]}, and nothing says which one is white: 8 or 16 bits are read"
        )


def decoded_fast(path: str) -> Image.Image | Tensor:
    """Decode a file; a JPEG into a tensor [3, H, W], which spares its copy and lets it be resized faster."""
    content = np.fromfile(path, dtype=np.uint8)
    if content[: len(_JPEG)].tobytes() != _JPEG:
        return decoded(path)
    try:
        return decode_jpeg(torch.from_numpy(content), mode=ImageReadMode.RGB)
    except RuntimeError:
        return decoded(path)  # four inks, for example; what cannot be read at all, PIL refuses in words


def check_headers(paths: Sequence[str]) -> list[Problem]:
    """Read the headers of at most `HEADERS` of these files: what is no image, or too large a one, is told."""
    chosen = torch.linspace(0, len(paths) - 1, min(len(paths), HEADERS)).round().long().tolist()
    return [problem for index in chosen if (problem := _check_header(paths[index])) is not None]


def too_many(unreadable: int, of: int) -> bool:
    """Whether so many of the training images cannot be read that they are refused."""
    return unreadable > TOLERATED_SHARE * of


def refuse(problems: Iterable[Problem], of: int) -> None:
    """Name the first file that cannot be read, and how many more there are.

    Args:
        problems: files that cannot be read.
        of: how many files were looked at.

    Raises:
        DataPathError: there is a problem.
    """
    found = list(problems)
    if found:
        more = f", nor can {len(found) - 1} more of {of:,} files" if len(found) > 1 else ""
        raise DataPathError(
            f"the image {found[0].path!r} cannot be read ({found[0].reason}){more}: replace or remove "
            f"{'them' if more else 'it'}"
        )


def _check_header(path: str) -> Problem | None:
    try:
        with warnings.catch_warnings():
            # Large, but below what PIL refuses as a decompression bomb.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                check_mode(image)
                return None
    except Exception as error:  # noqa: BLE001  decoders of foreign bytes raise anything; it is told with its file
        return Problem(path, reason_of(error))


def reason_of(error: Exception) -> str:
    """Why a picture cannot be read, in a few words."""
    text = " ".join(str(error).split())
    if isinstance(error, UnidentifiedImageError):
        return "it holds no image of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return text or type(error).__name__
