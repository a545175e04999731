"""The option that names a device."""

from typing import TYPE_CHECKING, Annotated

import typer

from search.errors import ConfigError

if TYPE_CHECKING:
    import torch

DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


def device_of(name: str) -> "torch.device":
    """Return the device of that name; `auto` takes the GPU if there is one.

    Raises:
        ConfigError: there is none of that name here.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("--device cuda: this machine has no GPU that torch can use; cpu would work.")
        return torch.device("cuda")
    raise ConfigError(f"--device {name!r} is not known: auto, cpu or cuda would work.")
