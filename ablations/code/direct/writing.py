"""Patches that no model writes: what stands in a component's place by rule, the plainest first; the gates choose."""

import ast
from collections.abc import Iterator, Sequence
from itertools import product

from ablations.code.source.annotations import Component
from ablations.code.source.documents import Documents
from ablations.code.source.errors import PatchError
from ablations.code.source.names import dotted
from ablations.code.source.patches import Edit, Patch

_MOST = 6
"""Candidates for one component."""
_BODIES = frozenset({"body", "orelse", "finalbody"})


def candidates(documents: Documents, component: Component, *, zero: bool = False) -> tuple[Patch, ...]:
    """Return patches that may take a component away, the plainest first.

    A layer becomes the identity, or with `zero` a function that returns zeros; an element of a list goes away; a
    statement that computes a name from its own former value goes away; of any other one the first value that it reads
    is handed on.

    Raises:
        PatchError: The component shares its lines with other code in a way that no rule covers.
    """
    text, tree = documents.texts[component.file], documents.tree(component.file)
    region = component.region(tree)
    if region.field in _BODIES:
        written = _statements(text, tree, component, zero=zero)
    else:
        written = _elements(text, tree, component, zero=zero)
    return tuple(_patch(component, text, *each) for each in written)[:_MOST]


def _patch(component: Component, text: str, first: int, last: int, new: str, why: str) -> Patch:
    old = "\n".join(text.split("\n")[first - 1 : last])
    edit = Edit(file=component.file, first_line=first, last_line=last, old=old, new=new)
    return Patch(component=component.name, edits=(edit,), rationale=why)


Written = tuple[int, int, str, str]
"""First and last line, what stands there, and why."""


def _statements(text: str, tree: ast.Module, component: Component, *, zero: bool) -> Iterator[Written]:
    region = component.region(tree)
    nodes = [node for node in region.nodes if isinstance(node, ast.stmt)]
    body = getattr(region.parent, region.field)
    first, last = nodes[0].lineno, max(node.end_lineno or node.lineno for node in nodes)
    _check_whole(text, nodes, component)
    indent = " " * nodes[0].col_offset
    for forms in product(*(_forms(node, tree, zero=zero) for node in nodes)):
        kept = [form for form in forms if form] or ([] if len(body) > len(nodes) else ["pass"])
        what = "; ".join(kept) or "nothing"
        yield first, last, "\n".join(indent + form for form in kept), f"By rule: {what} in its place."


def _forms(node: ast.stmt, tree: ast.Module, *, zero: bool) -> list[str]:
    """What may stand in place of a statement; an empty text for nothing."""
    match node:
        case ast.Assign(targets=[ast.Attribute() as target], value=ast.Call()) if (dotted(target) or "").count(
            "."
        ) == 1:
            return [f"{dotted(target)} = {_nothing(tree, zero=zero)}"]
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in _read(value):
            return [*(f"{name} = {each}" for each in _read(value)), f"{name} = 0", ""]
        case ast.Return(value=ast.expr() as value):
            return [*(f"return {each}" for each in _read(value)), ""]
    return [""]


def _read(value: ast.expr) -> list[str]:
    """The names that a value reads, without those that it calls, in their order."""
    called = {id(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
    fronts = {id(inner) for node in ast.walk(value) if id(node) in called for inner in ast.walk(node)}
    return list(dict.fromkeys(n.id for n in ast.walk(value) if isinstance(n, ast.Name) and id(n) not in fronts))


def _nothing(tree: ast.Module, *, zero: bool) -> str:
    """What does nothing, in the words of the script's imports."""
    names = {
        alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    from_torch = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "torch"]
    names |= {alias.asname or alias.name for node in from_torch for alias in node.names}
    if zero:
        return "torch.zeros_like" if "torch" in names else "lambda x: 0 * x"
    return "nn.Identity()" if "nn" in names else "torch.nn.Identity()" if "torch" in names else "lambda x: x"


def _check_whole(text: str, nodes: Sequence[ast.stmt], component: Component) -> None:
    """Refuse statements that share a line with others."""
    lines = text.split("\n")
    for node in nodes:
        before = lines[node.lineno - 1].encode()[: node.col_offset].decode()
        after = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :].decode().strip()
        if before.strip() or (after and not after.startswith("#")):
            raise PatchError(f"{component.file}:{node.lineno}: several statements share a line; give each its own")


def _elements(text: str, tree: ast.Module, component: Component, *, zero: bool) -> Iterator[Written]:
    region = component.region(tree)
    nodes = [node for node in region.nodes if isinstance(node, ast.expr | ast.keyword)]
    first, last = nodes[0].lineno, max(node.end_lineno or node.lineno for node in nodes)
    if all(isinstance(node, ast.Call) for node in nodes) and not isinstance(region.parent, ast.Dict):
        stands = ", ".join(_nothing(tree, zero=zero) for _ in nodes)
        yield first, last, _spliced(text, nodes, stands, to_next=False), f"By rule: {stands} in its place."
        return
    yield first, last, _spliced(text, nodes, "", to_next=True), "By rule: nothing in its place."


def _spliced(text: str, nodes: Sequence[ast.expr | ast.keyword], new: str, *, to_next: bool) -> str:
    """The lines of some neighbouring elements with another text in their place, or without them and their comma."""
    lines = [line.encode() for line in text.split("\n")]
    first, last = nodes[0].lineno, max(node.end_lineno or node.lineno for node in nodes)
    begin = min((node.lineno, node.col_offset) for node in nodes)[1]
    end = max((node.end_lineno or 0, node.end_col_offset or 0) for node in nodes)[1]
    before, after = lines[first - 1][:begin].decode(), lines[last - 1][end:].decode()
    if to_next:
        after = after.lstrip().removeprefix(",").lstrip(" ")
        if not before.strip() and (not after or after.startswith("#")):
            return ""
        if after[:1] in "])}":
            before = before.rstrip().removesuffix(",") + (" " if not before.strip() else "")
    return f"{before}{new}{after}"
