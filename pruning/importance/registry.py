"""The importance criteria by name."""

from collections.abc import Mapping

from pruning.errors import UnknownCriterionError
from pruning.importance.base import Criterion
from pruning.importance.fpgm import Fpgm
from pruning.importance.hessian import HessianDiagonal
from pruning.importance.lamp import Lamp
from pruning.importance.magnitude import L1, L2
from pruning.importance.random import Random
from pruning.importance.taylor import Taylor

CRITERIA: Mapping[str, type[Criterion]] = {
    kind.name: kind for kind in (L1, L2, Lamp, Fpgm, Taylor, HessianDiagonal, Random)
}


def importance(name: str) -> Criterion:
    """The criterion of that name.

    Raises:
        UnknownCriterionError: there is none.
    """
    if name not in CRITERIA:
        raise UnknownCriterionError(name, tuple(CRITERIA))
    return CRITERIA[name]()
