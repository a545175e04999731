"""Tests of the coarse part of `benchmarks.budget`: its figures, and the search that projection is compared with."""

from itertools import islice, product

from benchmarks.budget import coarse_summary
from benchmarks.coarse import coarse_plans
from benchmarks.reachable import Reachable


def test_two_coarse_models_use_what_can_be_used() -> None:
    found = coarse_summary(islice(coarse_plans(), 2))
    assert found["coarse_models"] == 2
    assert found["coarse_over_budget"] == 0
    assert found["coarse_worst_used"] >= 0.995


def test_at_least_thirty_coarse_models() -> None:
    names = [plan.spec.name for plan in coarse_plans()]
    assert len(set(names)) == len(names) >= 30


def test_the_most_under_a_target_is_over_all_allocations() -> None:
    """Heads 1 to 4, MLPs of 16, 32, 48 or 64 neurons."""
    plan = next(coarse_plans())
    searched = Reachable(plan, 16)
    assert searched.exhaustive
    macs = [plan.macs(kept) for kept in product(range(1, 5), *[range(16, 65, 16)] * 2)]
    for target in (min(macs), plan.baseline_macs // 2, max(macs) - 1):
        assert searched.most(target) == max(each for each in macs if each <= target)


def test_a_random_search_climbs_to_what_exhaustion_finds() -> None:
    """The same model, once with every allocation evaluated and once as if there were too many."""
    plan = next(coarse_plans())
    sampled, whole = Reachable(plan, 1, most_allocations=100), Reachable(plan, 1)
    target = plan.baseline_macs * 2 // 3
    assert (sampled.exhaustive, whole.exhaustive) == (False, True)
    assert 0.999 * whole.most(target) <= sampled.most(target) <= whole.most(target)
