"""The steps of such a run, where they differ from those of a search on a dataset."""

from typing import ClassVar

from pruning.checkpoint import is_whole, save_pruned
from pruning.counter import count_macs
from search.errors import ConfigError
from search.scored.subject import ScoredTrials
from search.steps.search import SearchStep
from search.steps.step import RunContext, Step
from tracking.payloads import BaseReady, Exported, Winner
from tracking.phases import since_extension, since_winner


class ScoredBase(Step):
    """Scores the unpruned module, once."""

    def __init__(self, context: RunContext, subject: ScoredTrials) -> None:
        super().__init__(context)
        self._subject = subject

    def is_done(self) -> bool:
        """Return whether the ledger has its score.

        Raises:
            ConfigError: it has that of another module.
        """
        recorded = self.context.find(BaseReady)
        if recorded is not None and recorded.checkpoint != self._subject.identity():
            raise ConfigError(
                f"{self.context.folder.path} was begun with another module ({recorded.checkpoint}) than this one "
                f"({self._subject.identity()}): give the same weights, or another folder."
            )
        return recorded is not None

    def run(self) -> None:
        """Score it."""
        plan = self._subject.plan
        self.context.ledger.record(
            BaseReady(
                macs=plan.baseline_macs,
                params=plan.baseline_params,
                holdout_accuracy=self._subject.base_score(),
                checkpoint=self._subject.identity(),
                cached=False,
            )
        )


class ScoredSearch(SearchStep):
    """Runs the trials, each scored by the user's function."""

    needs_executor: ClassVar[bool] = True

    def __init__(self, context: RunContext, subject: ScoredTrials) -> None:
        super().__init__(context)
        self._subject = subject

    def run(self) -> None:
        """Search. The winner follows from its allocation, so nothing is saved before it is named.

        Raises:
            SearchFailedError: no trial was completed.
            KeyboardInterrupt: the user interrupted the search.
        """
        session = self.search(self.context.prepared.space(self._subject.scores), self._subject)
        self.choose(session.history, session.stop_reason, None)


class ScoredExport(Step):
    """Cuts the winner, counts it by the independent counter, and saves it."""

    def __init__(self, context: RunContext, subject: ScoredTrials, recipe: dict[str, object]) -> None:
        super().__init__(context)
        self._subject, self._recipe = subject, recipe

    def is_done(self) -> bool:
        """Return whether the present winner was saved, and is there."""
        return self._is_recorded and is_whole(self.context.folder.model)

    def run(self) -> None:
        """Cut, count, save and record it."""
        context, plan = self.context, self._subject.plan
        winner = context.find(Winner, since_extension)
        assert winner is not None, "the search has named it"
        module, selection = self._subject.cut(winner.strategy.importance, winner.allocation)
        counted = count_macs(module, plan.spec.input_size)
        assert counted == winner.macs, f"{counted:,} MACs counted on the model, {winner.macs:,} by the plan"
        recipe = {**self._recipe, "run": context.folder.run_id}
        save_pruned(self._subject.handed(module), plan, selection, context.folder.model, recipe=recipe)
        if not self._is_recorded:
            context.ledger.record(Exported(path=str(context.folder.model), macs=counted, params=winner.params))

    @property
    def _is_recorded(self) -> bool:
        return self.context.find(Exported, since_winner) is not None
