"""What code does, as a count of operations: what may be left of a component, and what does nothing by itself."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator

from ablations.code.source.names import callee, dotted

PASSING = frozenset(
    {
        *("Identity", "Sequential", "ModuleList", "zeros", "zeros_like", "ones", "ones_like", "new_zeros"),
        *("clone", "contiguous", "size", "range", "len", "tuple", "list"),
    }
)
"""Calls that learn nothing and decide nothing: they hand on as it is, or give zeros or ones.

`Sequential` and `ModuleList` only hold what is given to them, which is judged by itself.
"""
SHAPING = frozenset(
    {
        *(
            "view",
            "reshape",
            "flatten",
            "Flatten",
            "permute",
            "transpose",
            "squeeze",
            "unsqueeze",
            "expand",
            "expand_as",
        ),
        *("pad", "float", "type_as"),
    }
)
"""Calls that only move values or give them a type. They may stay where the component had them; a new one would change
what follows."""
MAKING = frozenset({"super", "__init__"})
"""Calls that make an object. They may stay as they were; any other one would make it anew."""


def operations(nodes: Iterable[ast.AST]) -> Counter[str]:
    """Count what code does: its calls by name and its operators, or, if it has neither, its constants and names.

    Calls that only hand on are left out, unless there is nothing else.
    """
    roots = list(nodes)
    whole = Counter(_operations(roots))
    telling = Counter(
        {key: count for key, count in whole.items() if key.removeprefix("call ") not in PASSING | SHAPING | MAKING}
    )
    return telling or whole or Counter(_values(roots))


def every_operation(nodes: Iterable[ast.AST]) -> Counter[str]:
    """Count all calls, operators, constants and names."""
    roots = list(nodes)
    return Counter([*_operations(roots), *_values(roots)])


def _operations(roots: Iterable[ast.AST]) -> list[str]:
    found = []
    for node in (inner for root in roots for inner in ast.walk(root)):
        match node:
            case ast.Call():
                found.append(f"call {callee(node)}")
            case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.UnaryOp(op=op):
                if not isinstance(node, ast.UnaryOp) or not isinstance(node.operand, ast.Constant):
                    found.append(f"operator {type(op).__name__}")
            case ast.Compare(ops=ops):
                found += [f"operator {type(op).__name__}" for op in ops]
    return found


_FILLED = frozenset({"zeros", "zeros_like", "ones", "ones_like", "new_zeros"})
"""Of what is given to these, nothing but the shape is left."""


def _handed_on(root: ast.AST) -> Iterator[ast.AST]:
    """The nodes whose values may go on."""
    yield root
    for child in ast.iter_child_nodes(root):
        if not (isinstance(child, ast.Call) and callee(child) in _FILLED):
            yield from _handed_on(child)


def _values(roots: Iterable[ast.AST]) -> list[str]:
    found = []
    for node in (inner for root in roots for inner in _handed_on(root)):
        match node:
            case ast.Constant(value=value):
                found.append(f"value {value!r}")
            case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
                if name := dotted(node):
                    found.append(f"name {name}")
    return found
