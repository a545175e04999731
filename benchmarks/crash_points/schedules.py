"""Schedules that Hypothesis makes up: arrivals of rungs, losses of processes, torn lines and restarts, in any order.

`SearchMachine` drives a `SearchSession` on a real ledger to its end. Whatever happened on the way, the trials, their
scores and the winner are those of a search that nothing disturbed. `LedgerMachine` drives a ledger alone.
"""

import errno
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import torch
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pruning.importance.registry import importance
from pruning.models import ModelSpec, create_model
from pruning.planning import build_plan
from search.control.deadline import Deadline
from search.control.halving import Halving
from search.control.master import Limits
from search.control.report import Report
from search.control.rules import Rules
from search.control.session import SearchSession
from search.proposers.random import RandomProposer
from search.space.budget import Budget
from search.space.history import TrialSpec
from search.space.profile import profile_plan
from search.space.search_space import SearchSpace
from tracking.errors import HalfWrittenLedgerError, LedgerWriteError, LockedError
from tracking.events import payloads_of
from tracking.ledger import Ledger
from tracking.payloads import Interrupted, Proposed, Resumed, Rung, TrialEnded
from tracking.reader import read_ledger
from tracking.repair import repair

TRIALS, RUNGS, WINDOW, OPEN = 7, 3, 3, 3
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = 40


def run_schedules(number: int) -> int:
    """Drive both machines through schedules, and return through how many.

    Raises:
        AssertionError: a schedule changed what a search comes to, or an event was lost or doubled.
    """
    before = SearchMachine.begun + LedgerMachine.begun
    for machine, share in ((SearchMachine, number - number // 2), (LedgerMachine, number // 2)):
        run_state_machine_as_test(machine, settings=_settings(share))
    return SearchMachine.begun + LedgerMachine.begun - before


def _settings(examples: int) -> settings:
    return settings(
        max_examples=max(1, examples),
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


class _OnDisk(RuleBasedStateMachine):
    """What has a ledger in a folder of its own."""

    begun: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).begun += 1
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a folder is made in it
        self.folder = Path(tempfile.mkdtemp(prefix="schedule-", dir=memory))
        self.path = self.folder / "ledger.jsonl"
        self.ledger = Ledger.create(self.path)

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def reopen(self, torn: int = 0) -> None:
        """Close the ledger as a death does, with some bytes of a line that nobody acknowledged, and open it again."""
        self.ledger.close()
        line = b'{"seq":%d,"time":"2026' % (len(self.ledger.events) + 1)
        with self.path.open("ab") as stream:
            stream.write(line[:torn])
        try:
            read_ledger(self.path)
        except HalfWrittenLedgerError:
            repair(self.path)
        self.ledger = Ledger.open(self.path)


class LedgerMachine(_OnDisk):
    """A ledger under strikes, full disks, second writers and restarts: what was acknowledged is there, once."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    @rule(word=st.text(max_size=8))
    def append(self, word: str) -> None:
        """Append an event."""
        self.ledger.record(Interrupted(reason=word))
        self.words.append(Interrupted(reason=word).reason)

    @rule(name=st.sampled_from(["write", "fsync"]), after=st.booleans(), times=st.integers(1, 3))
    def strike(self, name: str, after: bool, times: int) -> None:
        """Append an event while something is raised beside a call of the system."""
        real, left = getattr(os, name), [KeyboardInterrupt()] * times

        def struck(*args: Any) -> Any:
            if after:
                real(*args)
            if left:
                raise left.pop()
            return None if after else real(*args)

        with patch.object(os, name, struck):
            try:
                self.ledger.record(Interrupted(reason=name))
            except KeyboardInterrupt:
                self.words.append(name)
            else:
                raise AssertionError("what was raised was swallowed")

    @rule(name=st.sampled_from(["write", "fsync"]), torn=st.integers(0, 20))
    def fill(self, name: str, torn: int) -> None:
        """Find the disk full, and go on once it is not."""

        def full(*_: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with patch.object(os, name, full):
            _refused(LedgerWriteError, lambda: self.ledger.record(Interrupted(reason="lost")))
        _refused(LedgerWriteError, lambda: self.ledger.record(Interrupted(reason="lost")))
        self.reopen(torn)

    @rule(torn=st.integers(0, 20))
    def restart(self, torn: int) -> None:
        """Die, and open the ledger again."""
        self.reopen(torn)

    @rule()
    def compete(self) -> None:
        """Try to write beside the writer."""
        _refused(LockedError, lambda: Ledger.open(self.path))

    @invariant()
    def what_was_acknowledged_is_there_once(self) -> None:
        """Hold the file against what was acknowledged."""
        assert [event.reason for event in payloads_of(read_ledger(self.path), Interrupted)] == self.words


def _refused(error: type[Exception], act: Callable[[], object]) -> None:
    try:
        act()
    except error:
        return
    raise AssertionError(f"no {error.__name__} was raised")


class SearchMachine(_OnDisk):
    """A search whose trials end in any order, whose processes die, and whose driver dies too."""

    def __init__(self) -> None:
        super().__init__()
        self.session = self._session()
        self.open: dict[int, int] = {}
        self.lost: set[int] = set()
        self.over = False

    @precondition(lambda self: not self.over and len(self.open) < OPEN)
    @rule()
    def begin_trial(self) -> None:
        """Give a free worker what the session decides."""
        self._next()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        """Take the next rung of one of the trials that run."""
        self._report(data.draw(st.sampled_from(sorted(self.open))))

    @precondition(lambda self: set(self.open) - self.lost)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """Let the process of a trial die: the first time it runs again."""
        trial = data.draw(st.sampled_from(sorted(set(self.open) - self.lost)))
        del self.open[trial]
        self.lost.add(trial)
        self.session.on_lost(trial, "its process died")

    @rule(torn=st.integers(0, 20))
    def restart(self, torn: int) -> None:
        """Let the driver die: all that runs is gone, and the search goes on from its ledger."""
        assume(not self.over)
        self.reopen(torn)
        self.ledger.record(Resumed(from_seq=len(self.ledger.events)))
        self.session = self._session()
        self.session.restore(self.ledger.events)
        self.open, self.lost = {}, set()

    @invariant()
    def nothing_is_written_twice(self) -> None:
        """Every trial is proposed once and ends once."""
        events = self.ledger.events
        for numbers in (
            [made.trial for made in payloads_of(events, Proposed)],
            [end.trial for end in payloads_of(events, TrialEnded)],
        ):
            assert len(numbers) == len(set(numbers))

    def teardown(self) -> None:
        """Run to the end, and compare."""
        try:
            while not self.over:
                before = len(self.open)
                if before < OPEN:
                    self._next()
                if len(self.open) == before and self.open:
                    self._report(min(self.open))
            assert _essence(self) == _undisturbed()
        finally:
            super().teardown()

    def _next(self) -> None:
        turn = self.session.next()
        self.over = turn.over
        if turn.spec is not None:
            self.open[turn.spec.trial] = 0

    def _report(self, trial: int) -> None:
        rung = self.open[trial]
        self.open[trial] = rung + 1
        score = _score(self.session.history[trial]) * (rung + 1) / RUNGS
        record = Rung(trial=trial, rung=rung, epochs=rung + 1, accuracy=score, loss=1.0)
        if self.session.on_report(Report(trial, "worker", 1, NOW, NOW, 0.0, 1, rung=record)):
            del self.open[trial]

    def _session(self) -> SearchSession:
        rules = Rules(Limits(TRIALS, 100, 100), Halving(3.0), True, RUNGS, Deadline())
        return SearchSession(_space(), RandomProposer(_space()), rules, self.ledger, WINDOW)


def _essence(machine: SearchMachine) -> list[Any]:
    events, best = machine.ledger.events, machine.session.history.best()
    assert best is not None
    ends = payloads_of(events, TrialEnded)
    return [
        [made.model_dump() for made in payloads_of(events, Proposed)],
        sorted((end.trial, end.state, end.accuracy, end.rungs) for end in ends),
        best[0].trial,
    ]


@functools.cache
def _undisturbed() -> list[Any]:
    """The search whose trials run one after another in one process that lives."""
    machine = SearchMachine()
    SearchMachine.begun -= 1
    try:
        while not machine.over:
            machine._next()
            for trial in list(machine.open):
                while trial in machine.open:
                    machine._report(trial)
        return _essence(machine)
    finally:
        _OnDisk.teardown(machine)


@functools.cache
def _space() -> SearchSpace:
    torch.manual_seed(0)
    spec = ModelSpec("resnet18_quarter", 10, (1, 32, 32))
    model = create_model(spec)
    plan = build_plan(model, spec)
    scores = {"l2": importance("l2").scores(model, plan, None)}
    return SearchSpace(profile_plan(plan), Budget(int(plan.baseline_macs * 0.3)), ("l2",), 1, 0, plan, scores)


def _score(spec: TrialSpec) -> float:
    """A trial's score, which follows from its allocation."""
    return int.from_bytes(hashlib.sha256(repr(spec.allocation).encode()).digest()[:2], "big") / 65536
