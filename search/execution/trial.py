"""One trial after another: the base is cut along the plan and trained rung by rung. Knows nothing of who runs it."""

import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch
from torch import nn

from pruning.importance.base import Scores
from pruning.plan import Plan
from pruning.selection import select
from pruning.slicing import slice_model
from search.control.session import Report
from search.setup.search_ground import SearchGround
from search.space.history import TrialSpec
from trainers.memory import with_less_memory
from trainers.proxy import ProxyData, RungScore, proxy_rungs
from trainers.recipe import ProxyRecipe

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrialContext:
    """What every trial shares.

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

    @classmethod
    def of(cls, ground: SearchGround) -> "TrialContext":
        """Return the part of a search's ground that trials need: it travels to every actor."""
        prepared = ground.prepared
        return cls(
            base=ground.base.module,
            plan=prepared.plan,
            scores=ground.space.scores,
            data=ground.data,
            recipe=prepared.proxy_recipe,
            seed=prepared.config.seed,
            threads=max(1, int(prepared.config.cpus_per_trial)),
        )


class TrialWorker:
    """Serves one trial after another. A fault becomes part of the result: who asked records it, and the worker goes on.

    Args:
        name: of the worker, as the ledger shall tell it.
    """

    def __init__(self, context: TrialContext, name: str) -> None:
        self._context, self._name = context, name
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._served = 0

    def begin(self, config: Mapping[str, Any]) -> None:
        """Take up a trial, as `trial_config` describes it; nothing is computed yet."""
        self._trial = int(config["trial"])
        self._allocation = tuple(config["allocation"])
        self._importance = str(config["importance"])
        self._started = datetime.now(UTC)
        self._compute_s = 0.0
        self._served += 1
        self._rungs: Iterator[tuple[RungScore, str | None]] | None = None

    def step(self) -> dict[str, Any]:
        """Train to the next rung; what came of it, as plain values."""
        begun = time.perf_counter()
        found = self._next()
        self._compute_s += time.perf_counter() - begun
        return self._told() | found

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
            "actor": self._name,
            "actor_pid": os.getpid(),
            "started": self._started.isoformat(),
            "now": datetime.now(UTC).isoformat(),
            "compute_s": self._compute_s,
            "served": self._served,
        }


def trial_config(spec: TrialSpec) -> dict[str, Any]:
    """A trial as a worker is told of it."""
    return {
        "trial": spec.trial,
        "allocation": list(spec.allocation),
        "importance": spec.proposal.strategy.importance,
    }


def report_of(result: Mapping[str, Any]) -> Report:
    """A step's result as the session takes it."""
    error = result.get("error")
    loss = float(result.get("loss", math.nan))
    return Report(
        trial=int(result["trial"]),
        actor=str(result["actor"])[:12],
        pid=int(result["actor_pid"]),
        started=datetime.fromisoformat(result["started"]),
        now=datetime.fromisoformat(result["now"]),
        compute_s=float(result["compute_s"]),
        served=int(result["served"]),
        rung=None if error else int(result["rung"]),
        epochs=int(result.get("epochs", 0)),
        accuracy=float(result["accuracy"]),
        loss=loss,
        error=error,
        note=result.get("note"),
    )
