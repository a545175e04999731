"""Prune a module to a budget."""

from torch import nn

from espalier.importances import Data, Importance, scores_of
from espalier.planning import ModelPlan, followed, handed
from espalier.saving import Cut, cut_of, remember
from pruning.errors import AllocationError
from pruning.plan import Plan
from pruning.projection import project
from pruning.selection import select
from pruning.slicing import slice_model
from search.space.budget import parse_target


def prune(
    model: nn.Module,
    plan: ModelPlan,
    *,
    macs: str | int,
    importance: Importance = "l2",
    data: Data | None = None,
    batches: int = 16,
    round_to: int = 1,
) -> nn.Module:
    """Cut a module to a budget: every layer by about the same share, the least important units first.

    The result is an ordinary module with weights of its own, in the mode of `model`, which is not changed. Train it in
    your own loop; `save` and `load` know what it was cut from.

    Examples:
        >>> from torch import nn
        >>> import espalier
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(64, 10))
        >>> small = prune(model, espalier.plan(model, (3, 8, 8)), macs="50%")
        >>> small[0].out_channels, small[2].in_channels
        (4, 4)

    Args:
        model: the module that was planned, or another of its architecture.
        plan: its plan.
        macs: the most multiply-accumulates of the result: "50%" of the module's, "2.06G", "230M", or a whole number.
        importance: by what the units that stay are chosen.
        data: images and labels for a criterion that needs them, as a DataLoader.
        batches: how many batches of `data` are used, at most.
        round_to: the units left in a group are a multiple of this, where the group is that large.

    Raises:
        PruningError: the budget cannot be reached, the module is not what was planned, or a criterion lacks data.
        SearchError: `macs` is no amount.
    """
    subject, exact = followed(model, plan.forward), plan.exact
    _check_same(subject, exact)
    target = macs if isinstance(macs, int) else parse_target(macs, exact.baseline_macs)
    allocation = project(exact, exact.full(), target, round_to=round_to).allocation
    scores = scores_of(importance, subject, exact, data, batches)
    selection = select(scores, allocation)
    small = handed(slice_model(subject, exact, selection))
    remember(small, Cut.of(plan, selection))
    return small


def macs(small: nn.Module) -> int:
    """Multiply-accumulates of a module that `prune`, `load` or `search` made: exact, at batch 1.

    Raises:
        CheckpointError: it was made by none of them.
    """
    return cut_of(small).macs


def _check_same(subject: nn.Module, plan: Plan) -> None:
    """Refuse a module of another architecture.

    Raises:
        AllocationError: it lacks a parameter of the plan, or its parameters have another number of elements.
    """
    names = {name for name, _ in (*subject.named_parameters(), *subject.named_buffers())}
    missing = sorted(plan.parameters.keys() - names)
    params = sum(parameter.numel() for parameter in subject.parameters())
    if missing or params != plan.baseline_params:
        lacks = f" and lacks {', '.join(missing[:3])}" if missing else ""
        raise AllocationError(
            f"this module is not the one that was planned: it has {params:,} parameters{lacks}, the plan is of "
            f"{plan.baseline_params:,}. Plan it first, with espalier.plan"
        )
