"""The accuracy lost when each isomorphic set alone is cut: measured once on the holdout, cached on disk by content."""

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ground.cache import locked_if_usable, warn_damaged, warn_unusable
from ground.files import folder_replaced
from pruning.importance.base import Scores
from pruning.importance.cache import content_key
from pruning.plan import Allocation, Plan
from pruning.selection import select
from pruning.slicing import slice_model
from search.setup.computing import Compute, compute_here
from tracking.payloads import Profiled
from trainers.proxy import ProxyData, proxy_rungs
from trainers.recipe import ProxyRecipe

_FILE = "measured.json"
KEPT = (0.5, 0.25)
"""Shares of its units that the set keeps while all others stay whole."""
IMAGES = 512
"""At most so many holdout images are scored in a measurement, and as many training images recalibrate BatchNorm.

The price of a profile is therefore 2 · sets + 1 measurements of at most 1,024 forward passes: 5 s for the
quarter-width ResNet on one core; 27,000 images for ResNet-50, some minutes on a core and seconds on a GPU."""


@dataclass(frozen=True, slots=True)
class SensitivityInputs:
    """What is measured, and on what. Nothing is trained, so the scores depend on no optimiser and no order of trials.

    Attributes:
        scores: by the criterion, of each unit.
        data: the images of the proxy.
        recipe: of the proxy; the batches of its recalibration are used.
    """

    base: nn.Module
    plan: Plan
    scores: Scores
    criterion: str
    data: ProxyData
    recipe: ProxyRecipe
    seed: int


def measure_sensitivity(inputs: SensitivityInputs, folder: Path, compute: Compute = compute_here) -> Profiled:
    """Measure, or read from `folder` what the same measurement gave before.

    A damaged file is measured again with a warning, and a folder that cannot be used is done without.
    """
    small = _small(inputs)
    data = small.data
    batches = [(data.train_images, data.train_labels), (data.holdout_images, data.holdout_labels)]
    kind = f"sensitivity {KEPT} by {small.criterion}, seed {small.seed}, {small.recipe.recalibration_batches} batches"
    key = content_key(f"{kind} of {small.recipe.batch_size}", small.base, small.plan, batches)
    entry = folder / key
    with locked_if_usable(entry) as may_write:
        stored = _read(entry, key, len(small.plan.sets))
        if stored is not None:
            return stored
        found = compute(measure, small)
        if may_write:
            try:
                with folder_replaced(entry) as draft:
                    document = {"key": key, "profile": found.model_dump(mode="json")}
                    (draft / _FILE).write_text(json.dumps(document), encoding="utf-8")
            except OSError as error:
                warn_unusable(folder, error)
        return found


def _read(entry: Path, key: str, sets: int) -> Profiled | None:
    """The stored profile; None if there is none or, with a warning, if it is damaged or another measurement's."""
    file = entry / _FILE
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        profiled = Profiled.model_validate(stored["profile"] | {"cached": True, "wall_s": 0.0})
        if stored["key"] != key or len(profiled.accuracies) != sets:
            raise ValueError("it is another measurement's")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        warn_damaged(file, error)
        return None
    return profiled


def measure(inputs: SensitivityInputs, device: torch.device) -> Profiled:
    """Measure on a device, whatever is in the cache."""
    begun = time.monotonic()
    score = _scorer(inputs, device)
    whole = score(inputs.plan.full())
    return Profiled(
        criterion=inputs.criterion,
        kept=KEPT,
        images=len(inputs.data.holdout_labels),
        accuracy=whole,
        accuracies=tuple(
            tuple(score(_alone(inputs.plan, index, share)) for share in KEPT) for index in range(len(inputs.plan.sets))
        ),
        cached=False,
        wall_s=time.monotonic() - begun,
    )


def _scorer(inputs: SensitivityInputs, device: torch.device) -> Callable[[Allocation], float]:
    untrained = inputs.recipe.model_copy(update={"rungs": (0,)})

    def score(allocation: Allocation) -> float:
        model = slice_model(inputs.base, inputs.plan, select(inputs.scores, allocation))
        output = inputs.plan.spec.output
        rungs = proxy_rungs(model, inputs.data, untrained, seed=inputs.seed, device=device, output=output)
        return next(rungs).accuracy

    return score


def _alone(plan: Plan, index: int, share: float) -> Allocation:
    """Only the groups of one set are cut."""
    cut = set(plan.sets[index].groups)
    return tuple(max(1, round(share * group.units)) if group.index in cut else group.units for group in plan.groups)


def _small(inputs: SensitivityInputs) -> SensitivityInputs:
    """At most IMAGES of either kind of image."""
    data, batch = inputs.data, inputs.recipe.batch_size
    train, holdout = _spread(len(data.train_labels)), _spread(len(data.holdout_labels))
    batches = min(inputs.recipe.recalibration_batches, max(1, len(train) // batch))
    return dataclasses.replace(
        inputs,
        data=dataclasses.replace(
            data,
            train_images=data.train_images[train],
            train_labels=data.train_labels[train],
            holdout_images=data.holdout_images[holdout],
            holdout_labels=data.holdout_labels[holdout],
        ),
        recipe=inputs.recipe.model_copy(update={"recalibration_batches": batches}),
    )


def _spread(images: int) -> torch.Tensor:
    """At most IMAGES indices, evenly over all of them: files lie sorted by class."""
    return torch.linspace(0, images - 1, min(images, IMAGES)).round().long()
