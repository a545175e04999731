"""Command-line options made from a configuration model, so that each field is described once, in its model."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Command = Callable[..., None]


def options_of(model: type[BaseModel], *names: str) -> Callable[[Command], Command]:
    """Give a command one option per field of a model, beside the parameters that it declares itself.

    The command receives them as further keyword arguments. None means that an option was not on the command line.

    Args:
        model: the configuration model. Its fields have a description and a help panel.
        names: the fields to take; none takes all.
    """

    def decorate(command: Command) -> Command:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        made = [_parameter(name, model.model_fields[name]) for name in _by_panel(model, names or model.model_fields)]
        parameters = [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *made]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


_LATER = ("Fine-tune", "Trials", "Base that is trained here", "Record")
"""Panels that come after the others, in this order: most of their options are left to the recipes."""


def _by_panel(model: type[BaseModel], names: Iterable[str]) -> list[str]:
    """The names in the order of their panels, which the help follows."""

    def place(name: str) -> int:
        extra = model.model_fields[name].json_schema_extra
        panel = extra.get("panel") if isinstance(extra, dict) else None
        return _LATER.index(str(panel)) if panel in _LATER else -1

    return sorted(names, key=place)


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """An option for a field. All but switches are text: the model parses them, and its errors quote the text."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict), f"{name} has no help panel"
    flag = str(extra.get("flag") or f"--{name.replace('_', '-')}")
    plain = _plain(field.annotation)
    switch = plain is bool
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if switch else flag,
        help=f"{field.description}{_describe_default(field.default, extra.get('shown'))}",
        metavar=None if switch else _METAVARS.get(plain, "TEXT"),
        rich_help_panel=str(extra["panel"]),
        show_default=False,
    )
    annotation: Any = Annotated[bool | None, option] if switch else Annotated[str | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


_METAVARS: Mapping[Any, str] = {int: "INT", float: "NUMBER", Path: "PATH"}


def _plain(annotation: Any) -> Any:
    """The annotation without `| None`, and without limits."""
    if get_origin(annotation) in (Union, UnionType):
        return _plain(next(arm for arm in get_args(annotation) if arm is not NoneType))
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _describe_default(default: object, shown: object) -> str:
    if shown is not None:
        return f" [{shown}]"
    if default is None or isinstance(default, bool):
        return ""
    if isinstance(default, tuple):
        return f" [{','.join(map(str, default))}]"
    return f" [{default}]"
