"""The benchmark's protocol: the terms that all results share, and the jobs that produce them."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import product
from typing import NamedTuple

from ground.cache import content_key
from search.arms import CLASSICAL_ARMS
from search.setup.config import RunConfig, make_config
from trainers.defaults import base_recipe, finetune_recipe, proxy_recipe
from trainers.recipe import ProxyRecipe, Recipe

DATASET = "shapes"
VIT = "benchmarks.search.vit:vit_small_patch8"
PEERS = {"torch-pruning uniform": False, "torch-pruning isomorphic": True}
"""torch-pruning's methods, and whether each ranks isomorphic layers together."""


class Place(NamedTuple):
    """A cell of the table with one seed."""

    model: str
    share: str
    seed: int


class Kind(StrEnum):
    """What a job does."""

    BASE = "base"
    ARM = "arm"
    PEER = "peer"
    PROXY = "proxy"


class Job(NamedTuple):
    """A result to be computed; `name` is the arm, the peer, or the number of the sampled allocation."""

    kind: Kind
    place: Place
    name: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What all results of one benchmark have in common; results under other terms are stored separately.

    Attributes:
        models: names of the models.
        shares: budgets, as shares of the base's MACs.
        seeds: number of seeds.
        arms: names of the arms.
        trials: the largest number of trials of an arm.
        base_epochs: training epochs of each base; None takes those of the dataset's recipe.
        finetune_epochs: epochs of the fine-tune of every winner and peer.
        sampled: number of allocations, drawn by the arm `random`, on which proxy and fine-tune are compared.
        criteria: importance criteria that the arms choose from.
    """

    models: tuple[str, ...] = ("resnet18_quarter", VIT)
    shares: tuple[str, ...] = ("15%", "8%")
    seeds: int = 5
    arms: tuple[str, ...] = CLASSICAL_ARMS
    trials: int = 16
    base_epochs: int | None = None
    finetune_epochs: int = 5
    sampled: int = 16
    criteria: tuple[str, ...] = ("l2", "taylor")

    @property
    def key(self) -> str:
        """The key under which results are stored.

        It does not depend on the numbers of seeds, models, shares, arms or samples: more of them add to the same
        results. It depends on the dataset's recipes, so results of another proxy are not mixed with these.
        """
        alike = asdict(replace(self, models=(), shares=(), seeds=0, arms=(), sampled=0))
        makers: tuple[Callable[..., Recipe | ProxyRecipe], ...] = (base_recipe, finetune_recipe, proxy_recipe)
        recipes = [
            make(DATASET, batch_norm=batch_norm).model_dump(mode="json")
            for make, batch_norm in product(makers, (True, False))
        ]
        return content_key({**alike, "recipes": recipes})

    def config(self, place: Place, arm: str) -> RunConfig:
        """The configuration that `launch.py search` would get."""
        return make_config(
            {
                "model": place.model,
                "dataset": DATASET,
                "target_macs": place.share,
                "seed": place.seed,
                "proposer": arm,
                "trials": self.trials,
                "criteria": self.criteria,
                "epochs": self.finetune_epochs,
                "window": 4,
                "mlflow": False,
            }
        )

    def bases(self) -> tuple[Job, ...]:
        """The jobs that train bases; they come first, because every other job of their model and seed needs them."""
        first = self.shares[0]
        return tuple(Job(Kind.BASE, Place(m, first, s), "base") for s, m in product(range(self.seeds), self.models))

    def jobs(self) -> tuple[Job, ...]:
        """All other jobs, seed by seed, so that an interrupted run has equally many results of every arm."""
        return tuple(self._jobs())

    def _jobs(self) -> Iterator[Job]:
        for seed, model, share in product(range(self.seeds), self.models, self.shares):
            place = Place(model, share, seed)
            yield from (Job(Kind.ARM, place, arm) for arm in self.arms)
            yield from (Job(Kind.PEER, place, peer) for peer in PEERS)
            if (seed, share) == (0, self.shares[0]):
                yield from (Job(Kind.PROXY, place, str(number)) for number in range(self.sampled))
