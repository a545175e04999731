"""Save a pruned module without pickle, and load it into one of the unpruned architecture."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from espalier.planning import Forward, ModelPlan, followed, handed, planned
from pruning.checkpoint import Architecture, load_pruned_by, save_pruned
from pruning.errors import CheckpointError, ModelCreationError, PruningError
from pruning.masks import without_masks
from pruning.plan import Plan
from pruning.slicing import Selection

_RECORD = "_espalier_cut"
_LIBRARY = "library"


@dataclass(frozen=True, slots=True)
class Cut:
    """How a module was cut. A module keeps it as an attribute, so that copies have it, too.

    Attributes:
        plan: of the unpruned module.
        selection: the units of each group that stayed.
    """

    plan: ModelPlan
    selection: Selection

    @classmethod
    def of(cls, plan: ModelPlan, selection: Selection) -> "Cut":
        """The record of a cut, without the user's function, which a copy or a pickle might not carry."""
        return cls(replace(plan, forward=None if plan.forward is None else _unknown), selection)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the module."""
        return self.plan.exact.macs([len(units) for units in self.selection])


def _unknown(*_: Any) -> Any:
    raise CheckpointError("this module was planned with a forward of its own, which is not kept: pass forward= again")


def remember(module: nn.Module, cut: Cut) -> None:
    """Note on a module how it was cut; its state dict does not show it."""
    vars(module)[_RECORD] = cut


def cut_of(module: nn.Module) -> Cut:
    """How a module was cut.

    Raises:
        CheckpointError: nothing made here.
    """
    cut = vars(without_masks(module)).get(_RECORD)
    if not isinstance(cut, Cut):
        raise CheckpointError(
            f"this {type(module).__name__} was not made by espalier.prune, load or search, so nothing is known of what "
            "it was cut from: pass the module that they returned, or a copy of it"
        )
    return cut


def save(small: nn.Module, directory: Path | str, *, recipe: Mapping[str, Any] | None = None) -> Path:
    """Write a pruned module to a folder, fine-tuned or not: `model.safetensors` and `architecture.json`.

    Args:
        small: what `prune`, `load` or `search` returned, or a copy; also in a wrapper such as DistributedDataParallel.
        directory: the folder, which is created if needed.
        recipe: what else is to be kept, as JSON values.

    Returns:
        The folder.

    Raises:
        CheckpointError: the module was made by none of them, or has other parameters by now.
    """
    cut = cut_of(small)
    stored = {**(recipe or {}), **library_recipe(cut.plan)}
    return save_pruned(without_masks(small), cut.plan.exact, cut.selection, directory, recipe=stored)


def library_recipe(plan: ModelPlan) -> dict[str, Any]:
    """What `load` has to know of how a module was planned, as JSON values."""
    return {
        _LIBRARY: {
            "ignored": list(plan.ignored),
            "limits": [list(limit) for limit in plan.limits],
            "forward": plan.forward is not None,
        }
    }


def load(directory: Path | str, *, into: nn.Module, forward: Forward | None = None) -> nn.Module:
    """Rebuild a pruned module from its folder; nothing is unpickled, and no code of the folder runs.

    Examples:
        >>> import tempfile, espalier, torch
        >>> from torch import nn
        >>> def make_model():
        ...     return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
        >>> small = espalier.prune(model := make_model(), espalier.plan(model, (3, 8, 8)), macs="50%").eval()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = load(save(small, folder), into=make_model())
        >>> image = torch.randn(1, 3, 8, 8)
        >>> torch.equal(again(image), small(image))
        True

    Args:
        directory: what `save` wrote.
        into: a module of the unpruned architecture, with any weights. It is not changed.
        forward: the function that it was planned with, if it was.

    Returns:
        The pruned module, in eval mode.

    Raises:
        CheckpointError: the folder is damaged, or does not fit `into`.
    """
    plans: list[ModelPlan] = []

    def plan_again(document: Architecture) -> tuple[nn.Module, Plan]:
        told = document.recipe.get(_LIBRARY) or {}
        if not isinstance(told, Mapping):
            raise CheckpointError(f"{directory}: its recipe holds {told!r:.60} where the library keeps its own")
        if bool(told.get("forward")) != (forward is not None):
            had = "with" if told.get("forward") else "without"
            raise CheckpointError(f"{directory} was planned {had} a forward of its own: call load the same way")
        spec = document.model_spec
        limits = tuple((str(name), float(least)) for name, least in told.get("limits", ()))
        try:
            plan = planned(into, spec, tuple(told.get("ignored", ())), limits, forward, verify=False)
        except (PruningError, ModelCreationError) as error:
            raise CheckpointError(f"{directory} does not fit this {type(into).__name__}: {error}") from error
        _check_groups(document, plan.exact, str(directory), type(into).__name__)
        plans.append(plan)
        return followed(into, forward).eval(), plan.exact

    found = load_pruned_by(directory, plan_again, handed)
    remember(found.module, Cut.of(plans[0], found.selection))
    return found.module.eval()


def _check_groups(document: Architecture, plan: Plan, directory: str, kind: str) -> None:
    names = [group.name for group in plan.groups]
    if names != document.groups:
        raise CheckpointError(
            f"{directory} does not fit this {kind}: it was cut in {len(document.groups)} groups "
            f"({', '.join(document.groups[:3])}…), and this module has {len(names)} ({', '.join(names[:3])}…)"
        )
