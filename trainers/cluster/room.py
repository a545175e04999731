"""Waits until a Ray cluster has room for the workers of a fine-tune.

Ray Train gives its workers a minute to find room, and then fails. Whoever waits here stands in Ray's own queue instead,
which takes its requests in their order and has an autoscaler add nodes for them.
"""

from collections.abc import Callable, Mapping

import ray
from ray.util.placement_group import placement_group, remove_placement_group

_QUIET_S = 2.0
"""What a group of workers needs to find room that is there; only then is it said that it waits."""
_POLL_S = 1.0
"""A signal is seen at least so often."""

Say = Callable[[str], None]


def await_room(workers: int, each: Mapping[str, float], say: Say) -> None:
    """Return once the cluster has room for all workers at once.

    Args:
        workers: how many.
        each: CPUs and GPUs of each.
        say: hears that it waits, and for what.
    """
    group = placement_group([dict(each)] * workers, strategy="PACK")
    try:
        if group.wait(_QUIET_S):
            return
        say(describe_wait(workers, each, ray.available_resources()))
        while not group.wait(_POLL_S):
            pass
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
