"""`einsum`: equations in letters, and what they cost.

Operands are contracted in pairs from the left, as torch does it: a pair costs the product of the lengths of all its
letters, and a letter is summed as soon as neither the result nor a later operand has it.
"""

from collections.abc import Iterator, Sequence

from pruning.axes import Axis
from pruning.rules.registry import Call, CannotFollowError, CostKind, Walk, rule


@rule("einsum")
def einsum(walk: Walk, call: Call) -> None:
    """Unites axes of equal letters; costs the product of the lengths of each pair's letters."""
    tensors = call.args["tensors"]
    sources, target = read_equation(call.args["equation"], [x.dim() for x in tensors])
    letters: dict[str, Axis] = {}
    for names, tensor in zip(sources, tensors, strict=True):
        for name, axis in zip(names, walk.dims(tensor), strict=True):
            if walk.axes.size(letters.setdefault(name, axis)) == 1:
                letters[name] = axis  # a length of one is broadcast
            elif walk.axes.size(axis) != 1:
                walk.axes.unite(letters[name], axis)
    walk.label(call.out, [letters[name] for name in target])
    for pair in contractions(sources, target):
        walk.charge(CostKind.PRODUCTS, *(letters[name] for name in pair))


def read_equation(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; the dimensions of an ellipsis get the letters `①`, `②`, … .

    Raises:
        CannotFollowError: the letters do not fit the operands.
    """
    left, arrow, target = equation.replace(" ", "").partition("->")
    sources = left.split(",")
    hidden = max((rank - len(s.replace("...", "")) for s, rank in zip(sources, ranks, strict=True)), default=0)
    if not arrow:
        once = sorted(letter for letter in set(left) - set(".,") if left.count(letter) == 1)
        target = ("..." if "..." in left else "") + "".join(once)
    filled = [_fill(s, rank - len(s.replace("...", ""))) for s, rank in zip(sources, ranks, strict=True)]
    if [len(names) for names in filled] != list(ranks):
        raise CannotFollowError(f"einsum {equation!r}")
    return filled, _fill(target, hidden)


def _fill(names: str, count: int) -> str:
    """The ellipsis as letters, which are aligned at its end."""
    return names.replace("...", "".join(chr(ord("①") + count - 1 - i) for i in range(count)))


def contractions(sources: Sequence[str], target: str) -> Iterator[str]:
    """The letters of each pair that is contracted, from the left; a single operand is only summed and reordered."""
    have = sources[0]
    for place, names in enumerate(sources[1:], 2):
        pair = "".join(dict.fromkeys(have + names))
        yield pair
        later = set(target).union(*sources[place:])
        have = "".join(letter for letter in pair if letter in later)
