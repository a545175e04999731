"""Whose code may be called to create a model: a factory that the user named, never one that only a data file names."""

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ground.names import near_misses
from ground.rooms import taken
from pruning.errors import ModelCreationError, UnknownModelError, UntrustedFactoryError, describe_exception

TRUST_OPTION = "--trust-factory"
"""The option by which a user names a factory that a file needs."""
IN_MEMORY = "in memory: "
"""Begins the name of a module that has no other: only its owner can create it."""
_HUBS = ("hf-hub", "hf_hub", "local-dir")


def is_factory(name: str) -> bool:
    """Whether a model's name has the form `module:factory`, so that creating the model imports and calls code."""
    prefix = name.rpartition(":")[0]
    return bool(prefix) and prefix != "torchvision" and not is_hub(name) and not name.startswith(IN_MEMORY)


def is_hub(name: str) -> bool:
    """Whether a model's name is one of timm's for a hub or a folder: its architecture is described there."""
    return name.partition(":")[0] in _HUBS


def check_factory(
    name: str, trusted: Collection[str], where: str, *, option: str = TRUST_OPTION, what: str = "its model"
) -> None:
    """Refuse a factory, or a hub, that a data file names, unless the user named the same one.

    It is called where a name is read from a file, before anything is imported or fetched. A name in a registry is no
    code of the file's choice and always passes.

    Args:
        name: the name that the file holds.
        trusted: the factories that the user named, on the command line or in a configuration file.
        where: the file, for the message.
        option: the option by which the user can name the factory.
        what: the factory makes, for the message.

    Raises:
        UntrustedFactoryError: the name is a factory's or a hub's and is not among `trusted`.
    """
    if (is_factory(name) or is_hub(name)) and name not in trusted:
        raise UntrustedFactoryError(name, where, option, what=what)


def find_factory(name: str) -> Callable[..., Any]:
    """Import the factory that the user named as `module:factory`.

    Raises:
        UnknownModelError: there is no such module, or its name is one of ours.
        ModelCreationError: the module cannot be imported, or has no such factory.
    """
    path, _, function = name.partition(":")
    if reason := taken(path):
        raise UnknownModelError(name, reason=reason)
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name is not None and (path == error.name or path.startswith(f"{error.name}.")):
            raise UnknownModelError(name, reason=f"there is no module {error.name!r}") from error
        raise ModelCreationError(name, f"importing {path} failed: {describe_exception(error)}") from error
    except Exception as error:
        raise ModelCreationError(name, f"importing {path} failed: {describe_exception(error)}") from error
    factory = getattr(module, function, None)
    if not callable(factory):
        near = near_misses(function, [known for known in vars(module) if callable(getattr(module, known))])
        raise UnknownModelError(name, near, f"the module {path} has no function {function!r}")
    made: Callable[..., Any] = factory
    return made


def own_classes(name: str, num_classes: int | None) -> int:
    """The number of classes that a factory builds: the given one, its default, or 0 if nothing states it.

    Raises:
        ModelCreationError: a number was given, and the factory takes none.
    """
    takes = parameters_of(find_factory(name))
    if takes is None or "num_classes" in takes:
        default = None if takes is None else takes["num_classes"].default
        given = default if num_classes is None else num_classes
        return given if isinstance(given, int) else 0
    if num_classes is not None:
        raise ModelCreationError(
            name, f"it takes no 'num_classes' argument: it builds its own number of classes, not {num_classes:,}"
        )
    return 0


def parameters_of(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    """What a factory takes by name; None if it takes anything."""
    takes = inspect.signature(factory).parameters
    return None if any(p.kind is p.VAR_KEYWORD for p in takes.values()) and "num_classes" not in takes else takes
