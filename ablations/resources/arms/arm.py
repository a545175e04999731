"""An arm: a model and a way of asking it. It decides which attempts are wanted next, and which answer is final.

Decisions read the visible checks and nothing else; the held-out checks then say whether the final answer is right:

* `@1`: the first sample is the answer.
* `@n`: samples are looked at in their order, and the first that passes the visible checks is the answer.
* `@branching`: the first attempt, then level by level; it stops at the first level at which a branch passes the visible
  tests, and the first of these branches, by number, is the answer. All branches of a level are paid for.

Where nothing passes the visible checks there is no answer, and the task is not solved. The samples are shared: the
first of `@n` is that of `@1`, and the root of the tree, for all three would ask the same. Each arm is charged for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ablations.resources.arms.attempt import Attempt
from ablations.resources.arms.places import ROOT, Place, branches, samples, tree_size

Seen = Mapping[Place, Attempt]


class Way(StrEnum):
    """A way of asking a model."""

    ONCE = "once"
    SAMPLES = "samples"
    BRANCHING = "branching"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Attempts that are to be made now; they may run at once."""

    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Final:
    """The end of a task.

    Attributes:
        answer: The attempt whose answer counts; None if none passed the visible checks, or one that decides is missing.
        used: The attempts that the arm is charged for.
        level: The level of the tree that was reached; 0 for samples.
        missing: Whether an attempt that decides is missing, so that nothing can be said.
    """

    answer: Place | None
    used: tuple[Place, ...]
    level: int = 0
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm.

    Attributes:
        model: The name that the user gave to the model, such as `large`.
        way: How it is asked.
        size: Samples, or the depth of the tree.
    """

    model: str
    way: Way
    size: int = 1

    @property
    def name(self) -> str:
        """As in `large@1`, `small@15` and `small@branching`."""
        return f"{self.model}@{'branching' if self.way is Way.BRANCHING else self.size}"

    @property
    def most_calls(self) -> int:
        """The most calls of a task."""
        return tree_size(self.size) if self.way is Way.BRANCHING else self.size

    def next(self, seen: Seen) -> Wanted | Final:
        """Return what to do next with a task, given the attempts so far."""
        return _next_level(self.size, seen) if self.way is Way.BRANCHING else _next_sample(self.size, seen)


def _next_sample(count: int, seen: Seen) -> Wanted | Final:
    places = samples(count)
    wanted = tuple(place for place in places if place not in seen)
    return Wanted(wanted) if wanted else _first(places, seen) or Final(None, places)


def _first(places: Sequence[Place], seen: Seen) -> Final | None:
    """Return the end that the first success makes, or a missing attempt before it."""
    for number, place in enumerate(places, start=1):
        if seen[place].missing:
            return Final(None, tuple(places[:number]), missing=True)
        if seen[place].visible:
            return Final(place, tuple(places[:number]))
    return None


def _next_level(depth: int, seen: Seen) -> Wanted | Final:
    used: tuple[Place, ...] = ()
    for level in range(depth + 1):
        places = branches(level) if level else (ROOT,)
        wanted = tuple(place for place in places if place not in seen)
        if wanted:
            return Wanted(wanted)
        used += places
        if any(seen[place].missing for place in places):
            return Final(None, used, level, missing=True)
        answer = next((place for place in places if seen[place].visible), None)
        if answer is not None:
            return Final(answer, used, level)
    return Final(None, used, depth)


def arms_of(model: str, count: int, depth: int) -> tuple[Arm, ...]:
    """Return the arms of a model: once, `count` independent samples, and branching if `depth` is above 0."""
    return (
        Arm(model, Way.ONCE),
        *((Arm(model, Way.SAMPLES, count),) if count > 1 else ()),
        *((Arm(model, Way.BRANCHING, depth),) if depth else ()),
    )


def next_of_all(arms: Sequence[Arm], seen: Seen) -> tuple[Place, ...]:
    """Return the attempts that arms of one model want next, each once; none at the end of all."""
    wanted = (step.places for arm in arms if isinstance(step := arm.next(seen), Wanted))
    return tuple(dict.fromkeys(place for places in wanted for place in places))
