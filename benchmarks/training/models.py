"""The models that are measured: a network, and the same cut by our own plan."""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from pruning.importance.cache import computed_scores
from pruning.models import ModelSpec, create_model
from pruning.planning import build_plan
from pruning.projection import project
from pruning.selection import select
from pruning.slicing import slice_model


@dataclass(frozen=True, slots=True)
class Measured:
    """A model, and its MACs at batch 1."""

    name: str
    module: nn.Module
    macs: int

    def fresh(self) -> nn.Module:
        """A copy to be trained."""
        return copy.deepcopy(self.module)


def base_and_cut(name: str, classes: int, side: int, target: float, round_to: int) -> list[Measured]:
    """A network with random weights, and evenly cut ones: to `target` MACs, with and without rounding of widths.

    Args:
        name: of the network.
        classes: of its head.
        side: of its images.
        target: MACs, or a share of the network's if it is at most 1.
        round_to: what widths are multiples of in the second cut.
    """
    torch.manual_seed(0)
    spec = ModelSpec(name, classes, (3, side, side))
    base = create_model(spec)
    # The proof would need fvcore, and minutes: it is the tests' business.
    plan = build_plan(base, spec, verify=False)
    most = round(target if target > 1 else target * plan.baseline_macs)
    scores = computed_scores("l2", base, plan, None)
    made = [Measured(name, base, plan.baseline_macs)]
    for rounded in (1, round_to):
        cut = project(plan, plan.full(), most, round_to=rounded)
        module = slice_model(base, plan, select(scores, cut.allocation))
        made.append(Measured(f"{name}_cut" + (f"_x{rounded}" if rounded > 1 else ""), module, cut.macs))
    return made
