"""Reductions: sums, means, norms, order statistics.

A sum over a cut axis has fewer terms and does not depend on their order, so the axis can be cut.
"""

from pruning.rules.pointwise import pointwise
from pruning.rules.registry import AxisUse, Call, Walk, rule

_SPREADS = ("var", "std", "var_mean", "std_mean")


@rule("mean", "sum", "amax", "amin", "var", "std", "var_mean", "std_mean", "norm", "linalg_vector_norm",
      "logsumexp", "prod", "any", "all", "frobenius_norm")  # fmt: skip
def reduction(walk: Walk, call: Call) -> None:
    """Removes the reduced dimensions, or keeps them with length one."""
    source = walk.dims(_source(call))
    for out in call.out if isinstance(call.out, tuple) else (call.out,):
        walk.label(out, _reduced(walk, call, source))
    long = [source[i] for i in _dims(call, len(source)) if walk.axes.size(source[i]) > 1]
    if len(long) == 1 and call.name in _SPREADS and _unbiased(call):
        walk.note(long[0], AxisUse.SPREAD)


def _unbiased(call: Call) -> bool:
    """Whether it divides by one less than the number of elements, which is no number for a single one."""
    if "correction" in call.args:
        return call.args["correction"] is None or call.args["correction"] >= 1
    return bool(call.args.get("unbiased", True))


@rule("max", "min")
def extreme(walk: Walk, call: Call) -> None:
    """The largest values do not depend on the order of the elements, but where they are does.

    So the reduced dimension can be cut unless something uses the positions.
    """
    if "other" in call.args:
        pointwise(walk, call)
        return
    source = walk.dims(_source(call))
    reduced = _reduced(walk, call, source)
    if not isinstance(call.out, tuple):
        walk.label(call.out, reduced)
        return
    for out in call.out:
        walk.label(out, reduced)
    gone = [source[i] for i in _dims(call, len(source))]
    walk.fix_if_used(call.out[1], gone, "the positions of its largest or smallest values are used")


@rule("argmax", "argmin", "median", "cumsum", "sort", "topk")
def ordered(walk: Walk, call: Call) -> None:
    """The result holds positions or depends on them, so the reduced dimension cannot be cut."""
    x = _source(call)
    source = walk.dims(x)
    reduced = _dims(call, len(source))
    for i in reduced:
        walk.axes.fix(source[i], "the result holds positions in it, or depends on them")
    for out in call.out if isinstance(call.out, tuple) else (call.out,):
        if out.dim() == len(source):
            walk.label(out, [
                walk.axes.constant(n) if i in reduced else source[i] for i, n in enumerate(out.shape)
            ])  # fmt: skip
        else:
            walk.label(out, [axis for i, axis in enumerate(source) if i not in reduced])


def _source(call: Call):  # type: ignore[no-untyped-def]
    return call.tensor("self" if "self" in call.args else "input")


def _dims(call: Call, rank: int) -> set[int]:
    given = call.args.get("dim")
    if given is None or given == []:
        return set(range(rank))
    return {d % rank for d in (given if isinstance(given, (list, tuple)) else [given])}


def _reduced(walk: Walk, call: Call, source: tuple[int, ...]) -> list[int]:
    reduced = _dims(call, len(source))
    if call.args.get("keepdim"):
        return [walk.axes.constant(1) if i in reduced else axis for i, axis in enumerate(source)]
    return [axis for i, axis in enumerate(source) if i not in reduced]
