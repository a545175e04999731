"""When a model is asked: the same calls at the same moments, however answers and hand-outs interleave."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.proposers.asking.schedule import BEGINNING, PATIENCE, Moment, Schedule
from tracking.kinds import Course

MOST_STEPS = 150

Fact = Moment | int
"""What a ledger holds: a hand-out at a moment, or an answer with so many strategies (none: a miss)."""


@dataclass(frozen=True)
class Script:
    """What happens in a search, whatever its timing.

    Attributes:
        answers: strategies that each call gives, in turn and over again; 0 is a miss.
        turned_back: whether each strategy handed out becomes no trial; those after the last one become trials.
        courses: the course at each hand-out, in turn and over again.
    """

    ahead: int
    trials: int
    answers: Sequence[int]
    turned_back: Sequence[bool]
    courses: Sequence[Course]


@dataclass
class Search:
    """Plays a script as the session, the proposer and its thread do."""

    script: Script
    schedule: Schedule
    ledger: list[Fact] = field(default_factory=list)
    asked: list[tuple[int, Moment]] = field(default_factory=list)
    snapshots: list[tuple[int, Schedule]] = field(default_factory=list)
    trial: int = 1
    handed: int = 0
    received: int = 0
    pending: bool = False
    answer: int | None = None

    @property
    def over(self) -> bool:
        return self.trial >= self.script.trials or (self.schedule.stuck is not None and self.waiting == 0)

    @property
    def waiting(self) -> int:
        return self.received - self.handed

    def play(self, choices: Iterable[bool]) -> "Search":
        """True: poll the proposer. False: let the pending call be answered. In the end, as both come."""
        if self.schedule.calls == 0:
            self._ask_if_due(starved=True)
        for poll in choices:
            self._step(poll=poll)
        for poll in [True, False] * MOST_STEPS:
            self._step(poll=poll)
        assert self.over, "the search stands still"
        return self

    def _step(self, *, poll: bool) -> None:
        if poll and not self.over:
            self._propose()
        elif not poll and self.pending and self.answer is None:
            self._answer()

    def _answer(self) -> None:
        self.answer = self.script.answers[self.schedule.calls % len(self.script.answers)]
        self.ledger.append(self.answer)

    def _propose(self) -> None:
        self._collect()
        moment = self._hand_out()
        self._ask_if_due(starved=moment is None)
        if moment is None:
            return
        if self.pending and self.answer is None and self.handed % 2:
            self._answer()  # a call that is answered before its own moment is in the ledger
        self.ledger.append(moment)
        number = self.handed - 1
        if not (number < len(self.script.turned_back) and self.script.turned_back[number]):
            self.trial += 1
        if self.answer is None:
            self.snapshots.append((len(self.ledger), copy.deepcopy(self.schedule)))

    def _hand_out(self) -> Moment | None:
        if self.waiting == 0:
            return None
        moment = Moment(self.trial, self.script.courses[self.handed % len(self.script.courses)])
        self.schedule.hand_out(moment)
        self.handed += 1
        return moment

    def _ask_if_due(self, *, starved: bool) -> None:
        moment = None if self.pending else self.schedule.due(starved=starved)
        if moment is not None:
            handed_now = 0 if starved else 1
            assert self.trial + handed_now + self.waiting < max(self.script.trials, 2), "some trial is left for it"
            self.asked.append((self.schedule.place, moment))
            self.pending = True

    def _collect(self) -> None:
        if self.answer is not None:
            assert self.schedule.place == self.asked[-1][0], "no hand-out moves the place of a pending call"
            feed(self.schedule, [self.answer])
            self.received += self.answer
            self.pending, self.answer = False, None


def feed(schedule: Schedule, facts: Iterable[Fact]) -> Schedule:
    for fact in facts:
        if isinstance(fact, Moment):
            schedule.hand_out(fact)
        elif fact:
            schedule.receive(fact)
        else:
            schedule.miss("nothing usable")
    return schedule


def new(script: Script) -> Schedule:
    return Schedule(script.ahead, script.trials)


def resumed(script: Script, ledger: Sequence[Fact]) -> Search:
    """The search that goes on from a ledger."""
    moments = [fact for fact in ledger if isinstance(fact, Moment)]
    turned_back = sum(script.turned_back[: len(moments)])
    schedule = feed(new(script), ledger)
    schedule.forgive()
    return Search(
        script,
        schedule,
        list(ledger),
        trial=1 + len(moments) - turned_back,
        handed=len(moments),
        received=sum(fact for fact in ledger if not isinstance(fact, Moment)),
    )


def scripts(fewest: int = 0) -> st.SearchStrategy[Script]:
    """`fewest`: strategies that an answer gives at least."""
    return st.builds(
        Script,
        ahead=st.integers(0, 4),
        trials=st.integers(1, 14),
        answers=st.lists(st.integers(fewest, 5), min_size=1, max_size=6),
        turned_back=st.lists(st.booleans(), max_size=12),
        courses=st.lists(st.sampled_from([Course.EXPLOIT, Course.WIDEN, Course.EXPLORE]), min_size=1, max_size=5),
    )


TIMINGS = st.lists(st.booleans(), max_size=60)


@given(scripts(), TIMINGS)
def test_the_calls_do_not_depend_on_the_timing(script: Script, timing: list[bool]) -> None:
    at_once = Search(script, new(script)).play([False, True] * 60)
    timed = Search(script, new(script)).play(timing)
    assert timed.asked == at_once.asked
    assert timed.trial == at_once.trial


@given(scripts(), TIMINGS)
def test_no_place_is_asked_again_after_a_usable_answer(script: Script, timing: list[bool]) -> None:
    search = Search(script, new(script)).play(timing)
    answers = [fact for fact in search.ledger if not isinstance(fact, Moment)]
    moments = [BEGINNING, *(fact for fact in search.ledger if isinstance(fact, Moment))]
    for (place, moment), answer, (following, _) in zip(search.asked, answers, search.asked[1:], strict=False):
        assert moment == moments[place]
        assert following == place if answer == 0 else following > place


@given(scripts(), TIMINGS)
def test_a_search_gets_all_its_trials_unless_its_model_fails(script: Script, timing: list[bool]) -> None:
    search = Search(script, new(script)).play(timing)
    assert search.trial == script.trials or search.schedule.stuck is not None


@given(scripts(), TIMINGS)
def test_a_schedule_from_the_ledger_is_the_live_one(script: Script, timing: list[bool]) -> None:
    search = Search(script, new(script)).play(timing)
    for recorded, live in search.snapshots:
        assert feed(new(script), search.ledger[:recorded]) == live


@given(scripts(fewest=1), TIMINGS, TIMINGS, st.data())
def test_a_search_cut_anywhere_goes_on_with_the_same_calls(
    script: Script, timing: list[bool], later: list[bool], data: st.DataObject
) -> None:
    whole = Search(script, new(script)).play(timing)
    cut = data.draw(st.integers(0, len(whole.ledger)))
    again = resumed(script, whole.ledger[:cut])
    answered = again.schedule.calls
    again.play(later)
    assert again.asked == whole.asked[answered:]
    assert again.trial == whole.trial


def test_a_call_is_due_while_as_many_as_said_still_wait() -> None:
    schedule = Schedule(ahead=1)
    assert schedule.due() == BEGINNING
    schedule.receive(3)
    moments = [Moment(trial, Course.EXPLOIT) for trial in (1, 2)]
    assert schedule.due() is None
    schedule.hand_out(moments[0])
    assert schedule.due() is None
    schedule.hand_out(moments[1])
    assert schedule.due() == moments[1]


def test_strategies_that_were_turned_back_are_made_up_for_when_none_waits() -> None:
    """The two received would fill the three trials, so no call is due before both were turned back."""
    schedule = Schedule(ahead=1, trials=3)
    schedule.receive(2)
    first, second = Moment(1, Course.EXPLOIT), Moment(1, Course.WIDEN)
    schedule.hand_out(first)
    schedule.hand_out(second)
    assert schedule.due() is None
    assert schedule.due(starved=True) == second, "the newest that can be shown"


@pytest.mark.parametrize("between", [0, 2])
def test_patience_ends_after_as_many_misses_in_a_row(between: int) -> None:
    schedule = Schedule(ahead=1)
    for _ in range(PATIENCE - 1):
        schedule.miss("too short")
    if between:
        schedule.receive(between)
    schedule.miss("too long")
    assert schedule.stuck == (None if between else "gave no usable strategy in 3 calls (last: too long)")
    schedule.forgive()
    assert schedule.stuck is None


def test_what_no_call_can_mend_ends_it_at_once() -> None:
    schedule = Schedule(ahead=1)
    schedule.give_up("unauthorised: bad key")
    assert schedule.due(starved=True) is None
    assert schedule.stuck == "cannot be asked (unauthorised: bad key)"
