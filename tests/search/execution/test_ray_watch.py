"""Who hears that a process of Ray's own has ended: of a private session each vital one, once, and of a cluster none."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray._private import worker

from search.execution import ray_watch
from search.execution.executor import Lost
from search.execution.on_ray import RayExecutor
from search.execution.ray_watch import watched

PATIENCE_S = 60.0
UNUSED: Any = None


class Node:
    """A node whose processes end when a test says so, and which counts how often it was looked at."""

    def __init__(self, *, head: bool = True) -> None:
        self.dead: list[str] = []
        self.looks = threading.Semaphore(0)
        self._head = head

    def is_head(self) -> bool:
        return self._head

    def dead_processes(self) -> list[tuple[str, object]]:
        dead: list[tuple[str, object]] = [(name, SimpleNamespace()) for name in self.dead]
        self.looks.release()
        return dead


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_watch, "POLL_S", 0.001)


@pytest.mark.parametrize("watch", [watched, RayExecutor(UNUSED, UNUSED, Path()).watched], ids=["alone", "executor"])
@pytest.mark.parametrize("name", ["gcs_server", "raylet"])
def test_the_loss_of_a_vital_process_is_heard_once(
    monkeypatch: pytest.MonkeyPatch, name: str, watch: Callable[[Lost], AbstractContextManager[None]]
) -> None:
    heard: list[str] = []
    node, told = Node(), threading.Event()
    monkeypatch.setattr(worker, "_global_node", node)

    def lost(what: str) -> None:
        heard.append(what)
        told.set()

    with watch(lost):
        assert node.looks.acquire(timeout=PATIENCE_S)
        node.dead = ["log_monitor", name]
        assert told.wait(PATIENCE_S)
    assert heard == [f"Ray's process {name} has ended"]


def test_what_a_session_can_do_without_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    node = Node()
    monkeypatch.setattr(worker, "_global_node", node)
    node.dead = ["log_monitor", "dashboard"]
    with watched(heard.append):
        assert node.looks.acquire(timeout=PATIENCE_S)
        assert node.looks.acquire(timeout=PATIENCE_S), "it goes on looking"
    assert heard == []


def test_a_cluster_of_others_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_global_node", Node(head=False))
    before = set(threading.enumerate())
    with watched(lambda _: None):
        assert set(threading.enumerate()) <= before
