"""Where else in its file a component's names are used: what may go away with it."""

import ast
from collections.abc import Iterable

from ablations.code.source.names import bound_by, dotted, parents, scopes_of
from ablations.code.source.region import Region


class Uses:
    """The places at which names that only the component binds are read.

    A name that something else binds too, such as the `x` that a forward pass hands from layer to layer, is not the
    component's: nothing may change where it is read. `self.x` is looked for in the same class, a local name in the
    same function, any other one in the file.

    Args:
        tree: Of the file.
        region: Of the component.
    """

    def __init__(self, tree: ast.Module, region: Region) -> None:
        self._tree, self._above = tree, parents(tree)
        self._inside = {id(node) for root in region.nodes for node in ast.walk(root)}
        scopes = scopes_of(tree, region.parent, self._above)
        names = set(bound_by(region.nodes))
        self._found: dict[int, str] = {}
        self._shared: set[str] = set()
        for name in sorted(names):
            self._find(name, scopes)

    @property
    def names(self) -> frozenset[str]:
        """The names that are the component's alone, and are used elsewhere."""
        return frozenset(self._found.values())

    def is_bound_elsewhere(self, name: str) -> bool:
        """Return whether something else in the same scope binds a name, too."""
        return name in self._shared

    def has(self, node: ast.AST) -> bool:
        """Return whether a node reads a name of the component's, or calls it."""
        return id(node) in self._found or (isinstance(node, ast.Call) and id(node.func) in self._found)

    def within(self, node: ast.AST) -> bool:
        """Return whether such a place is anywhere in a node."""
        return any(id(inner) in self._found for inner in ast.walk(node))

    def only_operands(self, name: str, operators: tuple[type[ast.operator], ...]) -> bool:
        """Return whether a name of the component's is used elsewhere, and only as an operand of some operators.

        A product with a number stands for the use itself: `0.1 * penalty` is added where its product is.
        """
        places = self._places(name)
        return bool(places) and all(isinstance(self._operation(node), operators) for node in places)

    def is_computed_with(self, name: str) -> bool:
        """Return whether a name is an operand anywhere, or it is not known where it is used."""
        places = self._places(name)
        operations = (ast.BinOp, ast.AugAssign, ast.Subscript)
        return not places or any(isinstance(self._above[id(node)], operations) for node in places)

    def is_term(self, node: ast.AST) -> bool:
        """Return whether a node is a use, or the product of one with a number."""
        match node:
            case ast.BinOp(left=ast.Constant(), op=ast.Mult(), right=side):
                return self.is_term(side)
            case ast.BinOp(left=side, op=ast.Mult() | ast.Div(), right=ast.Constant()):
                return self.is_term(side)
        return self.has(node)

    def _places(self, name: str) -> list[ast.AST]:
        return [node for node in ast.walk(self._tree) if self._found.get(id(node)) == name]

    def _operation(self, node: ast.AST) -> ast.operator | None:
        """The operator of which a use, or the call of it, or its product with a number, is an operand."""
        above = self._above[id(node)]
        if isinstance(above, ast.Call) and above.func is node:
            node, above = above, self._above[id(above)]
        while isinstance(above, ast.BinOp) and isinstance(above.op, ast.Mult | ast.Div) and self.is_term(above):
            node, above = above, self._above[id(above)]
        return above.op if isinstance(above, ast.BinOp | ast.AugAssign) else None

    def _find(self, name: str, scopes: list[ast.AST]) -> None:
        where = self._scope(name, scopes)
        if name.count(".") > (1 if name.startswith("self.") else 0) or where is None:
            return
        elsewhere = [node for node in ast.walk(where) if id(node) not in self._inside]
        if name in _bound_outside(elsewhere):
            self._shared.add(name)
            return
        for node in elsewhere:
            if isinstance(node, ast.Name | ast.Attribute) and dotted(node) == name and isinstance(node.ctx, ast.Load):
                self._found[id(node)] = name

    def _scope(self, name: str, scopes: list[ast.AST]) -> ast.AST | None:
        if name.startswith("self."):
            return next((scope for scope in scopes if isinstance(scope, ast.ClassDef)), None)
        return scopes[0] if scopes else self._tree


def _bound_outside(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that nodes bind themselves, not by what is in them."""
    found: set[str] = set()
    for node in nodes:
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                found.add(dotted(node) or "")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.arg(arg=name):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add((other or name).partition(".")[0])
            case ast.ExceptHandler(name=str() as name):
                found.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.update(names)
    return found
