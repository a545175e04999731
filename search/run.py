"""One run from its configuration to its summary: the steps in their order, each in the ledger before the next."""

import logging
import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import groupby

import torch

from search.execution.executor import Executor, Lost
from search.execution.interrupts import LEFT_AT_ONCE, Interrupts
from search.outcome.outputs import write_outputs
from search.outcome.summary import Summary, mlflow_ids, summarise
from search.setup.config import RunConfig
from search.setup.holdout_training import FIELD, to_record
from search.setup.preparation import Prepared
from search.setup.provenance import provenance_here
from search.setup.search_ground import BaseProgress
from search.steps.base import BaseStep
from search.steps.evaluation import EvaluationStep
from search.steps.export import ExportStep
from search.steps.finalists import FinalistsStep
from search.steps.finetune import FinetuneStep
from search.steps.plan import PlanStep
from search.steps.search import SearchStep
from search.steps.step import RunContext, Step
from tracking.clock import utc_now
from tracking.errors import LedgerWriteError
from tracking.events import Event
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.payloads import Extended, Interrupted, Resumed, RunEnded, RunStarted
from tracking.phases import worked_seconds
from tracking.runs import RunDir
from tracking.tracker import Tracker
from trainers.progress import OnProgress, unheard

_log = logging.getLogger(__name__)

GRACE_S = 5.0
"""Seconds that a run has to end in order once Ray is lost."""

MakeStep = Callable[[RunContext], Step]
STEPS: tuple[type[Step], ...] = (
    PlanStep,
    BaseStep,
    SearchStep,
    FinalistsStep,
    FinetuneStep,
    ExportStep,
    EvaluationStep,
)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        events: all of its ledger's.
        in_sync: whether MLflow holds everything; otherwise `sync_reason` says why not.
        failed_outputs: which of plots, report and so on could not be written, and why.
    """

    folder: RunDir
    config: RunConfig
    events: Sequence[Event]
    summary: Summary
    in_sync: bool
    sync_reason: str | None
    failed_outputs: tuple[str, ...] = ()


class Run:
    """A run in its folder. What the ledger holds is not done again: resuming is starting with a fuller ledger."""

    def __init__(
        self,
        prepared: Prepared,
        folder: RunDir,
        ledger: Ledger,
        tracker: Tracker,
        executor: Executor,
        base_progress: BaseProgress,
        added_trials: int = 0,
        finetune_progress: OnProgress = unheard,
        steps: Sequence[MakeStep] = STEPS,
    ) -> None:
        self._context = RunContext(prepared, folder, ledger, executor, Interrupts(), base_progress, finetune_progress)
        self._tracker = tracker
        self._added_trials = added_trials
        self._steps = steps
        self._began = time.monotonic()
        self._earlier_s = 0.0
        self._ending = threading.Lock()

    def execute(self) -> RunOutcome:
        """Run to the end, or to the user's interrupt, and write summary and report of whatever there is.

        Raises:
            SearchFailedError: no trial was completed.
            Exception: any other error of the rooms. It is recorded as the run's failure before it is raised again.
        """
        context = self._context
        # One thread, as in the workers: results then do not depend on the number of cores, and on a busy machine
        # threads that wait for each other make small models tenfold slower.
        torch.set_num_threads(1)
        self._begin()
        with context.interrupts.installed():
            try:
                carry_out(context, self._lose, self._steps)
                status = RunStatus.FINISHED
            except BaseException as error:
                if not self._is_interrupt(error):
                    self._fail(error)
                    raise
                context.ledger.record(Interrupted(reason=context.interrupts.reason or "KeyboardInterrupt"))
                status = RunStatus.INTERRUPTED
            finally:
                if context.prepared.client is not None:
                    context.prepared.client.close()
            return self._end(status, None)

    def _begin(self) -> None:
        ledger = self._context.ledger
        earlier = ledger.events
        for event in earlier:
            self._tracker.feed(event)
        ledger.subscribe(self._tracker.feed)
        if not earlier:
            ledger.record(self._started())
            return
        self._earlier_s = worked_seconds(earlier, earlier[-1].time)
        ledger.record(Resumed(from_seq=earlier[-1].seq, provenance=provenance_here()))
        if self._added_trials:
            ledger.record(Extended(added=self._added_trials))

    def _started(self) -> RunStarted:
        prepared, config = self._context.prepared, self._context.prepared.config
        trained_on = to_record(config.finetune_changes().get(FIELD), used=prepared.recipe.train_on_holdout)
        return RunStarted(
            run_id=self._context.folder.run_id,
            model=config.model,
            dataset=config.dataset,
            proposer=config.arm,
            llm=config.llm,
            seed=config.seed,
            started_at=utc_now(),
            # the window as it came out, so that a resume or a replay on another machine reads the same results
            config=config.model_dump(mode="json") | {"window": prepared.window} | trained_on,
            provenance=provenance_here(),
        )

    def _is_interrupt(self, error: BaseException) -> bool:
        """Whether a signal, or the loss of Ray, is the cause: what a process that dies with us raises is none."""
        if self._context.interrupts.reason is None or not isinstance(error, Exception):
            return isinstance(error, KeyboardInterrupt)
        _log.warning("the run was interrupted (%s), and then: %s", self._context.interrupts.reason, error)
        return True

    def _lose(self, what: str) -> None:
        """Interrupt the run, for what it needs is gone; leave if the main thread waits for that and never returns.

        Called in a thread of its own. Ray would be silent for a minute, and then end the process without a word.
        """
        context = self._context
        context.interrupts.lose(f"Ray was lost: {what}")
        time.sleep(GRACE_S)
        if not self._ending.acquire(blocking=False):
            return
        reason = context.interrupts.reason or what
        context.ledger.record(Interrupted(reason=reason))
        context.ledger.record(RunEnded(status=RunStatus.INTERRUPTED, error=None, wall_s=self._worked_s()))
        sys.stderr.write(
            f"\nInterrupted ({reason}): {what}, and without it nothing can be ended in order. All that the ledger "
            f"holds is kept. Go on with:\n  python launch.py resume {shlex.quote(str(context.folder.path))}\n"
        )
        sys.stderr.flush()
        os._exit(LEFT_AT_ONCE)

    def _fail(self, error: BaseException) -> None:
        """Record what ended the run. A disk that takes no event must not hide it."""
        try:
            self._end(RunStatus.FAILED, f"{type(error).__name__}: {error}")
        except LedgerWriteError as unwritten:
            if error is not unwritten:
                error.add_note(str(unwritten))

    def _end(self, status: RunStatus, error: str | None) -> RunOutcome:
        """Write the outputs, then the end: a run that its ledger calls finished has all of them, whatever dies when.

        A first signal ends nothing here, for the run is ending; a second one leaves at once.
        """
        folder, ledger = self._context.folder, self._context.ledger
        self._ending.acquire()
        with self._context.interrupts.flagged(lambda: None):
            ended = RunEnded(status=status, error=error, wall_s=self._worked_s())
            outputs = write_outputs(folder, (*ledger.events, Event(len(ledger.events) + 1, utc_now(), ended)), None)
            ledger.record(ended)
            state = self._tracker.flush()
            ids = mlflow_ids(state)
            if ids is not None and not any(name.startswith(folder.summary.name) for name in outputs.failed):
                outputs = replace(outputs, summary=summarise(ledger.events, ids))
                outputs.summary.write(folder.summary)
            state = self._tracker.close()
        config = self._context.prepared.config
        return RunOutcome(folder, config, ledger.events, outputs.summary, state.in_sync, state.reason, outputs.failed)

    def _worked_s(self) -> float:
        """Seconds of all sessions; those of this one by a clock that is never set back."""
        return self._earlier_s + time.monotonic() - self._began


def carry_out(context: RunContext, lost: Lost = lambda _: None, makers: Sequence[MakeStep] = STEPS) -> None:
    """Run the steps whose results the ledger lacks, in their order.

    Args:
        context: what they share.
        lost: hears, in another thread, that what the executor needs is gone.
        makers: make the steps.
    """
    steps = [make(context) for make in makers]
    for needs_executor, neighbours in groupby(steps, lambda step: step.needs_executor):
        group = list(neighbours)
        with _ready(context, group, lost) if needs_executor else nullcontext():
            for step in group:
                context.interrupts.check()
                if not step.is_done():
                    step.run()
    shutil.rmtree(context.folder.path / "ray", ignore_errors=True)


@contextmanager
def _ready(context: RunContext, steps: Sequence[Step], lost: Lost) -> Iterator[None]:
    """Keep the executor ready, unless all of these steps are done."""
    if all(step.is_done() for step in steps):
        yield
        return
    with context.executor.ready(), context.executor.watched(lost):
        context.interrupts.reinstall()
        yield
