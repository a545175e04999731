"""Names in a syntax tree: dotted ones, which function encloses what, and what a node binds."""

import ast
import re
from collections.abc import Iterable, Iterator

from ablations.code.source.region import Region

Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module | ast.Lambda


def dotted(node: ast.AST | None) -> str | None:
    """Return `self.norm.weight` for such a node; None for what is no name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            front = dotted(value)
            return None if front is None else f"{front}.{attribute}"
    return None


def callee(call: ast.Call) -> str:
    """Return the last part of the name that is called: `Conv2d` for `nn.Conv2d(…)`; `?` for what has none."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return "?"


def bound_by(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the dotted names that nodes bind: by assignment, definition, import, loop or parameter."""
    for root in nodes:
        for node in ast.walk(root):
            match node:
                case ast.Name(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                    if name := dotted(node):
                        yield name
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    yield name
                case ast.arg(arg=name):
                    yield name
                case ast.alias(name=name, asname=other):
                    yield (other or name).partition(".")[0]
                case ast.ExceptHandler(name=str() as name):
                    yield name


def parents(tree: ast.AST) -> dict[int, ast.AST]:
    """Return the parent of each node, by the node's id."""
    return {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def scopes_of(tree: ast.AST, node: ast.AST, above: dict[int, ast.AST] | None = None) -> list[ast.AST]:
    """Return the functions and classes around a node, the innermost first; the node itself counts if it is one."""
    above = parents(tree) if above is None else above
    found: list[ast.AST] = []
    current = node
    while True:
        if isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(current)
        if id(current) not in above:
            return found
        current = above[id(current)]


def enclosing(tree: ast.AST, node: ast.AST) -> list[str]:
    """Return the names of the functions and classes around a node, from the outside in."""
    return [str(getattr(scope, "name", "")) for scope in reversed(scopes_of(tree, node))]


def label_of(region: Region) -> str:
    """Return a short name for what a region holds: the name that it binds, or calls, or its text."""
    nodes = region.nodes
    if name := next((name for name in _targets(nodes[0])), None):
        return name.removeprefix("self.")
    for node in ast.walk(nodes[0]):
        match node:
            case ast.Constant(value=str(text)) if label := re.sub(r"\W+", "_", text).strip("_"):
                return label[:40]
            case ast.Call():
                return callee(node)
            case ast.Name(id=name):
                return name
    return type(nodes[0]).__name__.lower()


def _targets(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Assign(targets=[first, *_]):
            yield from bound_by([first])
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            yield from bound_by([target])
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.keyword(arg=str(name)):
            yield name
