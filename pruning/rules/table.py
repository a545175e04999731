"""All rules, loaded: import `RULES` from here."""

from pruning.rules import convolution, indexing, norms, pointwise, pooling, products, reductions, shapes
from pruning.rules.registry import RULES

__all__ = ["RULES"]

assert all((convolution, indexing, norms, pointwise, pooling, products, reductions, shapes))
