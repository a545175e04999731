"""One run from configuration to summary: base, search, fine-tune, evaluation, export, each step in the ledger first."""

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from pruning.checkpoint import load_pruned, save_pruned
from pruning.counter import count_macs
from pruning.importance.base import Scores
from pruning.selection import select
from pruning.slicing import slice_model
from pruning.stages import stage_prices
from search.control.session import SearchSession
from search.errors import SearchFailedError
from search.execution.executor import Executor
from search.execution.interrupts import Interrupts
from search.execution.trial import TrialContext
from search.outcome.outputs import write_outputs
from search.outcome.summary import MlflowIds, Summary
from search.proposers.asking.calls import CallBook
from search.proposers.asking.llm import CallSettings
from search.proposers.base import Proposer
from search.proposers.registry import ASKING, CLASSICAL, arm_class
from search.setup.base_model import obtain_base
from search.setup.config import RunConfig
from search.setup.groundwork import sensitivity, session_rules, unit_scores
from search.setup.preparation import Prepared
from search.space.search_space import SearchSpace
from tracking.clock import utc_now
from tracking.events import Event, payloads_of
from tracking.kinds import RunStatus, SplitName, Subject
from tracking.ledger import Ledger
from tracking.payloads import (
    BaseReady,
    Evaluated,
    Exported,
    Extended,
    FinetuneEnded,
    FinetuneEpoch,
    FinetuneStarted,
    GroupShape,
    Interrupted,
    Latency,
    Payload,
    PlanReady,
    Profiled,
    Proposed,
    Resumed,
    RunEnded,
    RunStarted,
    StagePrice,
    StrategyRecord,
    Winner,
)
from tracking.phases import since_extension, since_winner, worked_seconds
from tracking.runs import RunDir
from tracking.tracker import Tracker
from trainers.base import BaseModel
from trainers.datasets.base import Splits
from trainers.evaluate import Evaluation, evaluate
from trainers.history import EpochReport
from trainers.job import FinetuneJob
from trainers.latency import compare_latency
from trainers.proxy import ProxyData, proxy_data

_P = TypeVar("_P", bound=Payload)
BaseProgress = Callable[[EpochReport, int], None]


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        events: all of its ledger's.
        in_sync: whether MLflow holds everything; otherwise `sync_reason` says why not.
    """

    folder: RunDir
    config: RunConfig
    events: Sequence[Event]
    summary: Summary
    in_sync: bool
    sync_reason: str | None


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
    ) -> None:
        self._prepared = prepared
        self._added_trials = added_trials
        self._folder = folder
        self._ledger = ledger
        self._tracker = tracker
        self._executor = executor
        self._base_progress = base_progress
        self._interrupts = Interrupts()

    def execute(self) -> RunOutcome:
        """Run to the end, or to the user's interrupt, and write summary and report of whatever there is.

        Raises:
            SearchFailedError: no trial was completed. Other errors of the rooms are recorded and raised again.
        """
        self._begin()
        # One thread, as in the workers: results then do not depend on the number of cores, and on a busy machine
        # threads that wait for each other make small models tenfold slower.
        torch.set_num_threads(1)
        try:
            with self._interrupts.installed():
                self._work()
            status, error = RunStatus.FINISHED, None
        except KeyboardInterrupt:
            reason = self._interrupts.reason or "KeyboardInterrupt"
            self._ledger.record(Interrupted(reason=reason))
            status, error = RunStatus.INTERRUPTED, None
        except BaseException as fault:
            self._end(RunStatus.FAILED, f"{type(fault).__name__}: {fault}")
            raise
        finally:
            if self._prepared.client is not None:
                self._prepared.client.close()
        return self._end(status, error)

    def _begin(self) -> None:
        earlier = self._ledger.events
        for event in earlier:
            self._tracker.feed(event)
        self._ledger.subscribe(self._tracker.feed)
        if earlier:
            self._ledger.record(Resumed(from_seq=earlier[-1].seq))
            if self._added_trials:
                self._ledger.record(Extended(added=self._added_trials))
            return
        config = self._prepared.config
        self._ledger.record(
            RunStarted(
                run_id=self._folder.run_id,
                model=config.model,
                dataset=config.dataset,
                proposer=config.arm,
                llm=config.llm,
                seed=config.seed,
                started_at=utc_now(),
                # the window as it came out, so that a resume or a replay on another machine reads the same results
                config=config.model_dump(mode="json") | {"window": self._prepared.window},
            )
        )

    def _end(self, status: RunStatus, error: str | None) -> RunOutcome:
        self._ledger.record(RunEnded(status=status, error=error, wall_s=worked_seconds(self._ledger.events, utc_now())))
        state = self._tracker.flush()
        ids = (
            MlflowIds(tracking_uri=state.tracking_uri, experiment_id=state.experiment_id, run_id=state.run_id)
            if state.tracking_uri
            else None
        )
        summary = write_outputs(self._folder, self._ledger.events, ids)
        state = self._tracker.close()
        return RunOutcome(
            self._folder, self._prepared.config, self._ledger.events, summary, state.in_sync, state.reason
        )

    def _work(self) -> None:
        prepared = self._prepared
        self._record_plan()
        splits = prepared.dataset.splits(
            prepared.config.data_path, seed=prepared.config.seed, input_size=prepared.spec.input_size
        )
        base = self._base(splits)
        winner = self._found(Winner, since_extension)
        if winner is None or self._found(Exported, since_winner) is None:
            with self._executor.ready():
                self._interrupts.reinstall()
                winner = winner or self._search(base, splits)
                self._interrupts.check()
                if self._found(FinetuneEnded, since_winner) is None:
                    self._finetune()
            self._interrupts.check()
            if self._found(Exported, since_winner) is None:
                self._export(winner)
        self._interrupts.check()
        self._evaluate(base, splits)
        shutil.rmtree(self._folder.path / "ray", ignore_errors=True)

    def _record_plan(self) -> None:
        plan, budget = self._prepared.plan, self._prepared.budget
        if self._found(PlanReady) is None:
            self._ledger.record(
                PlanReady(
                    counter=plan.counter,
                    groups=tuple(
                        GroupShape(name=group.name, units=group.units, set=group.set_index) for group in plan.groups
                    ),
                    sets=len(plan.sets),
                    floor_macs=plan.floor_macs(self._prepared.config.round_to),
                    baseline_macs=plan.baseline_macs,
                    target_macs=budget.target_macs,
                    band=budget.band_macs,
                    stages=tuple(
                        StagePrice(name=name, price=tuple(price.items())) for name, price in stage_prices(plan).items()
                    ),
                )
            )

    def _base(self, splits: Splits) -> BaseModel:
        prepared = self._prepared
        recipe = prepared.base_recipe
        base = obtain_base(
            prepared.source,
            prepared.spec,
            prepared.dataset,
            splits,
            recipe,
            seed=prepared.config.seed,
            data_path=prepared.config.data_path,
            progress=lambda report: self._base_progress(report, recipe.epochs),
        )
        if self._found(BaseReady) is None:
            self._ledger.record(
                BaseReady(
                    macs=prepared.plan.baseline_macs,
                    params=prepared.plan.baseline_params,
                    holdout_accuracy=base.accuracy_holdout,
                    checkpoint=str(base.path),
                    cached=base.cached,
                )
            )
        return base

    def _search(self, base: BaseModel, splits: Splits) -> Winner:
        prepared, config = self._prepared, self._prepared.config
        data = proxy_data(splits, prepared.proxy_recipe, config.seed)
        scores = unit_scores(prepared, base.module, data)
        space = prepared.space(scores, self._sensitivity(base, scores, data))
        proposer = self._proposer(space)
        substitute = CLASSICAL[config.switch_to](space) if config.switch_to else None
        session = SearchSession(space, proposer, session_rules(prepared), self._ledger, prepared.window, substitute)
        session.restore(self._ledger.events)
        session.begin()
        context = TrialContext(
            base=base.module,
            plan=prepared.plan,
            scores=scores,
            data=data,
            recipe=prepared.proxy_recipe,
            seed=config.seed,
            threads=max(1, int(config.cpus_per_trial)),
        )
        try:
            with self._interrupts.flagged(session.interrupt):
                self._executor.run_trials(session, context)
        finally:
            proposer.close()
        if session.interrupted:
            raise KeyboardInterrupt
        failure = proposer.failure()
        if failure is not None:
            raise failure
        return self._choose(session, context)

    def _sensitivity(self, base: BaseModel, scores: Mapping[str, Scores], data: ProxyData) -> Profiled | None:
        """What each set hurts when it alone is cut, for the arms that read it; the ledger's, where it holds it."""
        if not arm_class(self._prepared.config.arm).reads_sensitivity:
            return None
        found = self._found(Profiled)
        # A run that was begun before there were profiles goes on as it began.
        if found is not None or self._found(Proposed) is not None:
            return found
        found = sensitivity(self._prepared, base.module, scores, data)
        self._ledger.record(found)
        return found

    def _proposer(self, space: SearchSpace) -> Proposer:
        prepared = self._prepared
        if prepared.client is None:
            return CLASSICAL[prepared.config.arm](space)
        config = prepared.config
        arm = ASKING[config.arm]
        book = CallBook(self._ledger, space)
        settings = CallSettings(
            config.llm_per_call, config.llm_max_tokens, config.llm_temperature, config.trials, config.llm_ahead
        )
        return arm(space, prepared.client, book, settings)

    def _choose(self, session: SearchSession, context: TrialContext) -> Winner:
        """Cut the winner as its trial did, and name it once its checkpoint is there."""
        best = session.history.best()
        if best is None:
            failed = [result.error for _, result in session.history.ended if result.error]
            why = f"{len(failed)} trials failed, the last with: {failed[-1]}" if failed else session.stop_reason
            raise SearchFailedError(f"No trial was completed, so there is no winner: {why}.")
        spec, result = best
        assert result.accuracy is not None, "a completed trial has a score"
        former = self._found(Winner)
        if former is not None and former.trial != spec.trial:
            # What the former winner's fine-tune left would be taken for this one's.
            shutil.rmtree(self._folder.path / "finetune", ignore_errors=True)
        selection = select(context.scores[spec.proposal.strategy.importance], spec.allocation)
        module = slice_model(context.base, context.plan, selection)
        save_pruned(module, context.plan, selection, self._folder.path / "pruned", recipe={"run": self._folder.run_id})
        winner = Winner(
            trial=spec.trial,
            strategy=StrategyRecord.model_validate(spec.proposal.strategy.to_json()),
            allocation=spec.allocation,
            macs=spec.macs,
            params=spec.params,
            proxy_accuracy=result.accuracy,
            holdout_images=len(context.data.holdout_labels),
        )
        self._ledger.record(winner)
        return winner

    def _finetune(self) -> None:
        prepared, config = self._prepared, self._prepared.config
        self._ledger.record(
            FinetuneStarted(workers=prepared.needs.finetune_workers, recipe=prepared.recipe.model_dump(mode="json"))
        )
        told = {record.epoch for record in payloads_of(since_winner(self._ledger.events), FinetuneEpoch)}
        job = FinetuneJob(
            checkpoint_dir=(self._folder.path / "pruned").absolute(),
            dataset=config.dataset,
            data_path=config.data_path.absolute() if config.data_path else None,
            recipe=prepared.recipe,
            seed=config.seed,
            out_dir=(self._folder.path / "finetune").absolute(),
            trusted=(config.model,),
        )
        result = self._executor.finetune(
            job, lambda report: None if report.epoch in told else self._record_epoch(report)
        )
        self._ledger.record(
            FinetuneEnded(
                wall_s=result.wall_s,
                epochs=len(result.history),
                holdout_accuracy=result.history[-1].holdout_accuracy,
                checkpoint=str(result.checkpoint_dir),
            )
        )

    def _record_epoch(self, report: EpochReport) -> None:
        self._interrupts.check()
        self._ledger.record(
            FinetuneEpoch(
                epoch=report.epoch,
                train_loss=report.train_loss,
                holdout_accuracy=report.holdout_accuracy,
                lr=report.lr,
                wall_s=report.wall_s,
            )
        )

    def _export(self, winner: Winner) -> None:
        """Put the fine-tuned model in its place, once its MACs have been counted again by the independent counter."""
        tuned = self._folder.path / "finetune" / "model"
        model = load_pruned(tuned, trusted=(self._prepared.config.model,))
        counted = count_macs(model.module, self._prepared.spec.input_size)
        assert counted == winner.macs, f"{counted:,} MACs counted on the model, {winner.macs:,} by the plan"
        shutil.copytree(tuned, self._folder.model, dirs_exist_ok=True)
        self._ledger.record(Exported(path=str(self._folder.model), macs=counted, params=winner.params))

    def _evaluate(self, base: BaseModel, splits: Splits) -> None:
        """The one reading of the test set, for both models at once; a model that has had it is not read again."""
        told = {
            *(r.subject for r in payloads_of(self._ledger.events, Evaluated) if r.subject is Subject.BASE),
            *(r.subject for r in payloads_of(since_winner(self._ledger.events), Evaluated)),
        }
        if told == set(Subject):
            return
        device = torch.device("cuda" if self._prepared.needs.finetune_gpu else "cpu")
        winner = load_pruned(self._folder.model, trusted=(self._prepared.config.model,)).module.to(device).eval()
        module = base.module.to(device)
        latency = compare_latency(module, winner, self._prepared.spec.input_size, threads=1)
        for subject, model, speed in (
            (Subject.BASE, module, latency.first),
            (Subject.WINNER, winner, latency.second),
        ):
            if subject not in told:
                score = evaluate(model, splits.test, output=self._prepared.spec.output)
                self._ledger.record(_evaluated(subject, score, Latency(median=speed.median_ms, p95=speed.p95_ms)))

    def _found(
        self, kind: type[_P], since: Callable[[Sequence[Event]], Sequence[Event]] = lambda events: events
    ) -> _P | None:
        found = payloads_of(since(self._ledger.events), kind)
        return found[-1] if found else None


def _evaluated(subject: Subject, score: Evaluation, latency: Latency) -> Evaluated:
    return Evaluated(subject=subject, split=SplitName.TEST, latency_ms=latency, **dataclasses.asdict(score))
