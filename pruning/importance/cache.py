"""A cache of scores on disk, by content: the same weights, plan, criterion and data are scored once."""

import hashlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from ground.cache import warn_damaged, warn_unusable
from ground.files import replaced
from pruning.importance.base import Batches, Criterion, Scores
from pruning.importance.registry import importance
from pruning.plan import Plan

Make = Callable[[str, nn.Module, Plan, Batches | None], Scores]
"""Computes the scores of the criterion of that name, wherever that is done."""

_FORMAT = 2  # of the file: others have other keys


def computed_scores(name: str, model: nn.Module, plan: Plan, batches: Batches | None) -> Scores:
    """The scores of criterion `name`, computed on the model's device."""
    return importance(name).scores(model, plan, batches)


def cached_scores(
    name: str,
    model: nn.Module,
    plan: Plan,
    batches: Batches | None = None,
    *,
    folder: Path,
    make: Make = computed_scores,
) -> Scores:
    """The scores of criterion `name`, read from `folder` if they were computed before for equal inputs.

    Safe for several processes at once: a file appears whole or not at all. A damaged file is made again with a warning,
    and a folder that cannot be used is done without.

    Args:
        name: the criterion.
        model: the unpruned model.
        plan: its plan.
        batches: images and labels; ignored by criteria that need no data.
        folder: the cache folder, which is created if needed.
        make: computes them where they are not in the cache.

    Raises:
        UnknownCriterionError: there is no criterion of that name.
        CriterionError: the criterion needs batches and got none, or a score is not finite.
    """
    criterion = importance(name)
    kind = f"{_FORMAT} {name} {_formula(criterion)}"
    key = content_key(kind, model, plan, batches if criterion.needs_batches else None)
    path = folder / f"{key}.safetensors"
    stored = _read(path, key, plan)
    if stored is not None:
        return stored
    scores = make(name, model, plan, batches)
    try:
        with replaced(path) as draft:
            draft.write_bytes(_packed(scores, key))
    except OSError as error:
        warn_unusable(folder, error)
    return scores


def _packed(scores: Scores, key: str) -> bytes:
    tensors = {str(index): score.contiguous() for index, score in enumerate(scores)}
    return save(tensors, {"key": key, "sha256": _content_hash(scores)})


def _read(path: Path, key: str, plan: Plan) -> Scores | None:
    """The stored scores; None if there are none or, with a warning, if they are damaged or another entry's."""
    if not os.path.lexists(path):
        return None
    try:
        with safe_open(path, framework="pt") as stream:
            stated = stream.metadata() or {}
            scores = tuple(stream.get_tensor(str(group.index)) for group in plan.groups)
        if (stated.get("key"), stated.get("sha256")) != (key, _content_hash(scores)):
            raise ValueError("its content is not what it says")
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        warn_damaged(path, error)
        return None
    return scores


def _content_hash(scores: Scores) -> str:
    return hashlib.sha256(b"".join(_bytes(score) for score in scores)).hexdigest()


def _formula(criterion: Criterion) -> str:
    """A hash of the criterion's source code, because a changed formula gives other scores for the same model."""
    ours = [kind for kind in type(criterion).__mro__ if kind.__module__.startswith("pruning.")]
    return hashlib.sha256(
        "".join(inspect.getsource(sys.modules[kind.__module__]) for kind in ours).encode()
    ).hexdigest()


def content_key(name: str, model: nn.Module, plan: Plan, batches: Batches | None) -> str:
    """The SHA-256 of a computation's name and of all its inputs: spec, groups, weights and batches."""
    spec = json.dumps(plan.spec.to_json())
    digest = hashlib.sha256(f"{name}\n{spec}\n{[(g.name, g.units) for g in plan.groups]}".encode())
    for key, tensor in model.state_dict().items():
        digest.update(key.encode())
        digest.update(_bytes(tensor))
    for images, labels in batches or ():
        digest.update(_bytes(images))
        digest.update(_bytes(labels))
    return digest.hexdigest()


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
