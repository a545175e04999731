"""The place of a dataset in a search that scores by a function of the user's own."""

from pathlib import Path
from typing import Never

from search.errors import ConfigError
from trainers.datasets.base import DataInfo, Dataset, InputSize, Splits


class OwnScore(Dataset):
    """No dataset: only the user's function knows what a module is scored on."""

    name = "own score"

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """Refuse: there are no images that anything here could read."""
        _refuse()

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """Refuse: there are no images that anything here could read."""
        _refuse()


def _refuse() -> Never:
    raise ConfigError("A search by a score of one's own has no dataset: only its function knows what it scores on.")


def check_has_data(dataset: str, where: str) -> None:
    """Refuse to go on with a run whose module and score only another process has.

    Args:
        dataset: that the run's ledger names.
        where: the run's folder.

    Raises:
        ConfigError: it was begun by `espalier.search`.
    """
    if dataset == OwnScore.name:
        raise ConfigError(
            f"{where} was begun by espalier.search, with a module in memory and a score of its own: run the same "
            f"program again, with the same call and folder={where!r}, and it goes on."
        )
