"""Folders that a verb writes into."""

from pathlib import Path

from search.errors import ConfigError


def make_folder(out: Path, option: str = "--out") -> None:
    """Make the folder that an option names, before anything is computed for it.

    Raises:
        ConfigError: it cannot be made, or is a file.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{option} {str(out)!r} cannot be written: {error.strerror}.") from None
