"""Whose code may create a run's model and data: a factory that the user named, never one that only a ledger names."""

from collections.abc import Collection
from pathlib import Path

from pruning.factories import TRUST_OPTION, check_factory, is_factory
from search.setup.memory import Named, is_remembered, remember
from tracking.runs import RunDir


def remember_factory(run: Path, name: str) -> None:
    """Remember that the user named this model or dataset for the run. A name in a registry needs no memory.

    Args:
        run: The run folder.
        name: The name of the model, or of the dataset.
    """
    if is_factory(name):
        remember(run, Named.FACTORY, name)


def check_run_factory(
    folder: RunDir,
    name: str,
    trusted: Collection[str] = (),
    *,
    option: str = TRUST_OPTION,
    what: str = "its model",
) -> None:
    """Refuse the factory that a run's ledger names, unless the user named the same one, now or for this run before.

    Args:
        folder: The run.
        name: The name of the model, or of the dataset, in its ledger.
        trusted: The factories that the user names now.
        option: The option by which the user can name the factory.
        what: The factory makes, for the message.

    Raises:
        UntrustedFactoryError: The user did not name the factory.
    """
    if not is_remembered(folder.path, Named.FACTORY, name):
        check_factory(name, trusted, str(folder.ledger), option=option, what=what)
