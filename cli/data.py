"""Which dataset a verb reads where none is named."""

from pathlib import Path

from cli.console import say_aside


def dataset_name(given: str | None, data_path: Path | None) -> str:
    """The name of the dataset: the one that is given, else a folder of images where there is a folder, else digits."""
    if given is not None:
        return given
    if data_path is None:
        return "digits"
    say_aside(f"dataset: imagefolder, because there is a --data-path ({data_path}); --dataset names another kind")
    return "imagefolder"
