"""The four answers in words, each with its numbers and their 95 % intervals."""

from collections.abc import Iterator

from ablations.floor.report import Section
from ablations.floor.table import Column
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.accuracy import Comparison
from ablations.resources.questions.balance import BreakEven
from ablations.resources.questions.efficiency import Efficiency
from ablations.resources.questions.findings import Findings
from ablations.resources.questions.routing import Judged, Rule
from ablations.resources.report.columns import shown
from ablations.resources.statistics.interval import Interval
from ground.counting import counted

_PERCENT, _RATIO = Column("", "", "%", 100.0, 1), Column("", "", digits=2)
UNKNOWN = "unknown"
_FINAL = (
    "The visible checks are shown to the model and decide which answer is final: the first sample, by number, that "
    "passes them, or the first such branch of the first level that has one. The held-out checks then decide whether "
    "that answer solves the task; no prompt and no choice reads them. Where no answer passes the visible checks, the "
    "task is not solved."
)
_SHARED = (
    "Samples are shared: the first is @1, the first of @n, and the root of the tree. Each arm is charged for all that "
    "it uses: @n up to its final answer, branching for all branches of each level that it reaches."
)


def answers(found: Findings) -> tuple[str, ...]:
    """Return the answers to the four questions; empty before any task has come to its end in two arms."""
    if not any(one.tasks for one in found.standings):
        return ()
    return (
        f"Efficiency: {_efficiency(found)}",
        f"Accuracy: {' '.join(map(_compared, found.comparisons))}",
        f"Balance: {_balance(found)}",
        f"Routing: {' '.join(_routed(found, rule, one) for rule, one in found.routes)}",
    )


def sections(about: tuple[str, ...]) -> tuple[Section, ...]:
    """Return what a reader of the page must know.

    Args:
        about: Where tasks and answers are from.
    """
    return (Section("Tasks and models", about), Section("What an arm answers", (_FINAL, _SHARED)))


def _efficiency(found: Findings) -> str:
    said = [
        f"for a task, {found.large}@1 uses {_show(one.per_task)} times the {one.resource.column.title.lower()} of "
        f"{one.arm.name}{_for_solved(one)}"
        for one in found.efficiencies
        if one.resource in (found.cost, Resource.SECONDS) and one.arm in (*found.asked, *_once(found))
    ]
    return f"{'; '.join(said)}." if said else "no resource was measured of both models."


def _for_solved(one: Efficiency) -> str:
    if one.per_solved is None:
        return ", and one of both solves nothing" if one.resource.adds_up else ""
    return f"; for a solved task, {_show(one.per_solved)} times"


def _once(found: Findings) -> Iterator[object]:
    return (arm for arm in found.outcomes.arms if arm.model != found.large and arm.size == 1)


def _compared(one: Comparison) -> str:
    if one.difference is None:
        return f"{one.second.name} and {one.first.name} have no task in common."
    p = "" if one.p is None else f", p = {one.p:.4f}"
    return (
        f"share solved by {one.second.name} minus {one.first.name}, on the same {counted(one.tasks, 'task')}: "
        f"{_show(one.difference, _PERCENT)} percentage points ({one.verdict.value}{p})."
    )


def _balance(found: Findings) -> str:
    front = [one.arm.name for one in found.standings if one.on_front]
    by = found.cost.column.title.lower()
    said = [f"by {by}, {', '.join(front)} {'are' if len(front) > 1 else 'is'} on the Pareto front."] if front else []
    calls = [one for one in found.break_evens if one.unit is Resource.CALLS and one.arm in found.asked]
    return " ".join([*said, *(_break_even(found, one) for one in calls)]) or "no cost is known of both models."


def _break_even(found: Findings, one: BreakEven) -> str:
    if one.at is None:
        return f"{one.arm.name} or {found.large}@1 solves nothing, so that there is no break-even."
    said = (
        f"{one.arm.name} costs as much for a solved task as {found.large}@1 where a call of {found.large} costs "
        f"{_show(one.at)} times one of {one.arm.model}"
    )
    if one.now is None:
        return f"{said}."
    cheaper = one.arm.name if one.now.value > one.at.value else f"{found.large}@1"
    return f"{said}; as measured it is {_show(one.now)} times, so that {cheaper} costs less."


def _routed(found: Findings, rule: Rule, one: Judged) -> str:
    small = sorted(rule.to_small)
    large = sorted(fit.category for fit in rule.categories if not fit.goes_small)
    sent = f"{', '.join(small) or 'nothing'} to {rule.small.name}, {', '.join(large) or 'nothing'} to {rule.large.name}"
    if one.solved is None:
        return f"{sent}; no task is left to judge this rule by."
    cost = "" if one.cost is None else f", at {_show(one.cost)} times the {found.cost.column.title.lower()}"
    return (
        f"{sent}. On {counted(one.tasks, 'task')} on which it was not fitted this rule solves "
        f"{_show(one.solved, _PERCENT)} %; "
        f"minus {rule.large.name} for all: {_show(one.against_large, _PERCENT)} percentage points{cost}."
    )


def _show(interval: Interval | None, column: Column = _RATIO) -> str:
    return UNKNOWN if interval is None else column.show(shown(interval, 0))
