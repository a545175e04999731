"""Layers of torch models by name, as `named_modules` has them, found in the source that makes them."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablations.code.source.annotations import Component, Kind, name_of
from ablations.code.source.documents import Documents
from ablations.code.source.errors import ComponentError
from ablations.code.source.names import callee, dotted
from ablations.code.source.region import Region, element_region, line_region

_HOLDING = frozenset({"Sequential", "ModuleList"})
_NO_LAYERS = frozenset({"Parameter", "Buffer", "tensor", "randn", "zeros", "ones"})
_BASES = ("Module", "Model")
_SHOWN = 12
_DEEPEST = 8


@dataclass(frozen=True)
class Layer:
    """What makes one layer: a statement `self.norm = …`, or an element of a `Sequential`.

    Attributes:
        file: Path of the script.
        line: Of the code, from 1.
        column: Of an element; None for a statement.
        call: What makes it.
        owner: The class that makes it; empty for a model that is a plain variable.
        own: Its path in the class, or in the variable's scope: `norm`, or `net.0` for an element.
    """

    file: str
    line: int
    column: int | None
    call: ast.Call
    owner: str
    own: str

    def region(self, tree: ast.Module) -> Region:
        """Return where it lies in the tree of its script."""
        if self.column is None:
            return line_region(tree, self.line, self.file)
        return element_region(tree, self.line, self.column, self.file)


def layers_named(documents: Documents, names: Sequence[str]) -> tuple[Component, ...]:
    """Return the layers that names mean, each as a component.

    `block.norm` is a path as in `named_modules`, `block.*` all direct children of `block`, `conv*` all that begin so;
    `Block.norm` goes by the class, wherever it is used. A model that is a plain variable stands in front: `model.0`.

    Raises:
        ComponentError: A name means none, or a layer that is made by the same line as another one.
    """
    paths = layers_of(documents)
    chosen = list(dict.fromkeys(path for name in names for path in _meant(name, paths)))
    by_layer: dict[Layer, list[str]] = {}
    for path in chosen:
        by_layer.setdefault(paths[path], []).append(path)
    for layer, some in by_layer.items():
        _check_alone(layer, some, paths)
    return tuple(_component(documents, layer) for layer in by_layer)


def layers_of(documents: Documents) -> Mapping[str, Layer]:
    """Return the layers of all models by path, and by class and name."""
    classes = _classes(documents)
    made = {callee(layer.call) for layers in classes.values() for layer in layers.values()}
    found: dict[str, Layer] = {}
    for name, layers in classes.items():
        if name not in made:
            found.update(_below(layers, "", classes, 0))
    for name, layers in classes.items():
        found.update({f"{name}.{path}": layer for path, layer in layers.items()})
    for file in documents.scripts:
        for node in ast.walk(documents.tree(file)):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call) if callee(call) in _HOLDING:
                    found.update(_held(file, name, call, ""))
    return found


def _meant(name: str, paths: Mapping[str, Layer]) -> list[str]:
    if name.endswith("*"):
        front = name.removesuffix("*")
        meant = [path for path in paths if path.startswith(front) and "." not in path.removeprefix(front)]
        meant = [path for path in meant if not _by_class(path, paths[path])] or meant
    else:
        meant = [name] if name in paths else []
    if not meant:
        some = ", ".join([*paths][:_SHOWN]) + (f" … ({len(paths)} in all)" if len(paths) > _SHOWN else "")
        raise ComponentError(
            f"No layer {name!r} is made in the scripts; there are: {some or 'none'}. A layer is found where a class of "
            "the scripts makes it, by `self.NAME = …` in `__init__` or as an element of a Sequential; one that a "
            "library makes cannot be left out."
        )
    return meant


def _by_class(path: str, layer: Layer) -> bool:
    return path.startswith(f"{layer.owner}.")


def _check_alone(layer: Layer, chosen: Sequence[str], paths: Mapping[str, Layer]) -> None:
    by_class = [path for path, other in paths.items() if other == layer and _by_class(path, layer)]
    if set(chosen) & set(by_class):
        return
    others = [path for path, other in paths.items() if other == layer and path not in (*chosen, *by_class)]
    if others:
        raise ComponentError(
            f"{chosen[0]!r} cannot be left out alone: line {layer.line} of {layer.file} makes {', '.join(others)} too. "
            f"Name all of them by {', '.join(by_class) or ','.join([*chosen, *others])}."
        )


def _component(documents: Documents, layer: Layer) -> Component:
    tree = documents.tree(layer.file)
    region = layer.region(tree)
    first = min(int(getattr(node, "lineno", 1)) for node in region.nodes)
    last = max(int(getattr(node, "end_lineno", 1)) for node in region.nodes)
    source = "\n".join(documents.texts[layer.file].splitlines()[first - 1 : last])
    name = name_of(layer.file, tree, region, layer.own)
    return Component(name, layer.file, first, last, layer.line, Kind.EXPLICIT, source, layer.column)


def _classes(documents: Documents) -> dict[str, dict[str, Layer]]:
    """The layers that each class of a model makes, by name."""
    nodes = [
        (file, node)
        for file in documents.scripts
        for node in ast.walk(documents.tree(file))
        if isinstance(node, ast.ClassDef)
    ]
    models: set[str] = set()
    while True:
        more = {node.name for _, node in nodes if any(_is_model(base, models) for base in node.bases)} - models
        if not more:
            break
        models |= more
    return {node.name: dict(_own(file, node)) for file, node in nodes if node.name in models}


def _is_model(base: ast.expr, models: set[str]) -> bool:
    name = (dotted(base) or "").rpartition(".")[2]
    return name.endswith(_BASES) or name in models


def _own(file: str, owner: ast.ClassDef) -> Iterator[tuple[str, Layer]]:
    makers = [node for node in owner.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    for node in (inner for maker in makers for inner in ast.walk(maker)):
        match node:
            case ast.Assign(targets=[ast.Attribute() as target], value=ast.Call() as call):
                name = dotted(target) or ""
                if name.startswith("self.") and name.count(".") == 1:
                    if callee(call) not in _NO_LAYERS:
                        yield (
                            name.removeprefix("self."),
                            Layer(file, node.lineno, None, call, owner.name, name.removeprefix("self.")),
                        )
                    yield from _held(file, name.removeprefix("self."), call, owner.name)


def _held(file: str, name: str, call: ast.Call, owner: str) -> Iterator[tuple[str, Layer]]:
    """The elements of a `Sequential`, and of those inside it."""
    if callee(call) not in _HOLDING:
        return
    given = call.args[0].elts if len(call.args) == 1 and isinstance(call.args[0], ast.List) else call.args
    for index, element in enumerate(given):
        if isinstance(element, ast.Call):
            yield f"{name}.{index}", Layer(file, element.lineno, element.col_offset, element, owner, f"{name}.{index}")
            yield from _held(file, f"{name}.{index}", element, owner)


def _below(
    layers: Mapping[str, Layer], front: str, classes: Mapping[str, Mapping[str, Layer]], depth: int
) -> Iterator[tuple[str, Layer]]:
    for path, layer in layers.items():
        yield f"{front}{path}", layer
        inner = classes.get(callee(layer.call))
        if inner is not None and depth < _DEEPEST:
            yield from _below(inner, f"{front}{path}.", classes, depth + 1)
