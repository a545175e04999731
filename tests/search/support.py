"""Small real pieces for the tests of the search: a plan, a space, a session with scores that tests dictate."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import torch
from torch import nn

from pruning.importance.base import Scores
from pruning.importance.registry import importance
from pruning.models import ModelSpec, create_model
from pruning.plan import Plan
from pruning.planning import build_plan
from search.control.deadline import Deadline
from search.control.halving import Halving
from search.control.master import Limits
from search.control.report import Report
from search.control.rules import Rules
from search.control.session import SearchSession
from search.proposers.base import Proposer
from search.space.budget import Budget
from search.space.history import History, TrialSpec
from search.space.profile import profile_plan
from search.space.results import TrialResult
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy
from tracking.kinds import TrialState
from tracking.ledger import Ledger
from tracking.payloads import Rung

SPEC = ModelSpec("resnet18_quarter", 10, (1, 32, 32))
UNSET = Deadline()
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def base() -> nn.Module:
    torch.manual_seed(0)
    return create_model(SPEC)


@cache
def plan() -> Plan:
    return build_plan(base(), SPEC)


@cache
def scores() -> dict[str, Scores]:
    return {name: importance(name).scores(base(), plan(), None) for name in ("l2", "l1")}


def space(share: float = 0.1, *, seed: int = 0, round_to: int = 1) -> SearchSpace:
    return space_of(plan(), scores(), int(plan().baseline_macs * share), seed=seed, round_to=round_to)


def space_of(of: Plan, by: Mapping[str, Scores], target_macs: int, *, seed: int = 0, round_to: int = 1) -> SearchSpace:
    """The space of a plan at a target, without images: what no test of proposing or deciding looks at."""
    return SearchSpace(profile_plan(of), Budget(target_macs), tuple(by), round_to, seed, of, by)


def strategy(ratio: float = 0.3, of: SearchSpace | None = None) -> Strategy:
    return Strategy(tuple(ratio for _ in (of or space()).profile.sets))


def spec(trial: int, *, ratio: float = 0.3, macs: int = 1000) -> TrialSpec:
    proposal = Proposal(strategy(ratio), "test", "because")
    allocation = tuple(max(1, round(ratio * group.units)) for group in plan().groups)
    return TrialSpec(trial, proposal, allocation, macs, 10, macs, in_band=True)


def history(
    accuracies: Sequence[Sequence[float] | None],
    *,
    window: int = 1,
    state: TrialState = TrialState.COMPLETED,
) -> History:
    """Trials with these accuracies by rung; None is one that still runs."""
    made = History(window)
    for trial, scores in enumerate(accuracies):
        made.add(spec(trial, ratio=0.1 + 0.05 * trial))
        if scores is not None:
            made.end(TrialResult(trial, state, tuple(scores)))
    return made


def session(
    ledger: Ledger,
    proposer: Proposer,
    of: SearchSpace,
    *,
    trials: int = 6,
    window: int = 2,
    rungs: int = 2,
    projection: bool = True,
    eta: float = 3.0,
    duplicates: int = 5,
    revisions: int = 4,
    deadline: Deadline = UNSET,
    substitute: Proposer | None = None,
) -> SearchSession:
    rules = Rules(Limits(trials, revisions, duplicates), Halving(eta), projection, rungs, deadline)
    return SearchSession(of, proposer, rules, ledger, window, substitute)


def report(
    trial: int, rung: int | None, accuracy: float = 0.5, *, error: str | None = None, note: str | None = None
) -> Report:
    seconds = trial * 10 + (rung or 0) + 1
    return Report(
        trial=trial,
        actor="actor",
        pid=1,
        started=EPOCH + timedelta(seconds=trial * 10),
        now=EPOCH + timedelta(seconds=seconds),
        compute_s=seconds - trial * 10 - 0.5,
        served=trial + 1,
        rung=None if rung is None else Rung(trial=trial, rung=rung, epochs=rung + 1, accuracy=accuracy, loss=1.0),
        error=error,
        note=note,
    )


def ledger_at(folder: Path) -> Ledger:
    return Ledger.create(folder / "ledger.jsonl")


class FixedProposer(Proposer):
    """Hands out given strategies in order, the last for ever; None stands for "not yet"."""

    name = "fixed"

    def __init__(self, of: SearchSpace, strategies: Sequence[Strategy | None]) -> None:
        super().__init__(of)
        self.strategies = list(strategies)
        self.asked = 0

    def propose(self, ticket: int, history: History) -> Proposal | None:
        self.asked += 1
        chosen = self.strategies.pop(0) if len(self.strategies) > 1 else self.strategies[0]
        return None if chosen is None else Proposal(chosen, self.name, f"ticket {ticket}")
