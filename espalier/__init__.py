"""Espalier as a library: plan, prune, save, load and search a module that is in memory.

Examples:
    >>> import espalier
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.Flatten(), nn.Linear(800, 10))
    >>> plan = espalier.plan(model, (3, 14, 14))
    >>> plan.macs, [group.name for group in plan.groups]
    (185408, ['0', '2'])
    >>> small = espalier.prune(model, plan, macs="50%", importance="l2")
    >>> espalier.macs(small) <= plan.macs // 2
    True

This page holds only what is public; `docs/library.md` has four worked examples.
"""

import espalier.beside  # noqa: F401  first: it looks for who else is here
from espalier.cutting import macs, prune
from espalier.importances import Importance
from espalier.planning import ModelPlan, plan
from espalier.saving import load, save
from espalier.searching import SearchResult, search
from pruning.errors import PruningError
from pruning.importance.base import Batches, Criterion, Scores, fold
from search.errors import SearchError

__all__ = [
    "Batches",
    "Criterion",
    "Importance",
    "ModelPlan",
    "PruningError",
    "Scores",
    "SearchError",
    "SearchResult",
    "fold",
    "load",
    "macs",
    "plan",
    "prune",
    "save",
    "search",
]
