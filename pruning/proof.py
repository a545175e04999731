"""A plan is trusted when it proves itself on the model's own structure with random weights.

1. **Permutation, in float64.** Reordering the units of every group along the owner maps must leave the output as
   it was. An index that a group misses, or owns in one layer and not in the next, changes the output. Weights,
   biases and normalisation statistics are random, so nothing hides behind a zero or a one.
2. **Counting.** Really sliced models must cost what the plan says, by fvcore (left out, and said so in
   `Plan.proof`, when fvcore is not installed) and in parameters.
"""

import random
from typing import Any

import torch
from torch import nn

from pruning.blueprint import Plan
from pruning.cloning import clone_structure
from pruning.counter import count_macs
from pruning.errors import CounterUnavailableError, PruningError, UnsupportedModelError
from pruning.slicing import Selection, slice_model
from pruning.trace import unfuse_attention

_TOLERANCE = 1e-9
_PRUNINGS = 2


def prove(plan: Plan, model: nn.Module) -> str:
    """How the plan was proved, in words.

    Raises:
        UnsupportedModelError: the plan failed; the message says where.
    """
    error = permutation_error(plan, model)
    if not error <= _TOLERANCE:
        raise UnsupportedModelError(
            _guilty(plan, model), "permutation of units", f"the output changed by {error:.1e} relative to its size"
        )
    rng = random.Random(0)  # noqa: S311 - a sample, not a secret
    counted = [_counted(plan, model, random_selection(plan, rng)) for _ in range(_PRUNINGS)]
    words = f"permutation of all groups in float64 (error {error:.0e})"
    return words + (f" and fvcore on {_PRUNINGS} random prunings" if all(counted) else "; fvcore is not installed")


def permutation_error(plan: Plan, model: nn.Module, groups: tuple[int, ...] | None = None, *, seed: int = 0) -> float:
    """The largest change of the output, relative to its largest element, when the units of `groups` (all by
    default) are reordered in a float64 copy of `model` with random weights."""
    generator = torch.Generator().manual_seed(seed)
    subject = randomised(model, generator)
    order = tuple(
        tuple(torch.randperm(group.units, generator=generator).tolist())
        if groups is None or group.index in groups
        else tuple(range(group.units))
        for group in plan.groups
    )
    image = torch.randn(1, *plan.spec.input_size, generator=generator, dtype=torch.float64)
    with torch.inference_mode():
        before = _tensors(subject(image))
        after = _tensors(slice_model(subject, plan, order)(image))
    return max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(after, before, strict=True))


def randomised(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """A float64 copy in eval mode whose weights and statistics are all random and of ordinary size."""
    memo: dict[int, Any] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        value = _random(name, tensor, generator)
        memo[id(tensor)] = nn.Parameter(value, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else value
    subject = clone_structure(model, memo).eval()
    unfuse_attention(subject)
    return subject


def _random(name: str, tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor.detach().cpu().clone()
    uniform = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
    if isinstance(tensor, nn.Parameter):
        if tensor.dim() > 1:  # of variance 1 / fan-in
            return uniform.sub_(0.5).mul_((12 / tensor[0].numel()) ** 0.5)
        return uniform.add_(0.5)
    if name.endswith("running_var"):
        return uniform.add_(0.5)
    return uniform.sub_(0.5) if name.endswith("running_mean") else tensor.detach().cpu().double()


def random_selection(plan: Plan, rng: random.Random) -> Selection:
    """A random number of random units in each group."""
    return tuple(tuple(sorted(rng.sample(range(group.units), rng.randint(1, group.units)))) for group in plan.groups)


def _tensors(out: object) -> list[torch.Tensor]:
    values = out.values() if isinstance(out, dict) else out if isinstance(out, (tuple, list)) else [out]
    return [value for value in values if isinstance(value, torch.Tensor)]


def _guilty(plan: Plan, model: nn.Module) -> str:
    """The first group that fails alone."""
    for group in plan.groups:
        if not permutation_error(plan, model, (group.index,)) <= _TOLERANCE:
            return group.name
    return "several layers together"


def _counted(plan: Plan, model: nn.Module, selection: Selection) -> bool:
    allocation = [len(units) for units in selection]
    pruned = slice_model(model, plan, selection)
    _expect("parameters", plan.params(allocation), sum(p.numel() for p in pruned.parameters()))
    try:
        _expect("MACs", plan.macs(allocation), count_macs(pruned, plan.spec.input_size))
    except CounterUnavailableError:
        return False
    except PruningError:
        raise
    except Exception as problem:
        raise UnsupportedModelError(
            "", "forward of a sliced model", f"{type(problem).__name__}: {problem}"
        ) from problem
    return True


def _expect(what: str, planned: int, counted: int) -> None:
    if planned != counted:
        raise UnsupportedModelError(
            "", f"counting {what}", f"the plan says {planned:,}, a sliced model has {counted:,}"
        )
