"""How figures come about in a script: the reports, the functions that compute them, and the data that they read."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ablations.code.source.names import bound_by, callee, dotted

REPORT = "report"
_HELD_OUT = re.compile(r"(^|_)(test|val|valid|validation|holdout|held|eval)(_|\d*$)")


@dataclass(frozen=True, slots=True)
class MetricCode:
    """What computes the figures that a script reports.

    Attributes:
        reports: The statements that report.
        bindings: The statements, beside them, that bind what is reported.
        functions: The functions that these call, and all that those reach, by name.
        constants: Statements of the module that bind a name which these functions read.
    """

    reports: tuple[ast.stmt, ...]
    bindings: tuple[ast.stmt, ...]
    functions: dict[str, ast.FunctionDef]
    constants: tuple[ast.stmt, ...]

    @property
    def statements(self) -> tuple[ast.stmt, ...]:
        """All of it."""
        return (*self.reports, *self.bindings, *self.functions.values(), *self.constants)


def is_report(node: ast.AST) -> bool:
    """Return whether a node calls `report`."""
    return isinstance(node, ast.Call) and callee(node) == REPORT


def reported_value(call: ast.Call) -> ast.expr | None:
    """Return the value that a call reports."""
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "value"), None)
    return named or (call.args[1] if len(call.args) > 1 else None)


def metric_code(trees: Sequence[ast.Module]) -> MetricCode:
    """Return what computes the figures of some scripts that belong together.

    A function is found by its name, whichever script defines it. The arguments of a function that is found are not
    followed: which model is measured is no part of how it is measured. Neither is a model's own `forward`.
    """
    known = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    known = {name: node for name, node in known.items() if name not in ("forward", "__call__", "__init__")}
    reports: list[ast.stmt] = []
    bindings: list[ast.stmt] = []
    called: list[str] = []
    for scope in _scopes(trees):
        own = _own_statements(scope)
        for statement in own:
            for call in (node for node in _shallow(statement) if isinstance(node, ast.Call) and is_report(node)):
                reports.append(statement)
                found, names = _slice(reported_value(call), own, known)
                bindings += [binding for binding in found if binding not in bindings]
                called += names
    functions = _closure(called, known)
    read = {node.id for function in functions.values() for node in ast.walk(function) if isinstance(node, ast.Name)}
    constants = [
        statement
        for tree in trees
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and read & set(bound_by([statement]))
    ]
    return MetricCode(tuple(reports), tuple(bindings), functions, tuple(constants))


def held_out_names(trees: Sequence[ast.Module]) -> frozenset[str]:
    """Return the names that hold data which must not train: called so, or derived from one that is."""
    named = {name for tree in trees for name in bound_by([tree]) if "." not in name and _HELD_OUT.search(name)}
    statements = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AnnAssign)]
    while True:
        derived = {name for statement in statements if _only_from(statement, named) for name in bound_by([statement])}
        new = {name for name in derived if "." not in name} - named
        if not new:
            return frozenset(named)
        named |= new


def _only_from(statement: ast.Assign | ast.AnnAssign, named: set[str]) -> bool:
    """Whether a statement hands such data on: `inputs, labels = test_data` or `labels = test_data[1]`."""
    value = statement.value
    while isinstance(value, ast.Subscript | ast.Attribute):
        value = value.value
    return isinstance(value, ast.Name) and value.id in named


def _scopes(trees: Sequence[ast.Module]) -> Iterator[ast.Module | ast.FunctionDef]:
    for tree in trees:
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.FunctionDef))


def _own_statements(scope: ast.Module | ast.FunctionDef) -> list[ast.stmt]:
    """The statements of a scope, also inside blocks, without those of functions in it."""
    found: list[ast.stmt] = []

    def collect(body: Sequence[ast.stmt]) -> None:
        for statement in body:
            found.append(statement)
            if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                for name in ("body", "orelse", "finalbody"):
                    collect(getattr(statement, name, []))

    collect(scope.body)
    return found


def _shallow(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement, without those of the statements in it."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _slice(
    value: ast.expr | None, own: Sequence[ast.stmt], known: dict[str, ast.FunctionDef]
) -> tuple[list[ast.stmt], list[str]]:
    """The statements that bind what is reported, and the functions that they call."""
    bindings: list[ast.stmt] = []
    called: list[str] = []
    waiting = [value] if value is not None else []
    seen: set[str] = set()
    while waiting:
        names, calls = _outer(waiting.pop(), known)
        called += calls
        for name in names - seen:
            seen.add(name)
            for statement in own:
                if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) and name in _bound(statement):
                    bindings.append(statement)
                    if statement.value is not None:
                        waiting.append(statement.value)
    return bindings, called


def _bound(statement: ast.stmt) -> set[str]:
    return set(bound_by([statement]))


def _outer(value: ast.expr, known: dict[str, ast.FunctionDef]) -> tuple[set[str], list[str]]:
    """The names that a value reads, and the known functions that it calls, without what is in those' arguments."""
    names: set[str] = set()
    called: list[str] = []
    waiting: list[ast.AST] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and callee(node) in known:
            called.append(callee(node))
            continue
        if isinstance(node, ast.Name):
            names.add(node.id)
        waiting += list(ast.iter_child_nodes(node))
    return names, called


def _closure(called: Sequence[str], known: dict[str, ast.FunctionDef]) -> dict[str, ast.FunctionDef]:
    reached: dict[str, ast.FunctionDef] = {}
    waiting = list(called)
    while waiting:
        name = waiting.pop()
        if name in known and name not in reached:
            reached[name] = known[name]
            waiting += [callee(node) for node in ast.walk(known[name]) if isinstance(node, ast.Call)]
            waiting += [
                found for node in ast.walk(known[name]) if isinstance(node, ast.Name) and (found := dotted(node))
            ]
    return reached
