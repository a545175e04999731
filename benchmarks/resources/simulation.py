"""One simulated study: scripted models of known skill, whose judge is the script itself; all else is the study's own.

The arms decide which attempts are made, and the study's own statistics make findings of them.
"""

import random
from collections.abc import Mapping, Sequence

from ablations.resources.arms.arm import Arm, arms_of, next_of_all
from ablations.resources.arms.attempt import Attempt
from ablations.resources.arms.outcomes import Problem, outcomes_of
from ablations.resources.arms.places import Place, tree_size
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.findings import Findings, findings_of
from benchmarks.resources.truth import CATEGORIES, LARGE, SMALL, Truth

DEPTH, LURE, TOLERANCE = 3, 0.04, 0.05
SAMPLES = tree_size(DEPTH)
TRUTHS: Mapping[str, Truth] = {"large": Truth(LARGE, LURE, DEPTH), "small": Truth(SMALL, LURE, DEPTH)}
_USED = {Resource.CALLS: 1.0}
_OUTCOMES = {name: Attempt(*name, _USED) for name in ((True, True), (True, False), (False, False))}


def simulated(seed: int, tasks: int) -> Findings:
    """Return the findings of one study.

    Args:
        seed: Of all draws.
        tasks: How many, in equal parts of all categories.
    """
    problems = tuple(Problem(str(number), CATEGORIES[number % len(CATEGORIES)]) for number in range(tasks))
    arms = (*arms_of("large", SAMPLES, 0), *arms_of("small", SAMPLES, DEPTH))
    dice = random.Random(f"resources {seed}")
    attempts = {name: [_played(dice, truth, one, arms, name) for one in problems] for name, truth in TRUTHS.items()}
    return findings_of(outcomes_of(problems, arms, attempts), "large", seed=seed, tolerance=TOLERANCE)


def _played(
    dice: random.Random, truth: Truth, problem: Problem, arms: Sequence[Arm], model: str
) -> Mapping[Place, Attempt]:
    """Return all attempts that the arms of a model want of a task."""
    own = [arm for arm in arms if arm.model == model]
    reached = dice.random() < truth.skill.reach_of(problem.category)
    seen: dict[Place, Attempt] = {}
    while places := next_of_all(own, seen):
        for place in places:
            right = dice.random() < (truth.skill.of(problem.category, place.level) if reached else 0.0)
            seen[place] = _OUTCOMES[right or dice.random() < truth.lure, right]
    return seen
