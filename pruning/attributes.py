"""Find the layers' attributes that state widths (`out_channels`, `num_heads`) and must follow a cut.

For standard layers the attribute is known. Elsewhere a forward pass writes a length into a reshape or a split. An
attribute of that layer with the same value, alone or in a tuple, may be its source, or may merely equal it (eight heads
and a temperature of eight): such attributes are *guesses*, and `pruning.settling` tries each on a sliced model.

A length that was read from a tensor needs no attribute if it is that tensor's own. If it is another tensor's
(`x.reshape(B, N, C)` with the C of the layer's input), the two axes must stay equally long, and `tie` unites them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from pruning.axes import Axis
from pruning.grouping import OwnerTable
from pruning.plan import AttributeCut
from pruning.trace import Statement, Trace

# An attribute's name, and the position in it if it is a tuple or a list.
_Place = tuple[str, int | None]


def state_weight_sizes(trace: Trace, model: nn.Module) -> None:
    """Record which attributes of torch's own layers state the sizes of their weights.

    This covers layers that never run because another layer reads their weights (an attention's output projection, a
    classifier whose weights are normalised first).
    """
    for layer, module in model.named_modules():
        prefix = f"{layer}." if layer else ""
        dims = trace.parameters.get(f"{prefix}weight") or trace.parameters.get(f"{prefix}running_mean")
        if dims is None:
            continue
        if isinstance(module, nn.Linear):
            trace.statements.append(Statement(layer, "out_features", dims[:1]))
            trace.statements.append(Statement(layer, "in_features", dims[1:]))
        elif isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
            trace.statements.append(Statement(layer, "normalized_shape", dims))
        elif isinstance(module, _NormBase):
            trace.statements.append(Statement(layer, "num_features", dims))
        elif isinstance(module, nn.GroupNorm):
            trace.statements.append(Statement(layer, "num_channels", dims))
        elif isinstance(module, _ConvNd) and module.groups == 1:
            outer, inner = ("in_channels", "out_channels") if module.transposed else ("out_channels", "in_channels")
            trace.statements.append(Statement(layer, outer, dims[:1]))
            trace.statements.append(Statement(layer, inner, dims[1:2]))


def state_widths_of_transformers(trace: Trace, model: nn.Module) -> None:
    """Record that torch's whole transformers state the length of their tokens, which they compare with their inputs."""
    for layer, module in model.named_modules():
        inner = trace.parameters.get(f"{layer}.encoder.layers.0.linear1.weight".removeprefix("."))
        if isinstance(module, nn.Transformer) and inner is not None:
            trace.statements.append(Statement(layer, "d_model", inner[1:]))


def settle_shared(trace: Trace, model: nn.Module) -> None:
    """Unite the axes whose lengths one attribute states.

    They must stay equally long, so they become one axis. If both are factors of one parameter's dimension (as many
    heads as dims), it is unknown which of them the attribute states, and both are fixed.
    """
    stated: dict[tuple[str, _Place], dict[tuple[object, ...], Axis]] = defaultdict(dict)
    for statement in _open_statements(trace):
        for place, axis in _places(model, trace, statement) if statement.ties else ():
            stated[statement.layer, place][trace.axes.identity(axis)] = axis
    for first, *others in (list(axes.values()) for axes in stated.values()):
        for other in others:
            if trace.axes.identity(first) == trace.axes.identity(other):
                continue  # another attribute of the layer has united them
            if _are_factors_of_one(trace, first, other):
                trace.axes.at = ("", "attribute")
                trace.axes.fix(first, "one number states two of its lengths")
                trace.axes.fix(other, "one number states two of its lengths")
            else:
                trace.axes.unite(first, other)


def _are_factors_of_one(trace: Trace, a: Axis, b: Axis) -> bool:
    """Whether some index of a parameter's dimension is one of both: a head's dim, and not a query's next to a key's."""

    def free(leaves: Iterable[Axis]) -> set[Axis]:
        return {leaf for leaf in leaves if not trace.axes.is_fixed(leaf)}

    ours, theirs = free(trace.axes.leaves(a)), free(trace.axes.leaves(b))
    everywhere = (free(term) for dims in trace.parameters.values() for axis in dims for term in trace.axes.terms(axis))
    return any(leaves & ours and leaves & theirs for leaves in everywhere)


@dataclass(frozen=True, slots=True)
class Guess:
    """An attribute that equals a length which its layer wrote as a number.

    Attributes:
        cut: the attribute, and the owner map that it would follow.
        kind: the layer's type, the attribute and the position. All layers of a type run the same code, so one decision
            holds for all guesses of a kind.
    """

    cut: AttributeCut
    kind: tuple[type, str, int | None]


def attribute_cuts(
    trace: Trace, model: nn.Module, table: OwnerTable
) -> tuple[tuple[AttributeCut, ...], tuple[Guess, ...]]:
    """The attributes that must follow a cut, and the guesses, which may have to."""
    named: dict[tuple[str, _Place], AttributeCut] = {}
    guessed: dict[tuple[str, _Place], Guess] = {}
    for statement in _open_statements(trace):
        for place, axis in _places(model, trace, statement):
            cut = AttributeCut(statement.layer, *place, table.place(axis))
            if statement.attribute is not None:
                named[statement.layer, place] = cut
            else:
                kind = (type(model.get_submodule(statement.layer)), *place)
                if statement.ties or (statement.layer, place) not in guessed:
                    guessed[statement.layer, place] = Guess(cut, kind)
    return tuple(named.values()), tuple(guess for key, guess in guessed.items() if key not in named)


def tie(trace: Trace, layer: str) -> bool:
    """Unite each length that `layer` wrote as a number with the equally long axes of its inputs.

    Returns:
        Whether there was such a pair that was not united before.
    """
    tied = False
    for statement in _open_statements(trace):
        if statement.layer != layer or statement.attribute is not None or not statement.ties:
            continue
        written = statement.axes[0]
        equal = [axis for axis in trace.inputs.get(layer, ()) if trace.axes.size(axis) == trace.axes.size(written)]
        # As many tokens as channels: what cannot be cut is tied only where there is nothing else to tie.
        for axis in [axis for axis in equal if not trace.axes.is_fixed(axis)] or equal:
            if trace.axes.identity(axis) != trace.axes.identity(written):
                trace.axes.unite(axis, written)
                tied = True
    return tied


def _open_statements(trace: Trace) -> list[Statement]:
    return [s for s in trace.statements if not all(trace.axes.is_fixed(axis) for axis in s.axes)]


def _places(model: nn.Module, trace: Trace, statement: Statement) -> Iterator[tuple[_Place, Axis]]:
    """The places in the layer's attributes that hold a statement's lengths, each with its axis."""
    numbers = vars(model.get_submodule(statement.layer))
    if statement.attribute is None:
        axis = statement.axes[0]
        for name, value in numbers.items():
            if name[0] != "_":
                yield from ((place, axis) for place in _equal_places(name, value, trace.axes.size(axis)))
        return
    value = numbers.get(statement.attribute)
    if isinstance(value, int):
        yield (statement.attribute, None), statement.axes[0]
    elif isinstance(value, (tuple, list)):
        for position, axis in enumerate(statement.axes):
            yield (statement.attribute, position), axis


def _equal_places(name: str, value: object, size: int) -> Iterator[_Place]:
    if type(value) is int and value == size:
        yield name, None
    elif isinstance(value, (tuple, list)) and all(type(number) is int for number in value):
        yield from ((name, position) for position, number in enumerate(value) if number == size)
