"""Which process is a model's server, where the user says so: `--server-pid 123`, or `large=123,small=456`."""

from collections.abc import Mapping, Sequence

import psutil

from ablations.resources.models.errors import ModelNamesError
from ablations.resources.models.named import NamedModel


def server_pids(given: str | None, models: Sequence[NamedModel]) -> Mapping[str, int]:
    """Read the option.

    Args:
        given: one number for all models, or NAME=NUMBER, several separated by commas; None names no process.
        models: the models of the study.

    Returns:
        The process of each model that has one named, by the model's name.

    Raises:
        ModelNamesError: it names no such model, or no process that runs.
    """
    if given is None:
        return {}
    if "=" not in given:
        pid = _pid(given, given)
        return {model.name: pid for model in models}
    names = [model.name for model in models]
    found = {}
    for part in given.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if name not in names:
            raise ModelNamesError(
                f"--server-pid {given!r} names the model {name!r}, and the models are {', '.join(names)}. It takes one "
                f"number for all models, or NAME=NUMBER, as {names[0]}=1234."
            )
        found[name] = _pid(number, given)
    return found


def _pid(number: str, given: str) -> int:
    pid = int(number) if number.strip().isascii() and number.strip().isdigit() else 0
    if pid == 0 or not psutil.pid_exists(pid):
        raise ModelNamesError(
            f"--server-pid {given!r} has {number!r}, and no process of that number runs here. It takes the number that "
            "`pgrep -f` shows for the server, as 1234; leave it out to have the process found by the server's port."
        )
    return pid
