"""The trials of a search in this process, without Ray: what a search under Tune is held against."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from search.control.session import SearchSession
from search.execution.actor import TrialActor, TrialContext
from search.execution.tuning import SessionHandle, SessionSearcher, SessionStopper

TRIAL = "the one that runs"
PATIENCE_S = 60.0


def run_trials_alone(session: SearchSession, context: TrialContext, **_: Any) -> None:
    """What `run_trials` of search/execution/ does, one trial after another, without Tune's loop and Ray's processes."""
    handle = SessionHandle(session)
    searcher, stopper = SessionSearcher(handle), SessionStopper(handle)
    actor = TrialActor.__new__(TrialActor)  # Tune's own constructor is for Tune
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ray.get_runtime_context", lambda: SimpleNamespace(get_actor_id=lambda: None))
        while (config := _next(searcher)) is not None:
            actor.setup(config, context)
            while not stopper(TRIAL, actor.step()):
                pass


def _next(searcher: SessionSearcher) -> dict[str, Any] | None:
    """The next trial, asked for again and again while a model thinks; None at the end."""
    deadline = time.monotonic() + PATIENCE_S
    while (config := searcher.suggest(TRIAL)) is None:
        assert time.monotonic() < deadline, "the search stands still"
    return config if isinstance(config, dict) else None
