"""Other ways to write a command line, brought into ours."""

from collections.abc import Sequence

DEFAULT_VERB = "search"
DEBUG = "--debug"
VERSION = "--version"
PUBLISHED = {"--llm-model": "--llm"}
"""Options of the published system that have another name here."""


def normalise(arguments: Sequence[str]) -> list[str]:
    """Replace `_` in option names by `-` and published names by ours, and fill in the verb where none is given."""
    spelled = [_spell(argument) for argument in arguments]
    first = next((argument for argument in spelled if argument != DEBUG), None)
    if first is None or (first.startswith("-") and first not in ("--help", "-h", VERSION)):
        return [DEFAULT_VERB, *spelled]
    return ["--help" if argument == "-h" else argument for argument in spelled]


def _spell(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    name = name.replace("_", "-")
    return PUBLISHED.get(name, name) + equals + value
