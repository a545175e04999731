"""Recurrent layers: what they read can be cut, and their own units stay whole.

fvcore does not know a whole recurrent layer, so it is free. It does see the two linear layers of a single cell.
"""

from collections.abc import Iterable

import torch

from pruning.axes import Axis
from pruning.rules.registry import Call, CannotFollowError, CostKind, Walk, rule

_UNITS = "a recurrent layer feeds them back to itself"
_CELLS = {"lstm_cell": 4, "gru_cell": 3, "rnn_tanh_cell": 1, "rnn_relu_cell": 1}


@rule("lstm", "gru", "rnn_tanh", "rnn_relu")
def recurrent(walk: Walk, call: Call) -> None:
    """The weights of the first layer, in each direction, read the features of the input: `w_ih[gates · units, i]`."""
    if "input" not in call.args:
        raise CannotFollowError("a packed sequence")
    *places, features = walk.dims(call.tensor("input"))
    params, directions = call.args["params"], 2 if call.args["bidirectional"] else 1
    for weight in params[:: len(params) // (call.args["num_layers"] * directions)][:directions]:
        walk.axes.unite(features, walk.dims(weight)[1])
    for axis in places:
        walk.axes.fix(axis, "a recurrent layer runs along it")
    units = _units(walk, params[1])
    _fix(walk, params, but=features)
    hx = call.args["hx"]
    _fix(walk, hx if isinstance(hx, (list, tuple)) else [hx])
    walk.bind("input_size", features)
    walk.label(call.out[0], [*places, walk.axes.concat([units] * directions)])
    for state in call.out[1:]:
        walk.label(state, [walk.axes.constant(n) for n in state.shape])


@rule(*_CELLS)
def cell(walk: Walk, call: Call) -> None:
    """One step: its units in, its units out, and the features of the input, which can be cut."""
    batch, features = walk.dims(call.tensor("input"))
    weight = call.tensor("w_ih")
    walk.axes.unite(features, walk.dims(weight)[1])
    state, units = call.args["hx"], _units(walk, call.tensor("w_hh"))
    _fix(walk, [weight, call.tensor("w_hh")], but=features)
    _fix(walk, [bias for name in ("b_ih", "b_hh") if (bias := call.args[name]) is not None])
    _fix(walk, state if isinstance(state, (list, tuple)) else [state])
    walk.bind("input_size", features)
    made = call.out if isinstance(call.out, tuple) else (call.out,)
    for out in made:
        walk.label(out, [batch, units])
    gates = walk.axes.constant(weight.shape[0])
    walk.charge(CostKind.LINEAR, batch, features, gates)
    walk.charge(CostKind.LINEAR, batch, units, gates)


def _units(walk: Walk, weight: torch.Tensor) -> Axis:
    """The units that a layer feeds back, from its weight `w_hh[gates · units, units]`: they stay whole."""
    units = walk.dims(weight)[1]
    walk.axes.fix(units, _UNITS)
    walk.bind("hidden_size", units)
    return units


def _fix(walk: Walk, tensors: Iterable[torch.Tensor], but: Axis | None = None) -> None:
    kept = None if but is None else walk.axes.find(but)
    for tensor in tensors:
        for axis in walk.dims(tensor):
            if walk.axes.find(axis) != kept:
                walk.axes.fix(axis)
