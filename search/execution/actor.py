"""The trial actor: it keeps the base model and the proxy's data, and serves one trial after another."""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ray
import torch
from ray import tune
from torch import nn

from pruning.importance.base import Scores
from pruning.plan import Plan
from pruning.selection import select
from pruning.slicing import slice_model
from trainers.memory import with_less_memory
from trainers.proxy import ProxyData, RungScore, proxy_rungs
from trainers.recipe import ProxyRecipe

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrialContext:
    """What every trial shares; it lies in Ray's object store once.

    Attributes:
        base: the trained, unpruned model.
        scores: importance of each unit of each group, by criterion.
        threads: torch threads of one trial.
    """

    base: nn.Module
    plan: Plan
    scores: Mapping[str, Scores]
    data: ProxyData
    recipe: ProxyRecipe
    seed: int
    threads: int


class TrialActor(tune.Trainable):
    """Slices the base along the plan and trains it rung by rung.

    Tune gives the same actor its next trial through `reset_config`, so that models, scores and data are loaded once
    an actor. A fault becomes part of the result: the driver records it, and the actor goes on serving.
    """

    def setup(self, config: dict[str, Any], context: TrialContext) -> None:
        self._context = context
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._served = 0
        self._rungs: Iterator[tuple[RungScore, str | None]] | None = None
        torch.set_num_threads(context.threads)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        begun = time.perf_counter()
        found = self._next()
        self._compute_s += time.perf_counter() - begun
        return self._told() | found

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing is saved: a trial is seconds long, and an interrupted one starts again from its proposal."""

    def load_checkpoint(self, checkpoint: str | dict[str, Any] | None) -> None:
        """See `save_checkpoint`."""

    def _begin(self, config: dict[str, Any]) -> None:
        self._trial = int(config["trial"])
        self._allocation = tuple(config["allocation"])
        self._importance = str(config["importance"])
        self._started = datetime.now(UTC)
        self._compute_s = 0.0
        self._served += 1
        self._rungs = None

    def _next(self) -> dict[str, Any]:
        try:
            if self._rungs is None:
                self._rungs = self._start()
            return self._score(next(self._rungs))
        except Exception as error:
            logger.exception("trial %s failed", self._trial)
            words = "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
            return {"error": words, "accuracy": 0.0, "done": True}

    def _start(self) -> Iterator[tuple[RungScore, str | None]]:
        return with_less_memory(self._train, self._context.recipe.batch_size)

    def _train(self, batch_size: int) -> Iterator[RungScore]:
        shared = self._context
        selection = select(shared.scores[self._importance], self._allocation)
        model = slice_model(shared.base, shared.plan, selection)
        recipe = shared.recipe.model_copy(update={"batch_size": batch_size})
        # One seed for all trials: they differ in what was cut, and in nothing else.
        output = shared.plan.spec.output
        return proxy_rungs(model, shared.data, recipe, seed=shared.seed, device=self._device, output=output)

    def _score(self, scored: tuple[RungScore, str | None]) -> dict[str, Any]:
        score, note = scored
        return {
            "note": note,
            "rung": score.rung,
            "epochs": score.epochs,
            "accuracy": score.accuracy,
            "loss": score.loss,
            "done": score.rung + 1 == len(self._context.recipe.rungs),
        }

    def _told(self) -> dict[str, Any]:
        return {
            "trial": self._trial,
            "actor": ray.get_runtime_context().get_actor_id() or "driver",
            "actor_pid": os.getpid(),
            "started": self._started.isoformat(),
            "now": datetime.now(UTC).isoformat(),
            "compute_s": self._compute_s,
            "served": self._served,
        }
