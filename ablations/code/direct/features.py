"""Leaving columns out of a table, one at a time."""

from collections.abc import Sequence

import numpy as np

from ablations.code.source.errors import CodeStudyError


def without_feature(table: np.ndarray, names: Sequence[str], feature: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a table without one of its columns, and the names of those that are left.

    Args:
        table: Rows × columns.
        names: Of the columns.
        feature: The one to leave out.

    Raises:
        CodeStudyError: There is no such column, several have its name, it is the only one, or names and columns differ
            in number.
    """
    if table.ndim != 2 or table.shape[1] != len(names):
        raise CodeStudyError(f"{len(names)} names were given for a table of shape {table.shape}.")
    places = [index for index, name in enumerate(names) if name == feature]
    if len(places) != 1:
        raise CodeStudyError(
            f"{len(places)} columns are called {feature!r}, and one has to be; there are: {', '.join(names)}."
        )
    if len(names) == 1:
        raise CodeStudyError(f"{feature!r} is the only column: without it nothing is left.")
    return np.delete(table, places[0], axis=1), tuple(name for name in names if name != feature)
