"""From proposals to trials: each is put on the budget and held against the trials before it, or turned back."""

from pruning.allocation import allocate
from pruning.plan import Allocation
from pruning.projection import project
from search.control.records import record_of, spec_of
from search.space.history import History, TrialSpec
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal
from tracking.kinds import TURNED_BACK, DecisionKind, Ranking
from tracking.ledger import Ledger
from tracking.payloads import Decision, Payload, Proposed
from tracking.totals import COMMON_START


class Admission:
    """Decides which proposals become trials, and writes each verdict down before it counts.

    Attributes:
        repeated_in_a_row: how many of the last proposals repeated an earlier trial.
    """

    def __init__(self, space: SearchSpace, history: History, ledger: Ledger, *, projection: bool) -> None:
        self._space, self._history, self._ledger, self._projection = space, history, ledger, projection
        self._turned_back = dict.fromkeys(TURNED_BACK, 0)
        self.repeated_in_a_row = 0

    @property
    def missed(self) -> int:
        """How many proposals were turned back because they missed the band."""
        return self._turned_back[DecisionKind.MISSED]

    @property
    def asked(self) -> int:
        """How many proposals were asked for so far, the common start included."""
        return len(self._history) + sum(self._turned_back.values())

    def admit(self, proposal: Proposal) -> TrialSpec | None:
        """Make a trial of a proposal; None if it was turned back."""
        spec = make_trial(proposal, len(self._history), self._space, projection=self._projection)
        twin = next((old for old in self._history if _are_same_model(old, spec)), None)
        if twin is not None:
            self.repeated_in_a_row += 1
            self._turn_back(DecisionKind.REPEATED, f"{proposal.proposer} repeated trial {twin.trial}", twin.trial)
            return None
        if not self._projection and not spec.in_band and proposal.proposer != COMMON_START:
            band = self._space.budget.band_macs
            why = f"{proposal.proposer} asked for {spec.requested_macs:,} MACs, outside {band}"
            self._turn_back(DecisionKind.MISSED, why)
            return None
        self.repeated_in_a_row = 0
        self._ledger.record(record_of(spec))
        self._history.add(spec)
        return spec

    def restore(self, payload: Payload) -> None:
        """Take up one event of an interrupted run; those that are no verdict change nothing."""
        match payload:
            case Proposed():
                self._history.add(spec_of(payload))
                self.repeated_in_a_row = 0
            case Decision(decision=kind) if kind in TURNED_BACK:
                self._turned_back[kind] += 1
                self.repeated_in_a_row += kind is DecisionKind.REPEATED

    def _turn_back(self, kind: DecisionKind, reason: str, twin: int | None = None) -> None:
        self._ledger.record(Decision(decision=kind, reason=reason, trial=twin))
        self._turned_back[kind] += 1


def make_trial(proposal: Proposal, number: int, space: SearchSpace, *, projection: bool) -> TrialSpec:
    """Work out what a trial of a proposal would cut.

    Args:
        proposal: what was asked for.
        number: of the trial.
        space: its plan prices the units.
        projection: whether the request is moved onto the budget. The common start always is.
    """
    plan, budget = space.plan, space.budget
    requested = allocation = _requested(proposal, space)
    if projection or proposal.proposer == COMMON_START:
        allocation = project(plan, requested, budget.target_macs, round_to=proposal.strategy.round_to).allocation
    requested_macs = plan.macs(requested)
    return TrialSpec(
        trial=number,
        proposal=proposal,
        allocation=tuple(allocation),
        macs=plan.macs(allocation),
        params=plan.params(allocation),
        requested_macs=requested_macs,
        in_band=budget.holds(requested_macs),
    )


def _requested(proposal: Proposal, space: SearchSpace) -> Allocation:
    """What a proposal comes to by itself, before projection."""
    if proposal.allocation is not None:
        return space.plan.check(proposal.allocation)
    strategy = proposal.strategy
    scores = space.scores[strategy.importance] if strategy.ranking is Ranking.JOINT else None
    return allocate(space.plan, strategy.ratios, scores=scores)


def _are_same_model(first: TrialSpec, second: TrialSpec) -> bool:
    """The same allocation by the same criterion keeps the same units: the trial would repeat itself to the bit."""
    return (
        first.allocation == second.allocation
        and first.proposal.strategy.importance == second.proposal.strategy.importance
    )
