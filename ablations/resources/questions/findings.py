"""All answers together, made from the outcomes and from nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass

from ablations.resources.arms.arm import Arm, Way
from ablations.resources.arms.outcomes import Outcomes
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.accuracy import Comparison, comparisons, pass_at
from ablations.resources.questions.balance import BreakEven, Standing, break_evens, cost_of, standings
from ablations.resources.questions.efficiency import Efficiency, efficiencies
from ablations.resources.questions.levels import Level, levels
from ablations.resources.questions.routing import Judged, Rule, fitted, halves, judged
from ablations.resources.questions.usage import Usage, usages
from ablations.resources.statistics.interval import Interval


@dataclass(frozen=True, slots=True)
class Findings:
    """What the study found.

    Attributes:
        outcomes: What it is all made from.
        large: The name of the model that the others are compared with.
        cost: What stands for cost.
        standings: Of every arm.
        comparisons: Of arms on the same tasks.
        levels: Of each branching arm, by its name.
        pass_at: pass@k by model and k.
        usages: Of each arm and resource.
        efficiencies: Of each resource.
        break_evens: Of each arm of a smaller model.
        routes: A rule for each smaller model, and how it did on tasks on which it was not fitted.
    """

    outcomes: Outcomes
    large: str
    cost: Resource
    standings: tuple[Standing, ...]
    comparisons: tuple[Comparison, ...]
    levels: Mapping[str, tuple[Level, ...]]
    pass_at: Mapping[str, Mapping[int, Interval]]
    usages: tuple[Usage, ...]
    efficiencies: tuple[Efficiency, ...]
    break_evens: tuple[BreakEven, ...]
    routes: tuple[tuple[Rule, Judged], ...]

    @property
    def asked(self) -> tuple[Arm, ...]:
        """The arm of each smaller model that the questions are about."""
        return asked_about(self.outcomes, self.large)


def findings_of(
    outcomes: Outcomes, large: str, *, seed: int, tolerance: float, cost: Resource | None = None
) -> Findings:
    """Answer all questions.

    Args:
        outcomes: Of all arms.
        large: The name of the model that the others are compared with.
        seed: Of the halves for the routing rules.
        tolerance: Of the routing rules.
        cost: What stands for cost; None takes the first that is known of all arms.
    """
    paid = cost_of(outcomes, cost)
    return Findings(
        outcomes,
        large,
        paid,
        standings(outcomes, paid),
        comparisons(outcomes, large),
        {arm.name: levels(outcomes, arm) for arm in outcomes.arms if arm.way is Way.BRANCHING},
        {model: _pass_at(outcomes, model) for model in outcomes.tallies},
        usages(outcomes),
        efficiencies(outcomes, large),
        break_evens(outcomes, large, paid),
        _routes(outcomes, large, seed, tolerance, paid),
    )


def asked_about(outcomes: Outcomes, large: str) -> tuple[Arm, ...]:
    """Return of each smaller model its branching arm, or the last that it has."""
    models = dict.fromkeys(arm.model for arm in outcomes.arms if arm.model != large)
    return tuple(
        outcomes.arm(model, Way.BRANCHING) or [arm for arm in outcomes.arms if arm.model == model][-1]
        for model in models
    )


def _pass_at(outcomes: Outcomes, model: str) -> Mapping[int, Interval]:
    samples = max(arm.size for arm in outcomes.arms if arm.model == model and arm.way is not Way.BRANCHING)
    found = {k: pass_at(outcomes, model, k) for k in (*_SHOWN, samples) if k <= samples}
    return {k: one for k, one in sorted(found.items()) if one is not None}


_SHOWN = (1, 2, 3, 5, 7, 10, 15, 20, 31, 50, 100)


def _routes(
    outcomes: Outcomes, large: str, seed: int, tolerance: float, cost: Resource
) -> tuple[tuple[Rule, Judged], ...]:
    once = outcomes.arm(large, Way.ONCE)
    assert once is not None, "every model is asked once"
    fit, rest = halves(outcomes, seed)
    rules = [fitted(fit, small, once, tolerance) for small in asked_about(outcomes, large)]
    return tuple((rule, judged(rule, rest, cost)) for rule in rules)
