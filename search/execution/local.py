"""The executor in this process: no Ray, one trial after another, and breakpoints of a debugger work."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch

from search.control.report import Report
from search.control.session import SearchSession
from search.execution.executor import Lost
from search.execution.trial import Trials, TrialWorker, trial_config
from search.space.history import TrialSpec
from trainers.alone import finetune_alone
from trainers.devices import CPU, computed, streamed
from trainers.job import FinetuneJob, FinetuneResult, OnEpoch
from trainers.place import default_device
from trainers.progress import Check, OnProgress, Progress, unchecked
from trainers.workers import Workers

_T = TypeVar("_T")
_POLL_S = 0.005
"""Seconds between two questions to the session while a language model thinks and no trial is left to run."""


class LocalExecutor:
    """Runs everything here. A trial that hangs also hangs the search: no other process watches its deadline.

    Args:
        trial_gpu: whether trials may use a GPU, if there is one.
        finetune_gpu: whether the fine-tune may.
    """

    def __init__(self, *, trial_gpu: bool = True, finetune_gpu: bool = True) -> None:
        self._trial_gpu, self._finetune_gpu = trial_gpu, finetune_gpu

    def ready(self) -> AbstractContextManager[None]:
        """Return at once: nothing is needed."""
        return nullcontext()

    def watched(self, lost: Lost) -> AbstractContextManager[None]:
        """Watch nothing: nothing else is needed."""
        return nullcontext()

    def run_trials(self, session: SearchSession, context: Trials) -> None:
        """Run the trials one after another, on as many threads as a trial actor would have."""
        worker, threads = TrialWorker(context, "local", lambda: _device(gpu=self._trial_gpu)), torch.get_num_threads()

        def reports(spec: TrialSpec) -> Iterator[Report]:
            worker.begin(trial_config(spec))
            while True:
                yield worker.step()

        torch.set_num_threads(context.threads)
        try:
            serve(session, reports)
        finally:
            torch.set_num_threads(threads)

    def compute(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Compute here."""
        return computed(self._any_device(), work, *arguments)

    def stream(self, work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
        """Compute here."""
        return streamed(self._any_device(), work, *arguments)

    def _any_device(self) -> torch.device:
        return _device(gpu=self._trial_gpu or self._finetune_gpu)

    def finetune_workers(self) -> Workers:
        """One, which is this process."""
        return Workers(1, 1)

    def finetunes_at_once(self) -> int:
        """One."""
        return 1

    def finetune(
        self, job: FinetuneJob, on_epoch: OnEpoch, on_progress: OnProgress, check: Check = unchecked, among: int = 1
    ) -> FinetuneResult:
        """Train on one worker, which is this process."""

        def told(progress: Progress) -> None:
            check()
            on_progress(progress)

        return finetune_alone(job, on_epoch, told, _device(gpu=self._finetune_gpu))


def _device(*, gpu: bool) -> torch.device:
    return default_device() if gpu else CPU


def serve(
    session: SearchSession,
    reports: Callable[[TrialSpec], Iterator[Report]],
    *,
    open_at_once: int = 1,
    newest_first: bool = False,
) -> None:
    """Run the session's trials to its end, or to an interrupt.

    Args:
        session: decides what is run.
        reports: yields the reports of a trial, from its first rung on.
        open_at_once: how many trials are begun before one of them is run to its end. With more than one, the session
            decides as it does beside several workers.
        newest_first: which of the open trials is run next.
    """
    trials: deque[TrialSpec] = deque()
    while True:
        turn = session.next() if session.interrupted or len(trials) < open_at_once else None
        if turn is not None and turn.over:
            return
        if turn is not None and turn.spec is not None:
            trials.append(turn.spec)
        elif trials:
            _run(session, reports(trials.pop() if newest_first else trials.popleft()))
        else:
            time.sleep(_POLL_S)


def _run(session: SearchSession, reports: Iterator[Report]) -> None:
    """Take the reports of one trial, to the one after which it is to stop."""
    for report in reports:
        if session.on_report(report) or session.interrupted:
            break
