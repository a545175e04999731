"""Run one job in a process of the pool."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers import prune_to
from benchmarks.search.cell import Cell, Timed, search_cell
from benchmarks.search.memo import Memo
from benchmarks.search.protocol import PEERS, Job, Kind, Place, Terms
from pruning.allocation import allocate
from pruning.projection import project
from search.control.session import SearchSession
from search.proposers.random import RandomProposer
from search.setup.rules import session_rules
from search.space.history import History, TrialSpec
from tracking.events import payloads_of
from tracking.kinds import Ranking
from tracking.ledger import Ledger
from tracking.payloads import TrialEnded
from trainers.rung_score import RungScore

SECOND_SEED = 1_000_003
"""Added to a fine-tune's seed for a second fine-tune of the same model, which shows how far chance changes ranks."""


def identity(terms: Terms, job: Job) -> dict[str, Any]:
    """The description of the job's inputs under which its result is stored."""
    return {"what": job.kind.value, "terms": terms.key, "place": job.place._asdict(), "name": job.name}


def run_job(terms: Terms, folder: Path, job: Job) -> dict[str, Any]:
    """Read the job's result from the folder, or compute and store it; its `job_s` is the seconds that it took."""
    torch.set_num_threads(1)
    memo = Memo(folder)
    return memo.get(identity(terms, job), lambda: _make_timed(terms, memo, folder, job))


def _make_timed(terms: Terms, memo: Memo, folder: Path, job: Job) -> dict[str, Any]:
    began = time.monotonic()
    return {**_make_result(terms, memo, folder, job), "job_s": time.monotonic() - began}


def _make_result(terms: Terms, memo: Memo, folder: Path, job: Job) -> Mapping[str, Any]:
    cell = _cell(terms, job.place)
    match job.kind:
        case Kind.BASE:
            return {"holdout_accuracy": cell.ground.base.accuracy_holdout, "macs": cell.prepared.plan.baseline_macs}
        case Kind.ARM:
            return _arm(memo, folder, cell, job)
        case Kind.PEER:
            spec = cell.prepared.spec
            pruned = prune_to(
                cell.ground.base.module,
                spec.image_size,
                cell.target_macs,
                classes=spec.num_classes,
                isomorphic=PEERS[job.name],
            )
            return {"target_macs": cell.target_macs, **asdict(cell.finetune(pruned))}
        case Kind.PROXY:
            return _evaluate_proxy(cell, int(job.name))


@lru_cache(maxsize=2)
def _cell(terms: Terms, place: Place) -> Cell:
    """The cell, cached from one of its jobs to the next; all arms share it."""
    return Cell.of(terms.config(place, "random"), base_epochs=terms.base_epochs)


def _arm(memo: Memo, folder: Path, cell: Cell, job: Job) -> dict[str, Any]:
    ledgers = folder / "ledgers"
    ledgers.mkdir(exist_ok=True)
    path = ledgers / f"{job.place.model.rpartition(':')[2]}-{job.place.share}-s{job.place.seed}-{job.name}.jsonl"
    path.unlink(missing_ok=True)  # left by an interrupted job
    with Ledger.create(path) as ledger:
        session = search_cell(cell, job.name, ledger, lambda spec: _scores(memo, cell, spec))
        ended = payloads_of(ledger.events, TrialEnded)
    best = session.history.best()
    assert best is not None, f"no trial of {job.name} was completed"
    spec, result = best
    criterion, allocation = spec.proposal.strategy.importance, spec.allocation
    tuned = memo.get(
        {
            "what": "finetune",
            "recipe": cell.prepared.recipe.model_dump(mode="json"),
            **_cut(cell, criterion, allocation),
        },
        lambda: asdict(cell.finetune(cell.cut(criterion, allocation))),
    )
    return {
        "target_macs": cell.target_macs,
        **tuned,
        "winner": spec.trial,
        "proxy": result.accuracy,
        "trials": len(session.history),
        "over_budget": _count_over_budget(session, cell.target_macs),
        "ledger": path.name,
        "curve": _curve(ended),
    }


def _scores(memo: Memo, cell: Cell, spec: TrialSpec) -> Iterable[Timed]:
    """A trial's scores; equal trials within the grace period are scored once for all arms of a cell.

    Halving stops none of the first trials, so their scores are always complete.
    """
    criterion, allocation = spec.proposal.strategy.importance, spec.allocation
    if spec.trial >= session_rules(cell.prepared).halving.grace:
        return cell.rungs(criterion, allocation)
    held = memo.get(
        {
            "what": "trial",
            "recipe": cell.prepared.proxy_recipe.model_dump(mode="json"),
            **_cut(cell, criterion, allocation),
        },
        lambda: {"scores": [asdict(timed) for timed in cell.rungs(criterion, allocation)]},
    )
    return [Timed(RungScore(**timed["score"]), timed["seconds"]) for timed in held["scores"]]


def _cut(cell: Cell, criterion: str, allocation: tuple[int, ...]) -> dict[str, Any]:
    """The description of a pruned model and of the seed that it is trained with."""
    return {
        "base": cell.ground.base.path.name,
        "seed": cell.prepared.config.seed,
        "criterion": criterion,
        "allocation": allocation,
    }


def _count_over_budget(session: SearchSession, target_macs: int) -> int:
    return sum(spec.macs > target_macs for spec in session.history)


def _curve(ended: tuple[TrialEnded, ...]) -> list[dict[str, Any]]:
    """For each trial in order, its score if it was completed, and the seconds of compute that it took."""
    return [
        {"accuracy": trial.accuracy if trial.state.value == "completed" else None, "seconds": trial.wall_s}
        for trial in sorted(ended, key=lambda trial: trial.trial)
    ]


def _evaluate_proxy(cell: Cell, number: int) -> dict[str, Any]:
    """Score one random allocation by the whole proxy, and fine-tune it twice with different seeds."""
    plan, seed = cell.prepared.plan, cell.prepared.config.seed
    criterion, allocation = _draw_allocation(cell, number)
    scores = [timed.score for timed in cell.rungs(criterion, allocation)]
    tuned = [cell.finetune(cell.cut(criterion, allocation), seed + extra).accuracy for extra in (0, SECOND_SEED)]
    return {
        "rungs": [{"epochs": score.epochs, "accuracy": score.accuracy} for score in scores],
        "tuned": tuned,
        "macs": plan.macs(allocation),
        "target_macs": cell.target_macs,
    }


def _draw_allocation(cell: Cell, number: int) -> tuple[str, tuple[int, ...]]:
    """Draw a criterion and an allocation on the budget by the arm `random`."""
    plan, space = cell.prepared.plan, cell.ground.space
    strategy = RandomProposer(space).propose(1 + number, History(1)).strategy
    scores = space.scores[strategy.importance] if strategy.ranking is Ranking.JOINT else None
    wanted = allocate(plan, strategy.ratios, scores=scores)
    return strategy.importance, tuple(project(plan, wanted, cell.target_macs).allocation)
