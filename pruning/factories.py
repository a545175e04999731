"""Whose code may be called to create a model: a factory that the user named, never one that only a data file names."""

from collections.abc import Collection

from pruning.errors import UntrustedFactoryError

TRUST_OPTION = "--trust-factory"
"""The option by which a user names a factory that a file needs."""


def is_factory(name: str) -> bool:
    """Whether a model's name has the form `module:factory`, so that creating the model imports and calls code."""
    prefix = name.rpartition(":")[0]
    return bool(prefix) and prefix != "torchvision"


def check_factory(
    name: str, trusted: Collection[str], where: str, *, option: str = TRUST_OPTION, what: str = "its model"
) -> None:
    """Refuse a factory that a data file names, unless the user named the same one.

    It is called where a name is read from a file, before anything is imported. A name in a registry is no code of the
    file's choice and always passes.

    Args:
        name: the name that the file holds.
        trusted: the factories that the user named, on the command line or in a configuration file.
        where: the file, for the message.
        option: the option by which the user can name the factory.
        what: the factory makes, for the message.

    Raises:
        UntrustedFactoryError: the name is a factory's and is not among `trusted`.
    """
    if is_factory(name) and name not in trusted:
        raise UntrustedFactoryError(name, where, option, what=what)
