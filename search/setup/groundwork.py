"""What a search stands on once there is a base model: the units' scores, the sets' sensitivity, the rules of play."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ground.cache import cache_folder
from pruning.importance.base import Scores
from pruning.importance.cache import cached_scores
from search.control.deadline import Deadline
from search.control.halving import Halving
from search.control.master import Limits
from search.control.session import Rules
from search.setup.preparation import Prepared
from search.setup.sensitivity import SensitivityInputs, measured
from tracking.payloads import Profiled
from trainers.datasets.memory import row_major
from trainers.proxy import ProxyData

SCORING_IMAGES, SCORING_BATCH = 1024, 64


def unit_scores(prepared: Prepared, base: nn.Module, data: ProxyData) -> dict[str, Scores]:
    """The importance of each unit of each group, by each of the configuration's criteria; cached on disk."""
    batches = _scoring_batches(data, prepared.config.seed)
    folder = cache_folder() / "importance"
    return {name: cached_scores(name, base, prepared.plan, batches, folder=folder) for name in prepared.config.criteria}


def sensitivity(prepared: Prepared, base: nn.Module, scores: Mapping[str, Scores], data: ProxyData) -> Profiled:
    """What each isomorphic set hurts when it alone is cut, by the first criterion; cached on disk."""
    first = prepared.config.criteria[0]
    inputs = SensitivityInputs(
        base, prepared.plan, scores[first], first, data, prepared.proxy_recipe, prepared.config.seed
    )
    return measured(inputs, cache_folder() / "sensitivity")


def session_rules(prepared: Prepared) -> Rules:
    """How the session plays, by the configuration."""
    config = prepared.config
    return Rules(
        limits=Limits(config.trials, config.max_revisions),
        halving=Halving(config.eta),
        projection=config.projection,
        rungs=len(prepared.proxy_recipe.rungs),
        deadline=Deadline(config.trial_timeout),
    )


def _scoring_batches(data: ProxyData, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Training images for the criteria that look at data: at most SCORING_IMAGES, drawn once, in small batches."""
    chosen = torch.randperm(len(data.train_labels), generator=torch.Generator().manual_seed(seed))[:SCORING_IMAGES]
    images = row_major(data.train_images[chosen].float())
    return list(zip(images.split(SCORING_BATCH), data.train_labels[chosen].split(SCORING_BATCH), strict=True))
