"""A verb whose --help has each switch in one column, so that no name is cut on a terminal of 80 columns."""

from copy import copy
from typing import Any

from typer.core import TyperCommand


class VerbCommand(TyperCommand):
    """A verb. Its --help says `--[no-]mlflow` where Typer has a column for `--mlflow` and one for `--no-mlflow`."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help of a copy whose switches have that one name; what is parsed stays as it is."""
        shown = copy(self)
        shown.params = [_in_one_column(parameter) for parameter in self.params]
        TyperCommand.format_help(shown, ctx, formatter)


def _in_one_column(parameter: Any) -> Any:
    if not parameter.secondary_opts:
        return parameter
    shown = copy(parameter)
    shown.opts = [f"--[no-]{name.removeprefix('--')}" for name in parameter.opts]
    shown.secondary_opts = []
    return shown
