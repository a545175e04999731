"""What a worker reports of a trial."""

import ast
import inspect
from datetime import datetime, timedelta
from typing import Any

import pytest

from search.execution import trial as module
from search.execution.trial import TrialWorker
from tests.search import support
from trainers.devices import CPU


def test_a_clock_that_is_set_back_makes_no_duration_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the time of day finds it an hour earlier than the last."""
    looks = iter(range(100))

    class SetBack:
        @staticmethod
        def now(zone: Any) -> datetime:
            return support.EPOCH - timedelta(hours=next(looks))

    monkeypatch.setattr(module, "datetime", SetBack)
    worker = TrialWorker(None, "worker", lambda: CPU)  # type: ignore[arg-type]  # it fails at once, and says so
    worker.begin({"trial": 0, "allocation": (1,), "importance": "l2"})
    for _ in range(2):
        report = worker.step()
        assert report.error is not None
        assert report.now >= report.started
        assert 0 <= report.seconds < 60


def test_a_worker_imports_nothing_that_prepares_a_search() -> None:
    """Each is a process of its own: arms and clients of language models would take it half a second more to start."""
    imported = {
        node.module or "" for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ImportFrom)
    }
    assert not any(name.startswith(("search.setup", "search.proposers", "llm_clients")) for name in imported)
    assert "search.space.history" in imported, "this is how they are found"
