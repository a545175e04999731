"""A run as it happens: one line for each thing worth knowing, and on a terminal a bar below them."""

import time
from types import TracebackType
from typing import Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.console import console
from search.formats import count_text, macs_text, share_text
from tracking.events import Event, TrialState
from tracking.payloads import (
    BaseReady,
    Decision,
    Evaluated,
    Exported,
    FinetuneEnded,
    FinetuneEpoch,
    FinetuneStarted,
    LlmCall,
    PlanReady,
    Profiled,
    Proposed,
    TrialEnded,
    Winner,
)
from trainers.history import EpochReport

LOG_EVERY = 5
"""Epochs between two lines in a log; a terminal has the bar."""


class ProgressView:
    """Listens to a ledger, and to the base's training, which the ledger holds only as a whole."""

    def __init__(self, trials: int) -> None:
        self._trials = trials
        self._began = time.monotonic()
        self._specs: dict[int, Proposed] = {}
        self._best: tuple[float, int] | None = None
        self._epochs = 0
        self._live = console().is_terminal
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[status]}"),
            console=console(),
            transient=True,
            disable=not self._live,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def remember(self, event: Event) -> None:
        """Take an event of an earlier session: it is known, and not told again."""
        match event.payload:
            case Proposed() as proposed:
                self._specs[proposed.trial] = proposed
            case TrialEnded() as ended:
                self._note_best(ended)

    def base_epoch(self, report: EpochReport, epochs: int) -> None:
        """One epoch of the base's training."""
        self._advance("base model", report.epoch, epochs, f"holdout {share_text(report.holdout_accuracy)}")
        if not self._live and (report.epoch % LOG_EVERY == 0 or report.epoch == epochs):
            self._line(f"base model: epoch {report.epoch}/{epochs}, holdout {share_text(report.holdout_accuracy)}")

    def event(self, event: Event) -> None:
        """Take one event of the ledger."""
        match event.payload:
            case PlanReady() | BaseReady() | Winner() | FinetuneEnded() | Evaluated() | Exported() as milestone:
                self._milestone(milestone)
            case Profiled() as profile:
                how = "from the cache" if profile.cached else f"measured in {profile.wall_s:.1f} s"
                self._line(f"sensitivity of {len(profile.accuracies)} sets {how}, on {profile.images} holdout images")
            case Proposed() as proposed:
                self._specs[proposed.trial] = proposed
            case TrialEnded() as ended:
                self._trial(ended)
            case LlmCall() as call:
                self._line(f"llm call {call.call}: {call.outcome} by {call.model} in {call.latency_s:.1f} s")
            case Decision() as decision:
                self._line(f"{decision.decision.replace('_', ' ')}: {decision.reason}")
            case FinetuneStarted() as begun:
                self._epochs = int(begun.recipe["epochs"])
                self._line(f"fine-tune: {self._epochs} epochs on {begun.workers} DDP workers")
                self._advance("fine-tune", 0, self._epochs, "starting Ray Train")
            case FinetuneEpoch() as epoch:
                self._finetune_epoch(epoch)

    def _milestone(self, payload: PlanReady | BaseReady | Winner | FinetuneEnded | Evaluated | Exported) -> None:
        match payload:
            case PlanReady():
                share = payload.target_macs / payload.baseline_macs
                self._line(
                    f"plan: {len(payload.groups)} groups in {payload.sets} sets, proved; "
                    f"{macs_text(payload.baseline_macs)} to {macs_text(payload.floor_macs)} reachable, "
                    f"target {macs_text(payload.target_macs)} ({share_text(share)})"
                )
            case BaseReady():
                how = "from the cache" if payload.cached else "trained"
                self._line(
                    f"base model {how}: holdout {share_text(payload.holdout_accuracy)}, "
                    f"{macs_text(payload.macs)}, {count_text(payload.params)} parameters"
                )
                self._advance("search", 0, self._trials, "starting Ray")
            case Winner():
                self._line(
                    f"winner: trial {payload.trial}, proxy {share_text(payload.proxy_accuracy)} at "
                    f"{payload.macs:,} MACs"
                )
            case FinetuneEnded():
                self._line(f"fine-tuned in {payload.wall_s:.1f} s: holdout {share_text(payload.holdout_accuracy)}")
            case Evaluated():
                latency = f", {payload.latency_ms.median:.2f} ms an image" if payload.latency_ms else ""
                self._line(
                    f"test set, {payload.subject.value}: {share_text(payload.accuracy)} "
                    f"({payload.correct} of {payload.total}){latency}"
                )
            case Exported():
                self._line(f"exported: {payload.path}")

    def _trial(self, ended: TrialEnded) -> None:
        spec = self._specs[ended.trial]
        self._note_best(ended)
        outcome = ended.error or f"{ended.state.value.replace('_', ' ')} at {share_text(ended.accuracy)}"
        self._line(f"trial {ended.trial:>3} · {spec.proposer} · {spec.rationale} · {spec.macs:,} MACs · {outcome}")
        best = f"best {share_text(self._best[0])} (trial {self._best[1]})" if self._best else ""
        self._advance("search", ended.trial + 1, self._trials, best)

    def _note_best(self, ended: TrialEnded) -> None:
        accuracy = ended.accuracy or 0.0
        if ended.state is TrialState.COMPLETED and (self._best is None or accuracy > self._best[0]):
            self._best = (accuracy, ended.trial)

    def _finetune_epoch(self, epoch: FinetuneEpoch) -> None:
        status = f"loss {epoch.train_loss:.4f}, holdout {share_text(epoch.holdout_accuracy)}"
        self._advance("fine-tune", epoch.epoch, self._epochs, status)
        if not self._live and (epoch.epoch % LOG_EVERY == 0 or epoch.epoch == self._epochs):
            self._line(f"fine-tune: epoch {epoch.epoch}/{self._epochs}, {status}")

    def _advance(self, phase: str, done: int, total: int, status: str) -> None:
        task = next((task for task in self._bar.tasks if task.id == self._task), None)
        if task is None or task.description != phase:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(phase, total=total, status="")
        assert self._task is not None
        current = next(task for task in self._bar.tasks if task.id == self._task)
        self._bar.update(self._task, completed=max(done, int(current.completed)), status=status)

    def _line(self, text: str) -> None:
        console().print(f"[dim]{time.monotonic() - self._began:7.1f} s[/]  {escape(text)}", soft_wrap=True)
