"""Waits until a Ray cluster has room for the workers of a fine-tune.

Ray Train gives its workers a minute to find room, and then fails. Whoever waits here stands in Ray's own queue instead,
which takes its requests in their order and has an autoscaler add nodes for them.
"""

from collections.abc import Callable, Mapping

import ray
from ray.util.placement_group import placement_group, remove_placement_group

from trainers.cluster.group import Group, check_group
from trainers.errors import FinetuneError
from trainers.progress import Check, unchecked

_QUIET_S = 2.0
"""What a group of workers needs to find room that is there; only then is it said that it waits."""
_POLL_S = 1.0
"""A signal is seen at least so often."""

Say = Callable[[str], None]


class NoRoomError(FinetuneError):
    """The room that was there when the workers were to start had been taken."""


def in_turn(group: Group, train: Callable[[Group], None], say: Say, check: Check = unchecked) -> None:
    """Train once there is room, and again where somebody else was faster.

    Args:
        group: the workers.
        train: trains with a group that has as many workers, or a range that asks for less at once.
        say: hears that it waits, and for what.
        check: called while it waits; what it raises ends that.

    Raises:
        ResourcesError: the cluster has become too small: that is the reason, whatever Ray reports.
        FinetuneError: of `train`, other than that it found no room.
    """
    while True:
        await_room(group.workers.least, group.each, say, check)
        try:
            return train(group)
        except NoRoomError:
            check_group(group)
            # Ray Train counts the nodes of a range, not what others have of them.
            group = group.narrowed()
        except FinetuneError:
            check_group(group)
            raise


def await_room(workers: int, each: Mapping[str, float], say: Say, check: Check = unchecked) -> None:
    """Return once the cluster has room for all workers at once.

    Args:
        workers: how many.
        each: CPUs and GPUs of each.
        say: hears that it waits, and for what.
        check: called while it waits; what it raises ends that.
    """
    group = placement_group([dict(each)] * workers, strategy="PACK")
    try:
        if group.wait(_QUIET_S):
            return
        say(describe_wait(workers, each, ray.available_resources()))
        while not group.wait(_POLL_S):
            check()
    finally:
        remove_placement_group(group)


def describe_wait(workers: int, each: Mapping[str, float], free: Mapping[str, float]) -> str:
    """Say what workers wait for."""
    wanted = " and ".join(f"{workers * count:g} {kind}s" for kind, count in each.items())
    there = " and ".join(f"{free.get(kind, 0.0):g} {kind}s" for kind in each)
    return (
        f"the fine-tune waits for {wanted}, and {there} of the Ray cluster are free: it begins once others end or "
        "nodes join"
    )
