"""Eight strategies, of which each branch of a level follows another."""

from typing import NamedTuple

from ablations.resources.arms.places import Place


class Strategy(NamedTuple):
    """A way to go at a task again: its name in records, and what the model is told."""

    name: str
    instruction: str


STRATEGIES = (
    Strategy(
        "correct",
        "Find out from the failure what is wrong with the last attempt, and correct that; leave right what is right.",
    ),
    Strategy(
        "afresh",
        "Discard the attempts. Solve the task afresh by another algorithm than the one that they use.",
    ),
    Strategy(
        "trace",
        "Go through the failing test by hand, value by value, before you write anything; then write what gives the "
        "value that it expects.",
    ),
    Strategy(
        "edge-cases",
        "List the edge cases first: nothing, one element, equal elements, negative numbers, the first and the last. "
        "Write a solution that is right for each of them.",
    ),
    Strategy(
        "reread",
        "Read the task again, word by word. Ask which word the attempts have missed: what is returned, in which order, "
        "of which type, and what counts.",
    ),
    Strategy(
        "simplest",
        "Write the simplest solution that can be right, by brute force if need be. It may be slow, and not clever.",
    ),
    Strategy(
        "divide",
        "Divide the task into small helper functions, each of which is plainly right, and put the solution together "
        "from them.",
    ),
    Strategy(
        "library",
        "Look for what the standard library of Python has for this task, such as re, itertools, collections, math or "
        "heapq, and build the solution on it.",
    ),
)


def strategy_of(place: Place) -> Strategy:
    """Return the strategy of a branch. Levels go on where the one above ended, and level 3 has all eight of them."""
    assert place.level > 0, "a sample follows no strategy"
    return STRATEGIES[(2**place.level - 2 + place.number) % len(STRATEGIES)]
