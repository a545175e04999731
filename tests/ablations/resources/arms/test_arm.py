"""What arms decide: which attempts they want, which answer is final, and what they are charged for."""

import itertools

import pytest

from ablations.resources.arms.arm import Arm, Final, Wanted, Way, arms_of, next_of_all
from ablations.resources.arms.attempt import Attempt
from ablations.resources.arms.outcomes import Problem, outcome_of, outcomes_of
from ablations.resources.arms.places import ROOT, Place, branches, samples, tree_size
from ablations.resources.arms.resource import Resource
from tests.ablations.resources.samples import MISSING, RIGHT, VISIBLE_ONLY, WRONG, attempt, seen

TREE = Arm("small", Way.BRANCHING, 3)


@pytest.mark.parametrize("place", [ROOT, Place(0, 14), Place(1, 1), Place(3, 7)])
def test_a_place_survives_its_text(place: Place) -> None:
    assert Place.read(str(place)) == place


def test_a_branch_descends_from_the_root() -> None:
    assert Place(3, 5).ancestors == (ROOT, Place(1, 1), Place(2, 2))
    assert Place(0, 5).ancestors == ()
    assert [tree_size(depth) for depth in range(4)] == [1, 3, 7, 15]


def test_names_are_those_of_the_question() -> None:
    assert [arm.name for arm in arms_of("small", 15, 3)] == ["small@1", "small@15", "small@branching"]
    assert [arm.name for arm in arms_of("large", 1, 0)] == ["large@1"]
    assert [arm.most_calls for arm in arms_of("small", 5, 3)] == [1, 5, 15]


def test_the_first_sample_that_passes_the_visible_tests_is_the_answer_and_those_behind_it_are_free() -> None:
    arm = Arm("small", Way.SAMPLES, 4)
    assert arm.next({}) == Wanted(samples(4))
    assert arm.next(seen(WRONG, VISIBLE_ONLY, RIGHT, RIGHT)) == Final(Place(0, 1), samples(2))
    assert arm.next(seen(WRONG, WRONG, WRONG, WRONG)) == Final(None, samples(4))


def test_a_tree_stops_at_the_first_level_with_a_success_and_pays_for_all_of_it() -> None:
    assert TREE.next({}) == Wanted((ROOT,))
    assert TREE.next(seen(RIGHT)) == Final(ROOT, (ROOT,))
    assert TREE.next(seen(WRONG)) == Wanted(branches(1))
    end = TREE.next(seen(WRONG, level_1="xx", level_2="xvrx"))
    assert end == Final(Place(2, 1), (ROOT, *branches(1), *branches(2)), level=2)
    assert TREE.next(seen(WRONG, level_1="xx", level_2="xxxx", level_3="x" * 8)) == Final(
        None, (ROOT, *branches(1), *branches(2), *branches(3)), level=3
    )


def test_a_level_that_is_cut_off_goes_on_where_it_was() -> None:
    assert TREE.next(seen(WRONG, level_1="xx", level_2="xx")) == Wanted((Place(2, 2), Place(2, 3)))


def test_what_is_missing_is_no_failure() -> None:
    assert Arm("small", Way.SAMPLES, 3).next(seen(WRONG, MISSING, RIGHT)) == Final(None, samples(2), missing=True)
    assert Arm("small", Way.SAMPLES, 3).next(seen(RIGHT, MISSING, RIGHT)) == Final(ROOT, samples(1))
    end = TREE.next(seen(WRONG, level_1="rm"))
    assert end == Final(None, (ROOT, *branches(1)), level=1, missing=True)
    outcome = outcome_of(TREE, seen(WRONG, level_1="rm"))
    assert outcome is not None
    assert outcome.solved is None


def test_no_decision_reads_the_held_out_tests() -> None:
    """Whatever the held-out tests say, the same is wanted, chosen and charged for."""
    arms = arms_of("small", 2, 1)
    for ends in itertools.product((False, True), repeat=4):
        visible = dict(zip((*samples(2), *branches(1)), ends, strict=True))
        steps = set()
        for held_out in itertools.product((False, True), repeat=4):
            attempts = {
                place: Attempt(passed, passed and solved)
                for (place, passed), solved in zip(visible.items(), held_out, strict=True)
            }
            steps.add(tuple(arm.next(attempts) for arm in arms))
        assert len(steps) == 1


def test_arms_share_the_first_attempt() -> None:
    arms = arms_of("small", 3, 2)
    assert next_of_all(arms, {}) == samples(3)
    assert next_of_all(arms, seen(WRONG, WRONG, WRONG)) == branches(1)
    assert next_of_all(arms, seen(WRONG, WRONG, WRONG, level_1="xr")) == ()


def test_outcomes_add_up_all_branches_and_memory_does_not_add_up() -> None:
    attempts = {
        ROOT: attempt(WRONG, tokens=10, memory=5e6),
        Place(1, 0): attempt(RIGHT, tokens=20, memory=7e6),
        Place(1, 1): attempt(WRONG, tokens=30, memory=6e6),
    }
    arms = arms_of("small", 1, 1)
    found = outcomes_of((Problem("1", "lists"),), arms, {"small": [attempts]})
    (once,), (tree,) = (found.of(arm) for arm in arms)
    assert once is not None
    assert tree is not None
    assert (once.solved, tree.solved) == (False, True)
    used = {Resource.CALLS: 3.0, Resource.TOKENS: 60.0, Resource.MEMORY: 7e6, Resource.USD: None}
    assert {name: tree.used[name] for name in used} == used
    assert found.used(arms[1], Resource.USD, [0]) is None, "what is missing of one task is missing of all"


def test_a_task_without_attempts_is_not_known() -> None:
    arms = arms_of("small", 2, 1)
    found = outcomes_of((Problem("1", "a"), Problem("2", "a")), arms, {"small": [seen(RIGHT, WRONG), {}]})
    assert [found.known(arm) for arm in arms] == [(0,), (0,), (0,)]
    assert found.tallies["small"][1] is None
