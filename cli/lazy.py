"""Commands that are listed without being imported."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from cli.errors import AGAIN, Interrupted
from cli.help_page import VerbCommand
from search.setup.paths import expand_path


class Verb(NamedTuple):
    """One line in the table of a group.

    Attributes:
        name: what the user types.
        module: dotted name of the module that has the verb's `command`: a function with Typer's annotations, or a
            group of further verbs.
        summary: what the group's --help says of it.
    """

    name: str
    module: str
    summary: str


class LazyCommand(TyperCommand):
    """Stands for a verb in its group, and imports it when it is run or asked for its --help."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb.name, short_help=verb.summary)
        self._verb = verb

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """The context of the verb itself, which runs it in place of this command."""
        with _interrupts_told():
            return load_command(self._verb).make_context(*args, **kwargs)


def group_of(verbs: Sequence[Verb], *, text: str, no_args_is_help: bool = False) -> TyperGroup:
    """Make a group of verbs, none of which is imported yet.

    Args:
        verbs: in the order of the group's --help.
        text: what the group's --help says of the group.
        no_args_is_help: whether the group without a verb shows its --help.
    """
    commands = [LazyCommand(verb) for verb in verbs]
    return TyperGroup(commands=commands, help=text, no_args_is_help=no_args_is_help, rich_markup_mode="rich")


def load_command(verb: Verb) -> Any:
    """Import a verb's module and make its `command` ready to be run."""
    command: Callable[..., None] | TyperGroup = import_module(verb.module).command
    if isinstance(command, TyperGroup):
        return command
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.command(verb.name, cls=VerbCommand)(_with_paths_expanded(command))
    return typer.main.get_command(app)


def _with_paths_expanded(command: Callable[..., None]) -> Callable[..., None]:
    """The command, which gets every path with the home for `~` and the value for `${VARIABLE}`."""

    @wraps(command)
    def expanded(**given: Any) -> None:
        paths = {name: expand_path(value) if isinstance(value, Path) else value for name, value in given.items()}
        with _interrupts_told():
            command(**paths)

    return expanded


@contextmanager
def _interrupts_told() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(AGAIN) from None
