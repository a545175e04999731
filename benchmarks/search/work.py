"""Doing one job, in a process of the pool."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers import pruned_to
from benchmarks.search.cell import Cell, Timed, search_cell
from benchmarks.search.memo import Memo
from benchmarks.search.protocol import PEERS, Job, Kind, Place, Terms
from pruning.allocation import allocate
from pruning.projection import project
from search.control.session import SearchSession
from search.proposers.random import RandomProposer
from search.setup.groundwork import session_rules
from search.space.history import History, TrialSpec
from tracking.events import payloads_of
from tracking.kinds import Ranking
from tracking.ledger import Ledger
from tracking.payloads import TrialEnded
from trainers.proxy import RungScore

SECOND_SEED = 1_000_003
"""Added to a fine-tune's seed where the same model is fine-tuned once more, to see how far chance alone moves ranks."""


def identity(terms: Terms, job: Job) -> dict[str, Any]:
    """What the job's result is the result of."""
    return {"what": job.kind.value, "terms": terms.key, "place": job.place._asdict(), "name": job.name}


def do(terms: Terms, folder: Path, job: Job) -> dict[str, Any]:
    """The job's result, made now unless the folder holds it. `job_s` in it: the seconds that this took."""
    torch.set_num_threads(1)
    memo = Memo(folder)
    return memo.get(identity(terms, job), lambda: _timed(terms, memo, folder, job))


def _timed(terms: Terms, memo: Memo, folder: Path, job: Job) -> dict[str, Any]:
    began = time.monotonic()
    return {**_made(terms, memo, folder, job), "job_s": time.monotonic() - began}


def _made(terms: Terms, memo: Memo, folder: Path, job: Job) -> Mapping[str, Any]:
    cell = _cell(terms, job.place)
    match job.kind:
        case Kind.BASE:
            return {"holdout_accuracy": cell.base.accuracy_holdout, "macs": cell.prepared.plan.baseline_macs}
        case Kind.ARM:
            return _arm(memo, folder, cell, job)
        case Kind.PEER:
            spec = cell.prepared.spec
            pruned = pruned_to(
                cell.base.module,
                spec.input_size,
                cell.target_macs,
                classes=spec.num_classes,
                isomorphic=PEERS[job.name],
            )
            return {"target_macs": cell.target_macs, **asdict(cell.trained(pruned))}
        case Kind.PROXY:
            return _proxied(cell, int(job.name))


@lru_cache(maxsize=2)
def _cell(terms: Terms, place: Place) -> Cell:
    """Kept from one job of a cell to the next; every arm reads the same."""
    return Cell.of(terms.config(place, "random"), base_epochs=terms.base_epochs)


def _arm(memo: Memo, folder: Path, cell: Cell, job: Job) -> dict[str, Any]:
    ledgers = folder / "ledgers"
    ledgers.mkdir(exist_ok=True)
    path = ledgers / f"{job.place.model.rpartition(':')[2]}-{job.place.share}-s{job.place.seed}-{job.name}.jsonl"
    path.unlink(missing_ok=True)  # of a job that was cut short
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
        lambda: asdict(cell.trained(cell.cut(criterion, allocation))),
    )
    return {
        "target_macs": cell.target_macs,
        **tuned,
        "winner": spec.trial,
        "proxy": result.accuracy,
        "trials": len(session.history),
        "over_budget": _over(session, cell.target_macs),
        "ledger": path.name,
        "curve": _curve(ended),
    }


def _scores(memo: Memo, cell: Cell, spec: TrialSpec) -> Iterable[Timed]:
    """Of the first trials, which halving stops at no rung, those alike are scored once for all arms of a cell."""
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
    """Names a pruned model, and the seed that it is trained with."""
    return {
        "base": cell.base.path.name,
        "seed": cell.prepared.config.seed,
        "criterion": criterion,
        "allocation": allocation,
    }


def _over(session: SearchSession, target_macs: int) -> int:
    return sum(spec.macs > target_macs for spec in session.history)


def _curve(ended: tuple[TrialEnded, ...]) -> list[dict[str, Any]]:
    """For each trial in turn: its score if it was completed, and the seconds of compute that it took."""
    return [
        {"accuracy": trial.accuracy if trial.state.value == "completed" else None, "seconds": trial.wall_s}
        for trial in sorted(ended, key=lambda trial: trial.trial)
    ]


def _proxied(cell: Cell, number: int) -> dict[str, Any]:
    """The proxy to its end, and the fine-tune twice, of one allocation drawn at random."""
    plan, seed = cell.prepared.plan, cell.prepared.config.seed
    criterion, allocation = _drawn(cell, number)
    scores = [timed.score for timed in cell.rungs(criterion, allocation)]
    tuned = [cell.trained(cell.cut(criterion, allocation), seed + extra).accuracy for extra in (0, SECOND_SEED)]
    return {
        "rungs": [{"epochs": score.epochs, "accuracy": score.accuracy} for score in scores],
        "tuned": tuned,
        "macs": plan.macs(allocation),
        "target_macs": cell.target_macs,
    }


def _drawn(cell: Cell, number: int) -> tuple[str, tuple[int, ...]]:
    """A criterion and an allocation on the budget, drawn by the arm `random`."""
    plan, space = cell.prepared.plan, cell.space
    strategy = RandomProposer(space).propose(1 + number, History(1)).strategy
    scores = space.scores[strategy.importance] if strategy.ranking is Ranking.JOINT else None
    wanted = allocate(plan, strategy.ratios, scores=scores)
    return strategy.importance, tuple(project(plan, wanted, cell.target_macs).allocation)
