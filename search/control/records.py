"""A trial as the ledger holds it, and back."""

from search.space.history import TrialSpec
from search.space.strategy import Proposal, Strategy
from tracking.payloads import Proposed, StrategyRecord


def record_of(spec: TrialSpec) -> Proposed:
    """Return the event of a new trial."""
    return Proposed(
        trial=spec.trial,
        proposer=spec.proposal.proposer,
        strategy=StrategyRecord.model_validate(spec.proposal.strategy.to_json()),
        requested_macs=spec.requested_macs,
        in_band=spec.in_band,
        allocation=spec.allocation,
        macs=spec.macs,
        params=spec.params,
        rationale=spec.proposal.rationale,
        requested_allocation=spec.proposal.allocation,
    )


def spec_of(record: Proposed) -> TrialSpec:
    """Return the trial of an event."""
    strategy = Strategy.from_json(record.strategy.model_dump())
    return TrialSpec(
        trial=record.trial,
        proposal=Proposal(strategy, record.proposer, record.rationale, record.requested_allocation),
        allocation=tuple(record.allocation),
        macs=record.macs,
        params=record.params,
        requested_macs=record.requested_macs,
        in_band=record.in_band,
    )
