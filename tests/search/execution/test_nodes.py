"""Nodes that are still to come are waited for, in words and not for ever."""

from collections.abc import Callable

import pytest

from search.execution.nodes import Room, awaited
from search.setup.resources import Machines, cluster_machines

HEAD = cluster_machines([(4.0, 0.0)])
GROWN = cluster_machines([(4.0, 0.0), (8.0, 2.0)])


class Cluster:
    """One that grows at a time; nobody sleeps."""

    def __init__(self, joins_s: float) -> None:
        self.now, self.joins_s, self.said = 0.0, joins_s, list[str]()

    def wait(self, enough: Callable[[Machines], bool], wait_s: float) -> Machines:
        return awaited(
            enough,
            wait_s,
            self.said.append,
            what="2 workers",
            look=lambda: GROWN if self.now >= self.joins_s else HEAD,
            clock=lambda: self.now,
            pause=self._pass,
        )

    def _pass(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def has_gpus(there: Machines) -> bool:
    return there.gpus > 0


def test_a_node_that_joins_after_150_s_is_used() -> None:
    cluster = Cluster(joins_s=150)
    assert cluster.wait(has_gpus, 600) == GROWN
    assert cluster.now == 150, "no longer than needed"
    assert len(cluster.said) == 5, "a line every half minute"
    assert cluster.said[0] == "waiting for 2 workers: 4 CPUs, 0 GPUs so far, 600 s left (--wait-for-nodes)"


@pytest.mark.parametrize(("wait_s", "lines"), [(0.0, 0), (10.5, 1)])
def test_the_wait_ends(wait_s: float, lines: int) -> None:
    cluster = Cluster(joins_s=150)
    assert cluster.wait(has_gpus, wait_s) == HEAD
    assert cluster.now == wait_s
    assert len(cluster.said) == lines


def test_who_names_no_number_waits_in_full_and_takes_what_came() -> None:
    cluster = Cluster(joins_s=3)
    assert cluster.wait(lambda there: False, 20) == GROWN
    assert cluster.now == 20


def test_what_is_there_is_not_waited_for() -> None:
    cluster = Cluster(joins_s=0)
    assert cluster.wait(has_gpus, 600) == GROWN
    assert (cluster.now, cluster.said) == (0.0, [])


def test_nodes_that_join_get_trials_and_those_that_leave_get_none() -> None:
    """Of four CPUs each; the nodes are looked at every five seconds."""
    cluster, looks = Cluster(joins_s=10), list[float]()

    def look() -> Machines:
        looks.append(cluster.now)
        return GROWN if 10 <= cluster.now < 20 else HEAD

    room = Room(cpus=4.0, gpus=0.0, look=look, clock=lambda: cluster.now)
    rooms = []
    for cluster.now in (0.0, 0.1, 4.9, 5.0, 9.9, 10.0, 19.9, 20.0, 25.0):
        rooms.append(room())
    assert rooms == [1, 1, 1, 1, 1, 3, 3, 3, 1]
    assert looks == [0.0, 5.0, 10.0, 19.9, 25.0]


def test_where_nothing_fits_one_trial_waits_for_its_node() -> None:
    assert Room(cpus=1.0, gpus=1.0, look=lambda: HEAD, clock=lambda: 0.0)() == 1
