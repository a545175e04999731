"""The four questions, on outcomes of which the answers are known by hand."""

import pytest

from ablations.floor.questions import Verdict
from ablations.resources.arms.arm import arms_of
from ablations.resources.arms.outcomes import Outcomes, Problem, TaskOutcome
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.accuracy import comparisons, pass_at, solved_share
from ablations.resources.questions.balance import break_evens, cost_of, standings
from ablations.resources.questions.efficiency import efficiencies
from ablations.resources.questions.findings import findings_of
from ablations.resources.questions.levels import levels
from ablations.resources.questions.routing import fitted, halves, judged
from ablations.resources.questions.usage import usages
from benchmarks.resources.coverage import values
from benchmarks.resources.simulation import simulated

LARGE, SMALL = arms_of("large", 1, 0), arms_of("small", 1, 2)
ARMS = (*LARGE, *SMALL)


def outcome(
    solved: bool | None, *, calls: float = 1, level: int = 0, usd: float | None = None, memory: float | None = None
) -> TaskOutcome:
    used = {Resource.CALLS: calls, Resource.USD: usd, Resource.MEMORY: memory}
    return TaskOutcome(solved, bool(solved), level, used)


def outcomes(rows: dict[str, list[TaskOutcome | None]], categories: list[str] | None = None) -> Outcomes:
    names = ["a"] * len(next(iter(rows.values()))) if categories is None else categories
    count = len(names)
    problems = tuple(Problem(str(number), name) for number, name in enumerate(names))
    by_arm = {arm.name: tuple(rows.get(arm.name, [None] * count)) for arm in ARMS}
    return Outcomes(problems, ARMS, by_arm, {})


def known() -> Outcomes:
    """Ten tasks: large@1 solves 8, small@1 3, small@branching 6 with 4 calls on average."""
    large = [outcome(n < 8, usd=0.01, memory=8e9) for n in range(10)]
    once = [outcome(n < 3, usd=0.001, memory=2e9) for n in range(10)]
    tree = [outcome(n < 6, calls=1 if n < 3 else 3 if n < 6 else 7, level=0 if n < 3 else 1 if n < 6 else 2,
                    usd=0.001 * (1 if n < 3 else 3 if n < 6 else 7), memory=2e9) for n in range(10)]  # fmt: skip
    return outcomes({"large@1": [*large], "small@1": [*once], "small@branching": [*tree]})


def test_shares_and_paired_differences_are_those_of_the_tasks() -> None:
    found = known()
    share = solved_share(found, SMALL[1])
    assert share is not None
    assert share.value == pytest.approx(0.6)
    first, second = comparisons(found, "large")
    assert (first.second.name, first.first.name, second.first.name) == ("small@branching", "large@1", "small@1")
    assert first.difference is not None
    assert second.difference is not None
    assert (first.difference.value, second.difference.value) == pytest.approx((-0.2, 0.3))
    assert first.verdict is Verdict.INCONCLUSIVE


def test_a_clear_difference_has_a_verdict() -> None:
    rows = {
        "large@1": [outcome(False)] * 20,
        "small@1": [outcome(False)] * 20,
        "small@branching": [outcome(True)] * 15 + [outcome(False)] * 5,
    }
    assert {one.verdict for one in comparisons(outcomes({name: [*of] for name, of in rows.items()}), "large")} == {
        Verdict.BETTER
    }


def test_only_tasks_that_both_arms_know_are_compared() -> None:
    rows: dict[str, list[TaskOutcome | None]] = {
        "large@1": [outcome(True), outcome(None), outcome(True), None],
        "small@branching": [outcome(True), outcome(True), outcome(False), outcome(True)],
    }
    first, _ = comparisons(outcomes(rows), "large")
    assert first.tasks == 2
    assert first.difference is not None
    assert first.difference.value == -0.5


def test_efficiency_is_what_the_large_one_uses_by_what_the_smaller_one_uses() -> None:
    found = {(one.resource, one.arm.name): one for one in efficiencies(known(), "large")}
    usd = found[Resource.USD, "small@branching"]
    assert usd.per_task is not None
    assert usd.per_solved is not None
    assert usd.per_task.value == pytest.approx(0.1 / 0.040)
    assert usd.per_solved.value == pytest.approx((0.1 / 8) / (0.040 / 6))
    memory = found[Resource.MEMORY, "small@1"]
    assert memory.per_task is not None
    assert memory.per_task.value == pytest.approx(4.0)
    assert memory.per_solved is None
    assert (Resource.CPU, "small@1") not in found, "it was not measured"


def test_usage_is_of_all_attempts_for_a_solved_task_and_memory_is_of_none() -> None:
    found = {(one.arm.name, one.resource): one for one in usages(known())}
    usd, memory = found["small@branching", Resource.USD], found["small@branching", Resource.MEMORY]
    assert usd.per_task is not None
    assert usd.per_solved is not None
    assert (usd.per_task.value, usd.per_solved.value) == pytest.approx((0.004, 0.04 / 6))
    assert usd.per_token is None, "nobody counted tokens"
    assert memory.per_solved is None


def test_break_even_is_where_a_solved_task_costs_the_same() -> None:
    found = {(one.arm.name, one.unit): one for one in break_evens(known(), "large", Resource.USD)}
    calls = found["small@branching", Resource.CALLS]
    assert calls.at is not None
    assert calls.now is not None
    # 40 calls for 6 solved tasks against 10 for 8; a large call costs 0.01 and a small one 0.001
    assert (calls.at.value, calls.now.value) == pytest.approx(((40 / 6) / (10 / 8), 10.0))


def test_the_front_is_what_no_other_arm_dominates() -> None:
    found = {one.arm.name: one for one in standings(known(), Resource.USD)}
    assert {name: one.on_front for name, one in found.items()} == {
        "large@1": True,
        "small@1": True,
        "small@branching": True,
    }
    dear = known()
    dear = Outcomes(dear.problems, dear.arms, {**dear.by_arm, "small@branching": tuple(
        outcome(n < 6, calls=7, usd=0.02, memory=2e9) for n in range(10))}, {})  # fmt: skip
    worse = {one.arm.name: one for one in standings(dear, Resource.USD)}["small@branching"]
    assert worse.on_front is False
    assert worse.front_share is not None
    assert worse.front_share < 0.2


def test_cost_is_the_first_that_all_arms_have() -> None:
    found = known()
    assert cost_of(found) is Resource.USD
    assert cost_of(found, Resource.CPU) is Resource.CPU
    without = outcomes({arm.name: [outcome(True)] for arm in ARMS})
    assert cost_of(without) is Resource.CALLS
    assert standings(found, Resource.CPU)[0].per_task is None, "what was not measured is missing"


def test_levels_are_the_tree_cut_off_there() -> None:
    found = levels(known(), SMALL[1])
    assert [(one.level, one.most_calls) for one in found] == [(0, 1), (1, 3), (2, 7)]
    assert [one.solved.value for one in found if one.solved] == pytest.approx([0.3, 0.6, 0.6])
    assert [one.gain.value for one in found if one.gain] == pytest.approx([0.3, 0.3, 0.0])
    assert [one.reached.value for one in found if one.reached] == pytest.approx([1.0, 0.7, 0.4])
    assert [one.calls.value for one in found if one.calls] == pytest.approx([1.0, 2.4, 4.0])


def routing_outcomes(count: int = 40) -> Outcomes:
    """Of `easy` the small arm solves all, and of `hard` nothing; the large one solves all but a quarter."""
    names = ["easy", "hard"] * (count // 2)
    large = [outcome(n % 8 < 6, usd=0.01) for n in range(count)]
    tree = [outcome(name == "easy", usd=0.001) for name in names]
    return outcomes({"large@1": [*large], "small@1": [*tree], "small@branching": [*tree]}, names)


def test_halves_divide_every_category_and_depend_on_the_seed_alone() -> None:
    found = routing_outcomes()
    first, second = halves(found, 1)
    assert {one.id for one in first.problems} | {one.id for one in second.problems} == {str(n) for n in range(40)}
    assert len(first.problems) == len(second.problems) == 20
    assert [one.category for one in first.problems].count("easy") == 10
    assert halves(found, 1)[0].problems == first.problems != halves(found, 2)[0].problems


def test_a_rule_is_fitted_on_one_half_and_judged_on_the_other() -> None:
    fit, rest = halves(routing_outcomes(), 3)
    rule = fitted(fit, SMALL[1], LARGE[0], 0.05)
    assert rule.to_small == {"easy"}
    found = judged(rule, rest, Resource.USD)
    easy = [n for n, one in enumerate(rest.problems) if one.category == "easy"]
    large = rest.solved(LARGE[0], range(20))
    expected = (len(easy) + sum(one for n, one in enumerate(large) if n not in easy)) / 20
    assert found.solved is not None
    assert found.cost is not None
    assert found.solved.value == pytest.approx(expected)
    assert found.cost.value == pytest.approx((10 * 0.001 + 10 * 0.01) / (20 * 0.01))


def test_a_rule_does_not_change_with_the_tasks_that_judge_it() -> None:
    """Planted: a small arm that solves nothing in the other half. The rule must not know."""
    whole = routing_outcomes()
    fit, rest = halves(whole, 3)
    held = {problem.id for problem in rest.problems}
    spoilt = tuple(
        outcome(False, usd=0.001) if problem.id in held else one
        for problem, one in zip(whole.problems, whole.by_arm["small@branching"], strict=True)
    )
    other = Outcomes(whole.problems, whole.arms, {**whole.by_arm, "small@branching": spoilt}, {})
    fit_again, rest_again = halves(other, 3)
    assert fitted(fit_again, SMALL[1], LARGE[0], 0.05) == fitted(fit, SMALL[1], LARGE[0], 0.05)
    found = judged(fitted(fit_again, SMALL[1], LARGE[0], 0.05), rest_again, Resource.USD)
    assert found.against_large is not None
    assert found.against_large.value < 0, "it is judged by what it does to them"


def test_the_findings_judge_a_rule_on_the_half_on_which_it_was_not_fitted() -> None:
    """Planted: a small arm that solves all of the half for fitting, and nothing of the other."""
    whole = routing_outcomes()
    held = {problem.id for problem in halves(whole, 3)[1].problems}
    ends = tuple(outcome(problem.id not in held, usd=0.001) for problem in whole.problems)
    planted = Outcomes(whole.problems, whole.arms, {**whole.by_arm, "small@branching": ends}, {})
    ((rule, found),) = findings_of(planted, "large", seed=3, tolerance=0.05).routes
    assert rule.to_small == {"easy", "hard"}
    assert found.solved is not None
    assert found.solved.value == 0.0


def test_a_tolerance_lets_a_category_go_to_the_small_arm() -> None:
    rows = {"large@1": [outcome(n < 9) for n in range(20)], "small@branching": [outcome(n < 8) for n in range(20)]}
    found = outcomes({name: [*of] for name, of in rows.items()})
    assert fitted(found, SMALL[1], LARGE[0], 0.05).to_small == {"a"}
    assert fitted(found, SMALL[1], LARGE[0], 0.04).to_small == frozenset()


def test_pass_at_k_leaves_out_what_is_missing_and_needs_k_samples() -> None:
    found = simulated(1, 40)
    assert found.pass_at["small"].keys() == {1, 2, 3, 5, 7, 10, 15}
    assert pass_at(found.outcomes, "small", 16) is None
    assert list(found.pass_at["small"].values()) == sorted(found.pass_at["small"].values(), key=lambda one: one.value)


def test_nothing_known_is_no_error() -> None:
    found = findings_of(outcomes({}, ["a", "b"]), "large", seed=1, tolerance=0.05)
    assert all(one.solved is None and one.per_task is None for one in found.standings)
    assert all(one.difference is None for one in found.comparisons)
    assert findings_of(outcomes({}, []), "large", seed=1, tolerance=0.05).routes[0][1].solved is None


def test_built_in_values_are_recovered() -> None:
    """Over four simulated studies of 120 tasks: the benchmark does the same over a hundred."""
    pairs = [pair for seed in range(4) for _, pair in values(simulated(seed, 120))]
    held = sum(interval is not None and interval.holds(truth) for interval, truth in pairs)
    assert held >= 0.9 * len(pairs)
