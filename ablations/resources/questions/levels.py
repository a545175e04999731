"""What each level of the tree adds, beside as many independent samples."""

from dataclasses import dataclass

from ablations.resources.arms.arm import Arm, Way
from ablations.resources.arms.outcomes import Outcomes
from ablations.resources.arms.places import tree_size
from ablations.resources.questions.accuracy import pass_at
from ablations.resources.statistics.interval import Interval
from ablations.resources.statistics.proportions import wilson
from ablations.resources.statistics.resampling import mean


@dataclass(frozen=True, slots=True)
class Level:
    """Branching if the tree ended at this level.

    Attributes:
        level: 0 is the first attempt alone.
        most_calls: Of a task.
        calls: Mean over tasks.
        solved: Share of tasks.
        gain: Share of tasks solved at this level and not before.
        reached: Share of tasks that came to this level.
        independent: pass@k for as many independent samples as the tree may have; None if fewer were drawn.
    """

    level: int
    most_calls: int
    calls: Interval | None
    solved: Interval | None
    gain: Interval | None
    reached: Interval | None
    independent: Interval | None


def levels(outcomes: Outcomes, arm: Arm) -> tuple[Level, ...]:
    """Return all levels of a branching arm. A task that is missing in the whole tree is left out of every level."""
    assert arm.way is Way.BRANCHING, "only a tree has levels"
    ends = [end for number in outcomes.known(arm) if (end := outcomes.of(arm)[number]) is not None]
    before, found = 0, []
    for level in range(arm.size + 1):
        solved = sum(bool(end.solved) and end.level <= level for end in ends)
        found.append(
            Level(
                level,
                most_calls=tree_size(level),
                calls=mean([float(tree_size(min(end.level, level))) for end in ends]),
                solved=wilson(solved, len(ends)),
                gain=wilson(solved - before, len(ends)),  # what is solved at a level stays so: a share of its own
                reached=wilson(sum(end.level >= level for end in ends), len(ends)),
                independent=pass_at(outcomes, arm.model, tree_size(level)),
            )
        )
        before = solved
    return tuple(found)
