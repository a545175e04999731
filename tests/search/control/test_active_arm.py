"""Who is asked for the next proposal, and with which ticket."""

from search.control.active_arm import ActiveArm
from search.proposers.tpe import TPEProposer
from search.space.history import History
from tests.search import support
from tracking.kinds import Course
from tracking.totals import COMMON_START


def arm(name: str) -> support.FixedProposer:
    space = support.space()
    proposer = support.FixedProposer(space, [support.strategy(0.3, space)])
    proposer.name = name
    return proposer


def test_the_first_proposal_is_the_common_start() -> None:
    proposer = arm("first")
    start = ActiveArm(support.space(), proposer).propose(0, History(1))
    assert start is not None
    assert (start.proposer, proposer.asked) == (COMMON_START, 0)


def test_tickets_begin_anew_with_the_substitute() -> None:
    """FixedProposer says its ticket: ticket 0 is the common start's, so each arm's own first ticket is 1."""
    both = ActiveArm(support.space(), arm("first"), arm("second"))
    asked_of = []
    for asked in (1, 2, 3):
        if asked == 3:
            both.take_over(asked)
        proposal = both.propose(asked, History(1))
        assert proposal is not None
        asked_of.append((proposal.proposer, proposal.rationale))
    assert asked_of == [("first", "ticket 1"), ("first", "ticket 2"), ("second", "ticket 1")]
    assert both.substitute is None


def test_whoever_takes_over_has_no_course() -> None:
    space = support.space()
    both = ActiveArm(space, TPEProposer(space), arm("second"))
    both.steer(Course.WIDEN)
    assert (both.course, both.is_steerable) == (Course.WIDEN, True)
    both.take_over(3)
    assert (both.course, both.is_steerable) == (None, False)
