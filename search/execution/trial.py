"""What a trial does: the base is cut along the plan and trained rung by rung. Knows nothing of who runs it."""

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from pruning.importance.base import Scores
from pruning.plan import Plan
from pruning.selection import select
from pruning.slicing import slice_model
from search.control.report import Report
from search.space.history import TrialSpec
from tracking.payloads import Rung
from trainers.memory import with_less_memory
from trainers.proxy import ProxyData, proxy_rungs
from trainers.recipe import ProxyRecipe
from trainers.rung_score import RungScore

if TYPE_CHECKING:  # each trial worker imports this file, and makes no ground
    from search.setup.search_ground import SearchGround

_log = logging.getLogger(__name__)


class Trials(Protocol):
    """What every trial shares, whatever scores them: it travels to every actor."""

    @property
    def base(self) -> nn.Module:
        """The trained, unpruned model."""

    @property
    def plan(self) -> Plan:
        """Its plan."""

    @property
    def scores(self) -> Mapping[str, Scores]:
        """Importance of each unit of each group, by criterion."""

    @property
    def threads(self) -> int:
        """Torch threads of one trial."""

    @property
    def batch_size(self) -> int:
        """Images of a step. After an error for want of memory the trial is tried with fewer."""

    def rungs(self, model: nn.Module, batch_size: int, device: torch.device) -> Iterator[RungScore]:
        """Score a sliced model, rung by rung."""


@dataclass(frozen=True, slots=True)
class TrialContext:
    """What every trial shares that is scored by the proxy.

    Attributes:
        base: the trained, unpruned model.
        scores: importance of each unit of each group, by criterion.
        data: the images that trials are trained and scored on.
        recipe: of the proxy.
        seed: one for all trials.
        threads: torch threads of one trial.
    """

    base: nn.Module
    plan: Plan
    scores: Mapping[str, Scores]
    data: ProxyData
    recipe: ProxyRecipe
    seed: int
    threads: int

    @property
    def batch_size(self) -> int:
        """Images of a training step."""
        return self.recipe.batch_size

    def rungs(self, model: nn.Module, batch_size: int, device: torch.device) -> Iterator[RungScore]:
        """Train and score a sliced model by the proxy."""
        recipe = self.recipe.model_copy(update={"batch_size": batch_size})
        # One seed for all trials: they differ in what was cut, and in nothing else.
        output = self.plan.spec.output
        return proxy_rungs(model, self.data, recipe, seed=self.seed, device=device, output=output)

    @classmethod
    def of(cls, ground: "SearchGround") -> "TrialContext":
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
    """Serves one trial after another. An error becomes a report, which the session records, and the worker goes on.

    Args:
        context: what every trial shares.
        name: of the worker, as the ledger shall have it.
        device: returns what it computes on: a GPU only if the worker was given one. An error of it is that of the
            trial.
    """

    def __init__(self, context: Trials, name: str, device: Callable[[], torch.device]) -> None:
        self._context, self._name, self._device = context, name, device
        self._served = 0

    def begin(self, config: Mapping[str, Any]) -> None:
        """Take up a trial, as `trial_config` describes it; nothing is computed yet."""
        self._trial = int(config["trial"])
        self._allocation = tuple(config["allocation"])
        self._importance = str(config["importance"])
        self._started, self._began = datetime.now(UTC), time.monotonic()
        self._compute_s = 0.0
        self._served += 1
        self._scores: Iterator[tuple[RungScore, str | None]] | None = None

    def step(self) -> Report:
        """Train to the next rung, and report what came of it."""
        begun = time.perf_counter()
        rung, note, error = self._try_next()
        self._compute_s += time.perf_counter() - begun
        return Report(
            trial=self._trial,
            actor=self._name,
            pid=os.getpid(),
            started=self._started,
            # not the time of day, which may be set back
            now=self._started + timedelta(seconds=time.monotonic() - self._began),
            compute_s=self._compute_s,
            served=self._served,
            rung=rung,
            error=error,
            note=note,
        )

    def _try_next(self) -> tuple[Rung | None, str | None, str | None]:
        """The next rung with the note that goes with it, or an error."""
        try:
            if self._scores is None:
                self._scores = with_less_memory(self._train, self._context.batch_size)
            score, note = next(self._scores)
            return Rung(trial=self._trial, **dataclasses.asdict(score)), note, None
        except Exception as error:  # noqa: BLE001  whatever it is, it ends this trial alone, and is recorded
            _log.exception("trial %s failed", self._trial)
            return None, None, "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])

    def _train(self, batch_size: int) -> Iterator[RungScore]:
        shared, device = self._context, self._device()
        selection = select(shared.scores[self._importance], self._allocation)
        return shared.rungs(slice_model(shared.base, shared.plan, selection), batch_size, device)


def trial_config(spec: TrialSpec) -> dict[str, Any]:
    """Return what a worker needs to know of a trial, as plain values."""
    return {
        "trial": spec.trial,
        "allocation": list(spec.allocation),
        "importance": spec.proposal.strategy.importance,
    }
