"""Numbers that layers keep about their own widths (`out_channels`, `num_heads`), found when the plan is made.

Standard layers name the attribute. Elsewhere a forward pass writes a length into a reshape or a split; the
attribute of that layer with the same value is where it came from. A length that comes from the tensor itself
(`x.shape[1]`) needs nothing; the plan's proof runs really sliced models, so a number missed here cannot hide.
"""

from collections import defaultdict

from torch import nn

from pruning.axes import Axis
from pruning.blueprint import AttributeCut
from pruning.grouping import OwnerTable
from pruning.trace import Statement, Trace


def hold_ambiguous(trace: Trace, model: nn.Module) -> None:
    """Fix axes that share one attribute's value but are not the same axis: which of them it states is unknown."""
    stated: dict[tuple[str, str], set[Axis]] = defaultdict(set)
    for statement in _open_statements(trace):
        for attribute in _candidates(model, trace, statement):
            stated[statement.layer, attribute].add(trace.axes.find(statement.axes[0]))
    for axes in stated.values():
        if len(axes) > 1:
            for axis in axes:
                trace.axes.fix(axis)


def attribute_cuts(trace: Trace, model: nn.Module, table: OwnerTable) -> tuple[AttributeCut, ...]:
    """Every attribute that must change when its owners are cut."""
    found: dict[tuple[str, str], AttributeCut] = {}
    for statement in _open_statements(trace):
        for attribute in _candidates(model, trace, statement):
            cut = AttributeCut(statement.layer, attribute, tuple(table.place(axis) for axis in statement.axes))
            found[statement.layer, attribute] = cut
    return tuple(found.values())


def _open_statements(trace: Trace) -> list[Statement]:
    return [s for s in trace.statements if not all(trace.axes.is_fixed(axis) for axis in s.axes)]


def _candidates(model: nn.Module, trace: Trace, statement: Statement) -> list[str]:
    sizes = tuple(trace.axes.size(axis) for axis in statement.axes)
    numbers = vars(model.get_submodule(statement.layer))
    if statement.attribute is not None:
        value = numbers.get(statement.attribute)
        return [statement.attribute] if value == sizes[0] or value == sizes else []
    return [name for name, value in numbers.items() if type(value) is int and value == sizes[0] and name[0] != "_"]
