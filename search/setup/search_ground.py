"""What a search stands on once its configuration is prepared: the base model, the images, the scores, the space."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ground.cache import cache_folder
from pruning.importance.base import Batches, Scores
from pruning.importance.cache import cached_scores, computed_scores
from pruning.plan import Plan
from pruning.selection import select
from pruning.slicing import Selection, slice_model
from search.setup.base_model import obtain_base
from search.setup.computing import Compute, Stream, compute_here, stream_here
from search.setup.preparation import Prepared
from search.setup.sensitivity import SensitivityInputs, measure_sensitivity
from search.space.search_space import SearchSpace
from tracking.payloads import Profiled
from trainers.base import BaseModel
from trainers.datasets.base import Splits
from trainers.datasets.memory import row_major
from trainers.devices import CPU
from trainers.history import EpochReport
from trainers.proxy import ProxyData, proxy_data

SCORING_IMAGES, SCORING_BATCH = 1024, 64

BaseProgress = Callable[[EpochReport, int], None]
"""Hears of each epoch that a base is trained for, and of how many there will be."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchGround:
    """What all trials and all arms of a search share. It follows from the configuration alone.

    Attributes:
        splits: of the dataset; the test set among them is for the result only.
        base: the trained, unpruned model.
        data: the images that trials are trained and scored on.
        space: what a proposer may choose from, with the scores of the units.
    """

    prepared: Prepared
    splits: Splits
    base: BaseModel
    data: ProxyData
    space: SearchSpace

    def cut(self, criterion: str, allocation: tuple[int, ...]) -> tuple[nn.Module, Selection]:
        """Slice the base.

        Args:
            criterion: names the importance scores by which units stay.
            allocation: the units that each group keeps.

        Returns:
            The smaller model, and the units that stayed.
        """
        plan = self.prepared.plan
        selection = select(self.space.scores[criterion], allocation)
        return slice_model(self.base.module, plan, selection), selection

    def measure_sensitivity(self, compute: Compute = compute_here) -> Profiled:
        """Measure the accuracy lost when each isomorphic set alone is cut, by the first criterion; cached on disk."""
        prepared = self.prepared
        first = prepared.config.criteria[0]
        inputs = SensitivityInputs(
            self.base.module,
            prepared.plan,
            self.space.scores[first],
            first,
            self.data,
            prepared.proxy_recipe,
            prepared.config.seed,
        )
        return measure_sensitivity(inputs, cache_folder() / "sensitivity", compute)

    def with_sensitivity(self, profiled: Profiled) -> "SearchGround":
        """Return the same ground, with a space that shows the proposers what was measured."""
        return replace(self, space=self.prepared.space(self.space.scores, profiled))


def load_base(
    prepared: Prepared,
    splits: Splits,
    *,
    epochs: int | None = None,
    progress: BaseProgress | None = None,
    accuracy: float | None = None,
    compute: Compute = compute_here,
    stream: Stream = stream_here,
) -> BaseModel:
    """Obtain the base model that a configuration names.

    Args:
        prepared: the checked configuration.
        splits: of its dataset.
        epochs: to train it for, where it is trained here; None for as many as the recipe says.
        progress: hears of each epoch that is trained.
        accuracy: of the base on the holdout, where the ledger holds it; otherwise weights that were read are scored.
        compute: scores them.
        stream: trains it, where it is trained here.

    Raises:
        ConfigError: the weights cannot be fetched or read, or do not fit the model.
    """
    recipe = prepared.base_recipe.override(epochs=epochs)

    def on_epoch(report: EpochReport) -> None:
        if progress is not None:
            progress(report, prepared.source.head_epochs or recipe.epochs)

    return obtain_base(
        prepared.source,
        prepared.spec,
        prepared.dataset,
        splits,
        recipe,
        seed=prepared.config.seed,
        data_path=prepared.config.data_path,
        progress=on_epoch,
        accuracy=accuracy,
        compute=compute,
        stream=stream,
    )


def make_ground(prepared: Prepared, splits: Splits, base: BaseModel, compute: Compute = compute_here) -> SearchGround:
    """Make the ground of a search. The importance of the units is cached on disk, and computed where it is not there.

    Args:
        prepared: the checked configuration.
        splits: of its dataset, by `Prepared.splits`.
        base: trained on them, by `load_base`.
        compute: computes the importance.
    """
    config, plan = prepared.config, prepared.plan
    data = proxy_data(splits, prepared.proxy_recipe, config.seed)
    batches, folder = _scoring_batches(data, config.seed), cache_folder() / "importance"

    def make(name: str, model: nn.Module, plan: Plan, batches: Batches | None) -> Scores:
        return compute(scores_on, name, model, plan, batches)

    scores = {
        name: cached_scores(name, base.module, plan, batches, folder=folder, make=make) for name in config.criteria
    }
    return SearchGround(prepared, splits, base, data, prepared.space(scores))


def scores_on(name: str, model: nn.Module, plan: Plan, batches: Batches | None, device: torch.device) -> Scores:
    """The importance of the units by one criterion, computed on a device; the model then is on the CPU."""
    try:
        return computed_scores(name, model.to(device), plan, batches)
    finally:
        model.to(CPU)


def _scoring_batches(data: ProxyData, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Training images for the criteria that look at data: at most SCORING_IMAGES, drawn once, in small batches."""
    chosen = torch.randperm(len(data.train_labels), generator=torch.Generator().manual_seed(seed))[:SCORING_IMAGES]
    images = row_major(data.train().images(chosen))
    return list(zip(images.split(SCORING_BATCH), data.train_labels[chosen].split(SCORING_BATCH), strict=True))
