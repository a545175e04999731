"""A run as it happens: one line per event of interest, and on a terminal the state of the search below them."""

import time
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar
from rich.text import Text

from cli.console import between_words, console
from cli.plain import one_line
from cli.status import SearchStatus
from ground.counting import counted
from search.outcome.decisions import describe
from search.outcome.formats import count_text, holdout_text, macs_text, share_text
from tracking.events import Event
from tracking.payloads import (
    BaseReady,
    Decision,
    Evaluated,
    Exported,
    FinalistEnded,
    FinalistEpoch,
    Finalists,
    FinetuneEnded,
    FinetuneEpoch,
    FinetuneStarted,
    LlmCall,
    Payload,
    PlanReady,
    Profiled,
    TrialEnded,
    Winner,
)
from tracking.phases import worked_seconds
from trainers.history import EpochReport
from trainers.progress import FINALIST, FINALISTS, FINETUNE, Paced, Progress
from trainers.recipe import Recipe
from trainers.recipe_words import holdout_price, in_words, price_in_words
from trainers.workers import Workers

LOG_EVERY = 5
"""Epochs between two lines in a log; a terminal shows the bar instead."""
FINETUNE_LINE_S = 60.0
"""Seconds between two lines in a log about how an epoch of the fine-tune stands."""
BAR_WIDTH = 24


class ProgressView:
    """Listens to a ledger, and to the epochs of the base's training, which are not in the ledger."""

    def __init__(self, trials: int, on: Console | None = None, *, on_ray: bool = True) -> None:
        """Begin to measure time.

        Args:
            trials: of the whole search.
            on: where to show it; None takes the console for results.
            on_ray: whether Ray has to start before the first trial and the fine-tune.
        """
        self._console, self._on_ray = on or console(), on_ray
        self._began = time.monotonic()
        self._status = SearchStatus(trials)
        self._epochs = 0
        self._baseline_macs = self._winner_macs = 1
        self._images: tuple[int, int] | None = None
        self._bar = ProgressBar(
            TextColumn("[bold]{task.description}"),
            BarColumn(BAR_WIDTH),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[status]}", markup=False),
            console=self._console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._rows: tuple[tuple[str, str], ...] = ()
        self._say_training: dict[str, Paced] = {}
        self._live = Live(get_renderable=self._render, console=self._console, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def remember(self, events: Sequence[Event]) -> None:
        """Take the events of earlier sessions without showing them again. Their time counts as elapsed."""
        for event in events:
            self._status.take(event.payload)
            self._note(event.payload)
        if events:
            self._began -= worked_seconds(events, events[-1].time)

    def base_epoch(self, report: EpochReport, epochs: int) -> None:
        """Show one epoch of the base's training."""
        self._advance("base model", report.epoch, epochs, f"holdout {share_text(report.holdout_accuracy)}")
        if not self._console.is_terminal and (report.epoch % LOG_EVERY == 0 or report.epoch == epochs):
            self._line(f"base model: epoch {report.epoch}/{epochs}, holdout {share_text(report.holdout_accuracy)}")

    def finetune_progress(self, progress: Progress) -> None:
        """Show what the fine-tune is doing: beside the bar on a terminal, in a log as a line now and then."""
        standing = progress.standing
        if self._console.is_terminal and progress.who != FINALISTS:
            done = 0 if standing is None else standing.epoch - 1
            self._advance(progress.who, done, self._epochs, str(progress), beside=progress.who != FINETUNE)
            self._show()
        else:
            # Each on its own: of several at once none silences the others.
            self._say_training.setdefault(progress.who, Paced(self._say_progress, FINETUNE_LINE_S))(progress)

    def _say_progress(self, progress: Progress) -> None:
        self._line(f"{progress.who}: {progress}")

    def event(self, event: Event) -> None:
        """Show one event of the ledger."""
        self._status.take(event.payload)
        self._note(event.payload)
        self._report(event.payload)
        if self._status.searching:
            status = "starting Ray" if self._on_ray and not self._status.specs else ""
            self._advance("search", self._status.ended, self._status.trials, status)
        self._show()

    def _note(self, payload: Payload) -> None:
        """Keep what a later line needs."""
        match payload:
            case PlanReady():
                self._baseline_macs = payload.baseline_macs
            case BaseReady(data=data) if data is not None:
                self._images = (data.train.images, data.holdout.images)
            case Winner():
                self._winner_macs = payload.macs

    def _report(self, payload: Payload) -> None:
        match payload:
            case PlanReady() | BaseReady() | Winner() | FinetuneEnded() | Evaluated() | Exported() as milestone:
                self._milestone(milestone)
            case Profiled() as profile:
                origin = "from the cache" if profile.cached else f"measured in {profile.wall_s:.1f} s"
                self._line(
                    f"sensitivity of {len(profile.accuracies)} sets {origin}, on {profile.images} holdout images"
                )
            case TrialEnded() as ended:
                self._trial(ended)
            case LlmCall() as call:
                given = f", {call.quality.strategies} strategies" if call.quality else ""
                self._line(f"llm call {call.call}: {call.outcome} by {call.model} in {call.latency_s:.1f} s{given}")
            case Decision() as decision:
                self._line(describe(decision))
            case Finalists() | FinalistEpoch() | FinalistEnded() as final:
                self._final(final)
            case FinetuneStarted() as begun:
                self._epochs = int(begun.recipe["epochs"])
                workers = Workers(begun.workers, begun.most_workers or begun.workers)
                self._line(f"{FINETUNE}: {counted(self._epochs, 'epoch')} on {workers.named('DDP worker')}")
                self._recipe(Recipe.parse(dict(begun.recipe)))
                self._advance(FINETUNE, 0, self._epochs, "starting Ray Train" if self._on_ray else "")
            case FinetuneEpoch() as epoch:
                self._finetune_epoch(epoch)

    def _recipe(self, recipe: Recipe) -> None:
        self._line(f"recipe: {in_words(recipe)}")
        price = price_in_words(recipe, self._winner_macs, self._baseline_macs)
        if price is not None:
            self._line(f"recipe: {price}")
        if recipe.train_on_holdout and self._images is not None:
            self._line(f"recipe: {holdout_price(*self._images)}")

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
                if payload.made:
                    self._line(f"the base is {payload.made}")
                origin = _origin_of(payload)
                self._line(
                    f"base model {origin}: holdout {share_text(payload.holdout_accuracy)}, "
                    f"{macs_text(payload.macs)}, {count_text(payload.params)} parameters"
                )
            case Winner():
                self._line(
                    f"winner: trial {payload.trial}, proxy {share_text(payload.proxy_accuracy)} at "
                    f"{payload.macs:,} MACs"
                )
            case FinetuneEnded():
                score = holdout_text(payload.holdout_accuracy, payload.trained_holdout_accuracy)
                self._line(f"fine-tuned in {payload.wall_s:.1f} s: {score}")
            case Evaluated():
                latency = f", {payload.latency_ms.median:.2f} ms per image" if payload.latency_ms else ""
                self._line(
                    f"test set, {payload.subject.value}: {share_text(payload.accuracy)} "
                    f"({payload.correct} of {payload.total}){latency}"
                )
            case Exported():
                self._line(f"exported: {payload.path}")

    def _final(self, payload: Finalists | FinalistEpoch | FinalistEnded) -> None:
        match payload:
            case Finalists():
                trials = ", ".join(str(trial) for trial in payload.trials)
                self._line(f"finalists: trials {trials}, fine-tuned for {counted(payload.epochs, 'epoch')} each")
                self._epochs = payload.epochs
            case FinalistEpoch():
                status = f"loss {payload.train_loss:.4f}, holdout {share_text(payload.holdout_accuracy)}"
                self._epoch(f"{FINALIST} {payload.trial}", payload.epoch, status, beside=True)
            case FinalistEnded():
                self._line(
                    f"finalist {payload.trial}: holdout {share_text(payload.holdout_accuracy)} after "
                    f"{counted(payload.epochs, 'epoch')}, in {payload.wall_s:.1f} s"
                )

    def _trial(self, ended: TrialEnded) -> None:
        spec = self._status.specs[ended.trial]
        outcome = ended.error or f"{ended.state.value.replace('_', ' ')} at {share_text(ended.accuracy)}"
        tie = f" ({self._status.best_by_tie})" if self._status.best_by_tie else ""
        best = f", the best so far{tie}" if self._status.best_trial == ended.trial else ""
        line = f"trial {ended.trial:>3} · {outcome}{best} · {spec.rationale} · {spec.proposer} · {spec.macs:,} MACs"
        # The report has the whole line; an error is shown whole here, too.
        self._line(line, cropped=self._console.is_terminal and ended.error is None)

    def _finetune_epoch(self, epoch: FinetuneEpoch) -> None:
        score = holdout_text(epoch.holdout_accuracy, epoch.trained_holdout_accuracy)
        status = f"loss {epoch.train_loss:.4f}, {score}"
        self._epoch(FINETUNE, epoch.epoch, status)

    def _epoch(self, who: str, epoch: int, status: str, *, beside: bool = False) -> None:
        self._advance(who, epoch, self._epochs, status, beside=beside)
        if not self._console.is_terminal and (epoch % LOG_EVERY == 0 or epoch == self._epochs):
            self._line(f"{who}: epoch {epoch}/{self._epochs}, {status}")

    def _advance(self, phase: str, done: int, total: int, status: str, *, beside: bool = False) -> None:
        """Show how a phase stands: in the place of the last one, or beside others."""
        current = next((task for task in self._bar.tasks if task.id == self._tasks.get(phase)), None)
        if current is not None:
            self._bar.update(current.id, completed=max(done, int(current.completed)), status=status)
            return
        if not (beside and all(other.startswith(FINALIST) for other in self._tasks)):
            for task in self._tasks.values():
                self._bar.remove_task(task)
            self._tasks.clear()
        self._tasks[phase] = self._bar.add_task(phase, total=total, completed=done, status=status)

    def _show(self) -> None:
        """Fix the rows, all at once: the thread that draws reads them at any time."""
        self._rows = self._status.rows() if self._status.searching else ()
        if self._live.is_started:
            self._live.refresh()

    def _render(self) -> RenderableType:
        rows = [*self._rows, ("elapsed", str(timedelta(seconds=int(self._elapsed()))))] if self._rows else []
        return Group(self._bar, *(_row(name, text) for name, text in rows))

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _line(self, text: str, *, cropped: bool = False) -> None:
        stamped = Text.assemble((f"{self._elapsed():7.1f} s", "dim"), "  ", one_line(text))
        if cropped:
            self._console.print(stamped, no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(between_words(stamped, self._console), soft_wrap=True)


def _origin_of(base: BaseReady) -> str:
    match base.source:
        case "file":
            return f"read from {base.checkpoint}"
        case "pretrained":
            return "with pretrained weights"
        case _:
            return "from the cache" if base.cached else "trained"


def _row(name: str, text: str) -> Text:
    return Text.assemble((f"{name:<9}", "dim"), one_line(text), no_wrap=True, overflow="ellipsis")
