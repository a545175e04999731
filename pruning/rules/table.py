"""All rules, loaded: import `RULES` from here."""

from pruning.rules import (
    contraction,
    convolution,
    indexing,
    norms,
    pointwise,
    pooling,
    products,
    recurrent,
    reductions,
    shapes,
)
from pruning.rules.registry import RULES

__all__ = ["RULES"]

assert all((contraction, convolution, indexing, norms, pointwise, pooling, products, recurrent, reductions, shapes))
