"""The cache folder, checked before a base is trained that could not be kept, and rid of old drafts."""

import tempfile

from ground.cache import cache_folder
from ground.leftovers import sweep_drafts
from search.errors import ConfigError


def check_cache() -> None:
    """Check that the cache folder can be written, and remove the drafts of processes that were killed.

    Raises:
        ConfigError: it cannot.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            sweep_drafts(folder)
    except OSError as error:
        raise ConfigError(
            f"The cache folder {str(folder)!r} cannot be written ({error.strerror}): it keeps trained bases and "
            "scores. Name another one in the environment variable ESPALIER_CACHE_DIR."
        ) from None
