"""Which figures a script reports, read from its source before anything runs."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ablations.code.source.documents import Documents
from ablations.code.source.errors import DocumentError
from ablations.code.source.flow import is_report
from ablations.code.study.options import CodeOptions, is_loss
from ablations.floor.figure import Direction, Figure


@dataclass(frozen=True, slots=True)
class ReportedFigure:
    """A figure that a script reports.

    Attributes:
        name: As the script calls it.
        figure: As the study does.
    """

    name: str
    figure: Figure


def reported_figures(options: CodeOptions) -> tuple[ReportedFigure, ...]:
    """Return the figures of whole runs, the one that the questions are about first.

    Raises:
        DocumentError: The scripts report none, or none by a name that stands in the source, or two have one key.
    """
    names = _names(options.documents)
    if options.metric is not None:
        if options.metric not in names:
            raise DocumentError(f"--metric {options.metric} is not reported; the scripts report: {', '.join(names)}.")
        names = [options.metric, *(name for name in names if name != options.metric)]
    unknown = [name for name in options.lower if name not in names]
    if unknown:
        raise DocumentError(f"--lower {', '.join(unknown)}: the scripts report {', '.join(names)}.")
    made = tuple(ReportedFigure(name, _figure(name, options)) for name in names)
    keys = [each.figure.key for each in made]
    for each in made:
        if keys.count(each.figure.key) > 1:
            raise DocumentError(f"Two figures of the scripts would be called {each.figure.key!r}: rename one of them.")
    return made


def _figure(name: str, options: CodeOptions) -> Figure:
    key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or key == "wall_s":
        raise DocumentError(f"The figure {name!r} needs a name that begins with a letter, and is not wall_s.")
    lower = name in options.lower if options.lower else is_loss(name)
    return Figure(key=key, title=name, better=Direction.LOWER if lower else Direction.HIGHER, digits=4)


def _names(documents: Documents) -> list[str]:
    calls = [
        node
        for path in documents.scripts
        for node in ast.walk(documents.tree(path))
        if isinstance(node, ast.Call) and is_report(node)
    ]
    whole = [call for call in calls if not _has_step(call)]
    names = _constants(whole or calls)
    if not names:
        raise DocumentError(
            f"The scripts ({', '.join(documents.scripts)}) report no figure. Tell each by its name, as in "
            '`from espalier_report import report` and `report("accuracy", accuracy)`.'
        )
    return names


def _has_step(call: ast.Call) -> bool:
    return len(call.args) > 2 or any(keyword.arg == "step" for keyword in call.keywords)


def _constants(calls: Sequence[ast.Call]) -> list[str]:
    found: dict[str, None] = {}
    for call in calls:
        given = next((keyword.value for keyword in call.keywords if keyword.arg == "name"), None)
        name = given or (call.args[0] if call.args else None)
        if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
            raise DocumentError(
                f"`{ast.unparse(call)[:80]}` reports a figure whose name does not stand in the source: write it as "
                'text, as in `report("accuracy", accuracy)`.'
            )
        found[name.value] = None
    return list(found)
