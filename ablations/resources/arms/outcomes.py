"""What came of each task in each arm, made from the attempts alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ablations.resources.arms.arm import Arm, Final, Seen, Way
from ablations.resources.arms.places import samples
from ablations.resources.arms.resource import Resource


@dataclass(frozen=True, slots=True)
class Problem:
    """A task, as far as statistics need it."""

    id: str
    category: str


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What came of one task in one arm.

    Attributes:
        solved: Whether the final answer passes the held-out checks too; None if the outcome is missing.
        answered: Whether an answer passed the visible checks.
        level: The level of the tree that was reached.
        used: Of each resource, by all attempts that the arm is charged for; None where one was not measured.
    """

    solved: bool | None
    answered: bool
    level: int
    used: Mapping[Resource, float | None]


@dataclass(frozen=True, slots=True)
class Tally:
    """Independent samples of one task: how many there are, and how many of them pass all tests."""

    count: int
    right: int


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of all arms.

    Attributes:
        problems: The tasks, in their order.
        arms: In the order of the tables.
        by_arm: By the arm's name: the outcome of each task; None where the arm has not come to its end.
        tallies: By the model's name: the samples of each task; None where one is missing.
    """

    problems: tuple[Problem, ...]
    arms: tuple[Arm, ...]
    by_arm: Mapping[str, tuple[TaskOutcome | None, ...]]
    tallies: Mapping[str, tuple[Tally | None, ...]]

    def of(self, arm: Arm) -> tuple[TaskOutcome | None, ...]:
        """Return the outcome of each task in an arm."""
        return self.by_arm[arm.name]

    def arm(self, model: str, way: Way) -> Arm | None:
        """Return the arm that asks a model in this way."""
        return next((arm for arm in self.arms if arm.model == model and arm.way is way), None)

    def known(self, *arms: Arm) -> tuple[int, ...]:
        """Return the places of the tasks whose outcome is known in all of these arms: comparisons are paired."""
        return tuple(
            number
            for number in range(len(self.problems))
            if all((found := self.of(arm)[number]) is not None and found.solved is not None for arm in arms)
        )

    def solved(self, arm: Arm, tasks: Iterable[int]) -> list[bool]:
        """Return whether the arm solved these tasks, which are known."""
        return [bool(_there(self.of(arm)[number]).solved) for number in tasks]

    def used(self, arm: Arm, resource: Resource, tasks: Iterable[int]) -> list[float] | None:
        """Return what the arm used of a resource for each of these tasks; None if it is missing of one of them."""
        found = [_there(self.of(arm)[number]).used.get(resource) for number in tasks]
        return None if not found or None in found else [float(value) for value in found if value is not None]

    def without(self, tasks: Iterable[int]) -> "Outcomes":
        """Return the outcomes of all other tasks."""
        return self.only(sorted(set(range(len(self.problems))) - set(tasks)))

    def only(self, tasks: Sequence[int]) -> "Outcomes":
        """Return the outcomes of these tasks."""
        return Outcomes(
            tuple(self.problems[number] for number in tasks),
            self.arms,
            {name: tuple(found[number] for number in tasks) for name, found in self.by_arm.items()},
            {name: tuple(found[number] for number in tasks) for name, found in self.tallies.items()},
        )


def outcomes_of(problems: Sequence[Problem], arms: Sequence[Arm], attempts: Mapping[str, Sequence[Seen]]) -> Outcomes:
    """Return the outcomes of all arms.

    Args:
        problems: The tasks.
        arms: All arms.
        attempts: By the model's name: the attempts of each task.
    """
    nothing: list[Seen] = [{} for _ in problems]
    return Outcomes(
        tuple(problems),
        tuple(arms),
        {arm.name: tuple(outcome_of(arm, seen) for seen in attempts.get(arm.model, nothing)) for arm in arms},
        {
            arm.model: tuple(_tally(seen, arm.size) for seen in attempts.get(arm.model, nothing))
            for arm in arms
            if arm.way is not Way.BRANCHING
        },
    )


def outcome_of(arm: Arm, seen: Seen) -> TaskOutcome | None:
    """Return what came of a task in an arm; None if it has not come to its end."""
    end = arm.next(seen)
    if not isinstance(end, Final):
        return None
    used = {resource: resource.total(seen[place].used.get(resource) for place in end.used) for resource in Resource}
    if end.missing:
        return TaskOutcome(None, answered=False, level=end.level, used=used)
    solved = end.answer is not None and bool(seen[end.answer].solved)
    return TaskOutcome(solved, answered=end.answer is not None, level=end.level, used=used)


def _tally(seen: Seen, count: int) -> Tally | None:
    found = [seen.get(place) for place in samples(count)]
    if any(attempt is None or attempt.missing for attempt in found):
        return None
    return Tally(count, sum(bool(attempt and attempt.solved) for attempt in found))


def _there(outcome: TaskOutcome | None) -> TaskOutcome:
    assert outcome is not None, "only tasks that are known are asked for"
    return outcome
