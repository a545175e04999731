"""A node that takes trials and loses them: the search ends, and leaves what ran to a resume."""

from pathlib import Path

from search.execution.starting import describe_unfit
from search.execution.tuning import ServedSearch
from search.proposers.random import RandomProposer
from tests.search import support
from tracking.events import payloads_of
from tracking.kinds import DecisionKind
from tracking.payloads import Decision, TrialEnded


def _lose_the_first(folder: Path, unfit: list[str]) -> tuple[ServedSearch, list[DecisionKind]]:
    """A search whose first trial is lost twice, and what was decided."""
    space = support.space()
    with support.ledger_at(folder) as ledger:
        session = support.session(ledger, RandomProposer(space), space, trials=3)
        served = ServedSearch(session, lambda: 1, lambda: unfit)
        for _ in range(2):
            config = served.take().config
            if config is not None:
                served.lost(config)
        assert bool(payloads_of(ledger.events, TrialEnded)) is not bool(unfit)
        assert bool(session.history.running) is bool(unfit)
        return served, [decision.decision for decision in payloads_of(ledger.events, Decision)]


def test_a_node_that_starts_nothing_ends_the_search_and_no_trial(tmp_path: Path) -> None:
    served, decisions = _lose_the_first(tmp_path, ["10.0.0.2"])
    assert served.interrupted
    assert DecisionKind.RETRIED not in decisions
    text = describe_unfit(served.unfit_nodes)
    assert "on the node 10.0.0.2 Ray's processes now end as they start" in text
    assert "df -h /tmp" in text


def test_where_all_nodes_are_well_a_lost_trial_runs_once_more_and_then_has_failed(tmp_path: Path) -> None:
    served, decisions = _lose_the_first(tmp_path, [])
    assert not served.interrupted
    assert decisions.count(DecisionKind.RETRIED) == 1
