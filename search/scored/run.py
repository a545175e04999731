"""Begin such a run, or go on with the one in its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import environ
from pathlib import Path

import torch

from search.errors import ConfigError
from search.execution.registry import executor_of
from search.launching import tracker_of
from search.proposers.registry import check_proposer
from search.run import MakeStep, Run, RunOutcome
from search.scored.steps import ScoredBase, ScoredExport, ScoredSearch
from search.scored.subject import ScoredTrials
from search.setup.base_source import BaseSource, SourceKind
from search.setup.config import RunConfig, make_config, with_destination
from search.setup.needs import resolve_needs
from search.setup.own_score import OwnScore
from search.setup.preparation import Prepared, connected_client, resolve_budget
from search.setup.recorded import check_owner, check_recorded
from search.setup.scope import Scope, names_where
from search.space.profile import profile_plan
from search.steps.plan import PlanStep
from tracking.events import Event, payloads_of
from tracking.ledger import Ledger
from tracking.payloads import LlmCall, RunStarted
from tracking.phases import asked_trials, unsettled_trips
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs
from trainers.history import EpochReport
from trainers.recipe import ProxyRecipe, Recipe

_FINALISTS = ("finalists", "finalist_epochs")


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """What is to be run, and where it is kept.

    Attributes:
        subject: the module, and the function that scores it.
        options: fields of a run's configuration: target, trials, arm, seed and so on.
        folder: of the run, which is gone on with if it holds one; None makes a new one in `runs`.
        runs: the folder of run folders.
        recipe: metadata for the winner's checkpoint, as JSON values.
    """

    subject: ScoredTrials
    options: Mapping[str, object]
    folder: Path | None
    runs: Path
    recipe: Mapping[str, object]

    def execute(self) -> RunOutcome:
        """Run to the end, or to the user's interrupt.

        Raises:
            ConfigError: an option cannot be used, or the folder holds another run.
            SearchFailedError: no trial was completed.
        """
        plan = self.subject.plan
        fields = {"model": plan.spec.name, "dataset": OwnScore.name, "runs": self.runs, "eta": 1.0, **self.options}
        _check_that_nothing_is_trained(self.options)
        config = make_config(fields)
        folder, events = self._opened(config)
        config = self._as_begun(folder, config, events)
        prepared = _prepared(config, self.subject, events)
        if events:
            check_recorded(folder.ledger, events, prepared)
        ledger = Ledger.open(folder.ledger) if events else Ledger.create(folder.ledger)
        added = config.trials - asked_trials(events) if events else 0
        threads = torch.get_num_threads()
        try:
            with ledger:
                executor = executor_of(config, prepared.needs, folder.path / "ray")
                tracker = tracker_of(config, folder)
                return Run(
                    *(prepared, folder, ledger, tracker, executor, _unheard),
                    added_trials=added,
                    steps=self._steps(),
                ).execute()
        finally:
            torch.set_num_threads(threads)

    def _steps(self) -> Sequence[MakeStep]:
        subject = self.subject
        return (
            PlanStep,
            partial(ScoredBase, subject=subject),
            partial(ScoredSearch, subject=subject),
            partial(ScoredExport, subject=subject, recipe=dict(self.recipe)),
        )

    def _opened(self, config: RunConfig) -> tuple[RunDir, tuple[Event, ...]]:
        """The folder, and what its ledger holds."""
        if self.folder is None:
            return RunDirs(self.runs).create("module", config.arm, f"s{config.seed}"), ()
        folder = RunDir(self.folder.absolute())
        if folder.ledger.is_file():
            return folder, tuple(read_ledger(folder.ledger))
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise ConfigError(
                f"{self.folder} is there and holds no run (no {folder.ledger.name}): give a folder that is new or "
                "empty, or that of a search that is to go on."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        return folder, ()

    def _as_begun(self, folder: RunDir, config: RunConfig, events: Sequence[Event]) -> RunConfig:
        """The configuration of a run that goes on, which may differ in its place, its record and more trials."""
        if not events:
            return with_destination(config)
        started = payloads_of(events, RunStarted)[0]
        check_owner(folder, started)
        begun = make_config(started.config)
        may_differ = {*names_where(RunConfig, _is_place), "trials", "window"}
        for name in RunConfig.model_fields:
            if name not in may_differ and getattr(begun, name) != getattr(config, name):
                raise ConfigError(
                    f"{folder.path} was begun with {name} = {getattr(begun, name)!r}, and this call has "
                    f"{getattr(config, name)!r}: give the same, or another folder."
                )
        if config.trials < asked_trials(events):
            raise ConfigError(
                f"{folder.path} was begun with {asked_trials(events)} trials, and this call has {config.trials}: give "
                "as many or more, or another folder."
            )
        kept = {name: getattr(begun, name) for name in ("window", "tracking_uri", "experiment", "mlflow")}
        return config.model_copy(update=kept)


def _check_that_nothing_is_trained(options: Mapping[str, object]) -> None:
    """Refuse options about trainings, which would be passed over: whoever scores a module trains it, too.

    Raises:
        ConfigError: there is one.
    """
    recipes = names_where(RunConfig, lambda scope: scope is Scope.RECIPE)
    trains = [name for name in options if name in (*recipes, *_FINALISTS) or name.startswith(("base_", "proxy_"))]
    if trains:
        raise ConfigError(
            f"{', '.join(trains)}: a search by your own score trains nothing by a recipe, no base, no trial "
            "and no winner. Leave it out, and train in the score, or the winner afterwards."
        )


def _is_place(scope: Scope) -> bool:
    return scope in (Scope.PLACE, Scope.RECORD, Scope.RESOURCES, Scope.MONEY)


def _prepared(config: RunConfig, subject: ScoredTrials, events: Sequence[Event]) -> Prepared:
    check_proposer(config.arm)
    plan, needs = subject.plan, resolve_needs(config)
    budget = resolve_budget(config, plan)
    return Prepared(
        config=config,
        dataset=OwnScore(),
        spec=plan.spec,
        plan=plan,
        profile=profile_plan(plan),
        budget=budget,
        source=BaseSource(SourceKind.FILE, None),
        base_recipe=Recipe(),
        proxy_recipe=ProxyRecipe(rungs=(0,)),
        chosen_recipe=Recipe(),
        needs=needs,
        client=connected_client(config, environ, payloads_of(events, LlmCall), unsettled_trips(events)),
    )


def _unheard(_report: EpochReport, _epochs: int) -> None:
    """Nobody listens to a base that is not trained."""
