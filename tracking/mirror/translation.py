"""Translates events to operations on MLflow: which MLflow runs exist, and what each shows.

There is one parent run for the search, one child per trial that was started, and one child for the fine-tune. Every
operation follows from the events alone, including its times, so that repeating it changes nothing. docs/ledger.md lists
the names. Of a ledger that begins as a study's, `study_translation` translates all.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tracking.events import Event
from tracking.kinds import SplitName, Subject, TrialState
from tracking.made_with import made_with_text, sessions_of
from tracking.mirror.assessing import of_strategy
from tracking.mirror.call_trace import trace_of
from tracking.mirror.data_inputs import finetune_inputs, run_inputs
from tracking.mirror.naming import run_name
from tracking.mirror.operations import (
    FINETUNE,
    MADE_WITH,
    RUN,
    Attach,
    Begin,
    Finish,
    Log,
    Operation,
    Point,
    Status,
    Trace,
    finalist_part,
    trial_part,
)
from tracking.mirror.params import flatten, shortened
from tracking.mirror.study_translation import RUN_STATUS, StudyTranslation, milliseconds
from tracking.payloads import (
    BaseReady,
    DataRecord,
    Decision,
    Evaluated,
    Exported,
    FinalistEnded,
    FinalistEpoch,
    FinetuneEnded,
    FinetuneEpoch,
    FinetuneStarted,
    Interrupted,
    LlmCall,
    PlanReady,
    Proposed,
    Resumed,
    RunEnded,
    Rung,
    RunStarted,
    TrialEnded,
    TrialStarted,
    Winner,
)
from tracking.strategy_queue import StrategyQueue
from tracking.study_payloads import StudyStarted
from tracking.totals import Totals, is_revision

_NOTE = "mlflow.note.content"
"""The tag that MLflow's page shows as a run's description."""
_NAME = "mlflow.runName"
_LONGEST_NOTE = 4000
RECIPE = "finetune."
"""Begins the parameters of the parent that are the recipe of the fine-tune."""
FACTS = frozenset(
    {
        *("target", "band_low_macs", "band_high_macs", "floor_macs", "groups", "sets"),
        *("baseline_macs", "baseline_params", "baseline_holdout_accuracy", "train_images", "holdout_images"),
        *("test_images", "classes"),
    }
)
"""The parameters of the parent that were found out, and are no part of its configuration."""


class Translation:
    """Translates events in order, and keeps what later events need from earlier ones.

    Args:
        describe: What came of a run, in sentences, from its events so far; None shows no description.
    """

    def __init__(self, describe: Callable[[Sequence[Event]], str] | None = None) -> None:
        self._describe = describe
        self._events: list[Event] = []
        self._started: RunStarted | None = None
        self._plan: PlanReady | None = None
        self._data: DataRecord | None = None
        self._accuracy: float | None = None
        self._queue = StrategyQueue()
        self._traces: dict[int, Trace] = {}
        self._time = datetime.fromtimestamp(0, UTC)
        self._time_ms = 0
        self._run_id = ""
        self._proposals: dict[int, Proposed] = {}
        self._open: list[str] = []
        self._totals = Totals()
        self._winner_trial: int | None = None
        self._study: StudyTranslation | None = None
        self._views: Mapping[type, Callable[[Any], tuple[Operation, ...]]] = {
            RunStarted: self._run_started,
            BaseReady: self._base_ready,
            PlanReady: self._plan_ready,
            Proposed: self._proposed,
            Decision: self._decision,
            LlmCall: self._llm_call,
            TrialStarted: self._trial_started,
            Rung: self._rung,
            TrialEnded: self._trial_ended,
            FinalistEpoch: self._finalist_epoch,
            FinalistEnded: self._finalist_ended,
            Winner: self._winner,
            FinetuneStarted: self._finetune_started,
            FinetuneEpoch: self._finetune_epoch,
            FinetuneEnded: self._finetune_ended,
            Evaluated: self._evaluated,
            Exported: self._exported,
            Interrupted: self._interrupted,
            Resumed: self._resumed,
            RunEnded: self._run_ended,
        }

    def translate(self, event: Event) -> tuple[Operation, ...]:
        """Return the operations of the next event; none for a kind that MLflow does not show."""
        if isinstance(event.payload, StudyStarted):
            self._study = StudyTranslation()
        if self._study is not None:
            return self._study.translate(event)
        self._events.append(event)
        self._queue.take(event.payload)
        self._time = event.time
        self._time_ms = milliseconds(event.time)
        view = self._views.get(type(event.payload))
        return () if view is None else view(event.payload)

    def _run_started(self, payload: RunStarted) -> tuple[Operation, ...]:
        self._run_id, self._started = payload.run_id, payload
        tags = {
            "espalier.schema": str(payload.schema_version),
            "espalier.model": payload.model,
            "espalier.dataset": payload.dataset,
            "espalier.proposer": payload.proposer,
            "espalier.seed": str(payload.seed),
        }
        if payload.llm is not None:
            tags["espalier.llm"] = payload.llm
        tags |= self._made_with()
        return (
            Begin(RUN, run_name(payload), milliseconds(payload.started_at), tags),
            Log(RUN, params=_used(payload)),
            Attach("config.json", payload.config),
        )

    def _base_ready(self, payload: BaseReady) -> tuple[Operation, ...]:
        facts: dict[str, object] = {
            "baseline_macs": payload.macs,
            "baseline_params": payload.params,
            "baseline_holdout_accuracy": payload.holdout_accuracy,
        }
        data, self._data = payload.data, payload.data
        if data is None or self._started is None:
            return (Log(RUN, params=_texts(facts)),)
        facts |= {f"{name}_images": getattr(data, name).images for name in ("train", "holdout", "test")}
        return (Log(RUN, params=_texts(facts | {"classes": data.classes})), *run_inputs(self._started, data))

    def _plan_ready(self, payload: PlanReady) -> tuple[Operation, ...]:
        self._plan = payload
        facts: dict[str, object] = {
            "target": payload.target_macs,
            "floor_macs": payload.floor_macs,
            "band_low_macs": payload.band[0],
            "band_high_macs": payload.band[1],
            "groups": len(payload.groups),
            "sets": payload.sets,
        }
        tags = {"espalier.counter": payload.counter, "espalier.target_macs": str(payload.target_macs)}
        return (Log(RUN, params=_texts(facts), tags=tags | self._named()),)

    def _made_with(self) -> dict[str, str]:
        """The tag with software and hardware of all sessions so far, if the ledger holds them."""
        text = made_with_text(sessions_of(self._events))
        return {MADE_WITH: text} if text else {}

    def _named(self) -> dict[str, str]:
        """The tag with the name of the run, as far as its result is known."""
        return {} if self._started is None else {_NAME: run_name(self._started, self._plan, self._accuracy)}

    def _described(self) -> dict[str, str]:
        """The tag with the description of the run."""
        text = "" if self._describe is None or self._started is None else self._describe(self._events)
        return {_NOTE: shortened(text, _LONGEST_NOTE)} if text else {}

    def _proposed(self, payload: Proposed) -> tuple[Operation, ...]:
        self._proposals[payload.trial] = payload
        figures = self._totals.propose(payload)
        return (self._log(RUN, figures, step=self._totals.asked), *self._assessed(payload))

    def _assessed(self, payload: Proposed) -> tuple[Operation, ...]:
        """The trace of the call that a proposal came from, once more, with what the proposal shows of it."""
        call = self._queue.origin(payload.trial)
        trace = None if call is None else self._traces.get(call)
        if call is None or trace is None:
            return ()
        found = of_strategy(payload, None if self._plan is None else self._plan.band)
        self._traces[call] = replace(trace, assessments=(*trace.assessments, found))
        return (self._traces[call],)

    def _decision(self, payload: Decision) -> tuple[Operation, ...]:
        """Count a strategy that missed the band as a revision; reasons are not shown in MLflow."""
        if not is_revision(payload):
            return ()
        return (self._log(RUN, self._totals.propose(payload), step=self._totals.asked),)

    def _llm_call(self, payload: LlmCall) -> tuple[Operation, ...]:
        figures = self._totals.call_llm(payload) | {"llm_latency_s": payload.latency_s}
        cost = figures.pop("llm_cost_usd")
        # Otherwise nothing is known of it, and 0 would be a figure.
        if figures["llm_calls_without_cost"] < figures["llm_calls"]:
            figures["cost_usd"] = cost
        arm = "llm" if self._started is None else self._started.proposer
        trace = trace_of(payload, self._time, self._run_id, arm)
        self._traces[payload.call] = trace
        return (
            self._log(RUN, figures, step=self._totals.llm_calls),
            Attach(f"llm/call-{payload.call:04d}.json", payload.model_dump(mode="json")),
            trace,
        )

    def _trial_started(self, payload: TrialStarted) -> tuple[Operation, ...]:
        return (
            *self._begin_trial(payload.trial, payload.started),
            Log(trial_part(payload.trial), tags={"espalier.actor": payload.actor, "espalier.pid": str(payload.pid)}),
        )

    def _begin_trial(self, trial: int, started: datetime | None) -> tuple[Operation, ...]:
        part = trial_part(trial)
        self._open.append(part)
        begin = Begin(part, f"trial-{trial:03d}", milliseconds(started) if started else self._time_ms)
        proposal = self._proposals.get(trial)
        return (begin,) if proposal is None else (begin, self._proposal_log(part, proposal))

    def _proposal_log(self, part: str, proposal: Proposed) -> Log:
        strategy = proposal.strategy
        ratios = {f"ratio.{index:03d}": repr(ratio) for index, ratio in enumerate(strategy.ratios)}
        params = {
            "importance": strategy.importance,
            "round_to": str(strategy.round_to),
            "ranking": strategy.ranking,
            **ratios,
        }
        figures = {
            "requested_macs": proposal.requested_macs,
            "in_band": proposal.in_band,
            "macs": proposal.macs,
            "params": proposal.params,
        }
        tags = {"espalier.proposer": proposal.proposer, _NOTE: shortened(proposal.rationale, _LONGEST_NOTE)}
        return self._log(part, figures, params=params, tags=tags)

    def _rung(self, payload: Rung) -> tuple[Operation, ...]:
        part = trial_part(payload.trial)
        begin = () if part in self._open else self._begin_trial(payload.trial, None)
        figures = {"holdout_accuracy": payload.accuracy, "holdout_loss": payload.loss, "epochs": payload.epochs}
        return (*begin, self._log(part, figures, step=payload.rung))

    def _trial_ended(self, payload: TrialEnded) -> tuple[Operation, ...]:
        part = trial_part(payload.trial)
        begin = () if part in self._open else self._begin_trial(payload.trial, payload.started)
        self._open = [other for other in self._open if other != part]
        figures: dict[str, float] = {"wall_s": payload.wall_s, "rungs": payload.rungs}
        if payload.compute_s is not None:
            figures["compute_s"] = payload.compute_s
        if payload.accuracy is not None:
            figures["proxy_accuracy"] = payload.accuracy
        tags = {"espalier.state": payload.state.value, "espalier.actor_served": str(payload.served)}
        if payload.error is not None:
            tags["espalier.error"] = shortened(payload.error, 4000)
        status = Status.FAILED if payload.state is TrialState.FAILED else Status.FINISHED
        totals = self._totals.end_trial(payload)
        return (
            *begin,
            self._log(part, figures, tags=tags),
            Finish(part, status, milliseconds(payload.ended) if payload.ended else self._time_ms),
            self._log(RUN, totals, step=self._totals.ended),
        )

    def _finalist_epoch(self, payload: FinalistEpoch) -> tuple[Operation, ...]:
        part = finalist_part(payload.trial)
        begin = () if part in self._open else (Begin(part, f"finalist · trial-{payload.trial:03d}", self._time_ms),)
        self._open = list(dict.fromkeys([*self._open, part]))
        figures = {
            "train_loss": payload.train_loss,
            "holdout_accuracy": payload.holdout_accuracy,
            "holdout_loss": payload.holdout_loss,
            "lr": payload.lr,
            "wall_s": payload.wall_s,
        }
        return (*begin, self._log(part, figures, step=payload.epoch))

    def _finalist_ended(self, payload: FinalistEnded) -> tuple[Operation, ...]:
        part = finalist_part(payload.trial)
        if part not in self._open:  # it was trained before, and what follows it in the ledger says nothing new
            return ()
        self._open.remove(part)
        return (Finish(part, Status.FINISHED, self._time_ms),)

    def _winner(self, payload: Winner) -> tuple[Operation, ...]:
        figures = {
            "macs": payload.macs,
            "params": payload.params,
            "winner_proxy_accuracy": payload.proxy_accuracy,
        }
        former, self._winner_trial = self._winner_trial, payload.trial
        lost = () if former in (None, payload.trial) else (Log(trial_part(former), tags={"espalier.winner": "false"}),)
        return (
            *lost,
            self._log(RUN, figures, tags={"espalier.winner_trial": str(payload.trial)} | self._described()),
            Log(trial_part(payload.trial), tags={"espalier.winner": "true"}),
            Attach("winner.json", payload.model_dump(mode="json")),
        )

    def _finetune_started(self, payload: FinetuneStarted) -> tuple[Operation, ...]:
        """Begin the fine-tune; its recipe, and what else stays the same in it, are parameters, here and at the run.

        A parameter of MLflow cannot be changed: where another winner is trained by another recipe, the run shows the
        first, and the artifact `recipe.json` the present one.
        """
        self._open.append(FINETUNE)
        most = "" if payload.most_workers is None else f"-{payload.most_workers}"
        params = {"workers": f"{payload.workers}{most}", **flatten(payload.recipe)}
        first = not any(isinstance(event.payload, FinetuneStarted) for event in self._events[:-1])
        inputs = (
            ()
            if self._data is None or self._started is None
            else finetune_inputs(self._started, self._data, all_trained=bool(payload.recipe.get("train_on_holdout")))
        )
        return (
            Begin(FINETUNE, self._finetune_name(), self._time_ms),
            Log(FINETUNE, params=params if first else {}),
            *([Log(RUN, params={f"{RECIPE}{name}": value for name, value in params.items()})] if first else []),
            Attach("recipe.json", payload.recipe),
            *inputs,
        )

    def _finetune_name(self) -> str:
        return "fine-tune" if self._started is None else f"fine-tune · {run_name(self._started, self._plan)}"

    def _finetune_epoch(self, payload: FinetuneEpoch) -> tuple[Operation, ...]:
        figures = {"train_loss": payload.train_loss, "lr": payload.lr, "wall_s": payload.wall_s}
        if payload.holdout_accuracy is not None:
            figures["holdout_accuracy"] = payload.holdout_accuracy
        if payload.holdout_loss is not None:
            figures["holdout_loss"] = payload.holdout_loss
        if payload.trained_holdout_accuracy is not None:
            figures["trained_holdout_accuracy"] = payload.trained_holdout_accuracy
        if payload.images_per_s is not None:
            figures["images_per_s"] = payload.images_per_s
        return (self._log(FINETUNE, figures, step=payload.epoch),)

    def _finetune_ended(self, payload: FinetuneEnded) -> tuple[Operation, ...]:
        self._open = [part for part in self._open if part != FINETUNE]
        log = self._log(FINETUNE, {"total_wall_s": payload.wall_s})
        end = Finish(FINETUNE, Status.FINISHED, self._time_ms)
        if payload.holdout_accuracy is None:
            return (log, end)
        return (log, end, self._log(RUN, {"holdout_accuracy": payload.holdout_accuracy}))

    def _evaluated(self, payload: Evaluated) -> tuple[Operation, ...]:
        """Show the winner's figures under the plain names, which its model has, too; the base's say whose they are."""
        of_base = payload.subject is Subject.BASE
        speed = {} if payload.latency_ms is None else payload.latency_ms.model_dump()
        split = "test" if payload.split is SplitName.TEST else payload.split.value
        if of_base or payload.split is not SplitName.TEST:
            who = "baseline" if of_base else "winner"
            figures = {f"{who}_{split}_accuracy": payload.accuracy, f"{who}_{split}_loss": payload.loss}
            figures |= {f"{who}_latency_{name}_ms": value for name, value in speed.items()}
            return (self._log(RUN, figures),)
        self._accuracy = payload.accuracy
        figures = {"accuracy": payload.accuracy, "loss": payload.loss}
        figures |= {f"latency_{name}_ms": value for name, value in speed.items()}
        return (self._log(RUN, figures, tags=self._named() | self._described()),)

    def _exported(self, payload: Exported) -> tuple[Operation, ...]:
        return (Log(RUN, tags={"espalier.exported": shortened(payload.path)}),)

    def _interrupted(self, payload: Interrupted) -> tuple[Operation, ...]:
        return (Log(RUN, tags={"espalier.interrupted": shortened(payload.reason)}),)

    def _resumed(self, payload: Resumed) -> tuple[Operation, ...]:
        tags = {"espalier.resumed_from_seq": str(payload.from_seq)} | self._made_with()
        name = self._run_id if self._started is None else run_name(self._started, self._plan, self._accuracy)
        return (Begin(RUN, name, self._time_ms, tags),)

    def _run_ended(self, payload: RunEnded) -> tuple[Operation, ...]:
        """Close the run; a part that is still open was interrupted, and is shown as killed instead of running."""
        tags = {"espalier.status": payload.status.value}
        if payload.error is not None:
            tags["espalier.error"] = shortened(payload.error, 4000)
        left = tuple(Finish(part, Status.KILLED, self._time_ms) for part in dict.fromkeys(self._open))
        self._open.clear()
        last = self._totals.asked + 1
        end = Finish(RUN, RUN_STATUS[payload.status], self._time_ms)
        figures = self._totals.trials() | {"wall_s": payload.wall_s}
        if self._started is not None and self._started.llm is None:
            figures["cost_usd"] = 0.0
        return (*left, self._log(RUN, figures, step=last, tags=tags | self._described()), end)

    def _log(
        self,
        part: str,
        figures: Mapping[str, float],
        *,
        step: int = 0,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Log:
        points = tuple(Point(key, _drawable(value), step, self._time_ms) for key, value in figures.items())
        return Log(part, points, params or {}, tags or {})


def _used(started: RunStarted) -> dict[str, str]:
    """The configuration as parameters, without what an arm that asks no model does not read."""
    read = {
        name: value for name, value in started.config.items() if started.llm is not None or not name.startswith("llm_")
    }
    return flatten({**read, "proposer": started.proposer})


def _texts(facts: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in facts.items()}


def _drawable(value: float) -> float:
    """Replace infinity by NaN: MLflow would store infinity as 1.8e308, which was not measured, but keeps NaN."""
    return float(value) if math.isfinite(value) else math.nan
