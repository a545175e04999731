"""The processes that a private session does without: they are not started, and a cluster's still are."""

import os

import pytest
from ray._private import utils, worker
from ray._private.node import Node

from search.execution.ray_watch import VITAL
from search.execution.spared import SPARED, without_spared


@pytest.mark.ray
def test_a_session_has_its_vital_processes_alone(ray_session: None) -> None:
    assert worker._global_node is not None
    started = worker._global_node.all_processes
    assert sorted(started) == sorted(VITAL)
    pids = [of.process.pid for every in started.values() for of in every]
    assert all(os.getsid(pid) == pid != os.getsid(0) for pid in pids), "a signal to the driver's group is the driver's"


def test_another_ray_that_this_process_starts_has_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [getattr(Node, name) for name in SPARED]
    look = utils.get_dashboard_dependency_error
    with without_spared():
        assert not any(getattr(Node, name) in before for name in SPARED)
        assert utils.get_dashboard_dependency_error is not look
    assert [getattr(Node, name) for name in SPARED] == before
    assert utils.get_dashboard_dependency_error is look
    assert look() is None, "nothing is missing, as is said without looking"
    monkeypatch.delattr(Node, SPARED[0])
    with without_spared():
        assert not hasattr(Node, SPARED[0]), "a version of Ray that has no such method gets none"
