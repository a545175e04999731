"""The step that searches a strategy and names the winner."""

import shutil
from collections.abc import Callable
from functools import partial

from search.arms import ArmName
from search.control.session import SearchSession
from search.errors import SearchFailedError
from search.execution.trial import TrialContext, Trials
from search.proposers.registry import CLASSICAL, arm_class
from search.setup.proposer import make_proposer
from search.setup.rules import session_rules
from search.setup.search_ground import SearchGround, make_ground
from search.space.history import History
from search.space.search_space import SearchSpace
from search.steps.step import Step
from search.steps.winner import save_winner
from tracking.payloads import Profiled, Proposed, StrategyRecord, Winner
from tracking.phases import since_extension
from tracking.totals import proposed_by_an_arm

Save = Callable[[str, tuple[int, ...]], None]
"""Cuts and saves a model, by the criterion and the units that each group keeps."""


class SearchStep(Step):
    """Runs the trials, or those that are missing. The winner is cut as its trial was, and its checkpoint saved."""

    needs_executor = True

    def is_done(self) -> bool:
        """Return whether there is a winner among all trials that were asked for."""
        return self.context.find(Winner, since_extension) is not None

    def run(self) -> None:
        """Search.

        Raises:
            SearchFailedError: no trial was completed, or the arm has proposed nothing and cannot any more.
            KeyboardInterrupt: the user interrupted the search. The trials that were running start again on a resume.
        """
        ground = self._ground()
        session = self.search(ground.space, TrialContext.of(ground))
        save = partial(save_winner, self.context, ground)
        self.name_winner(session.history, session.stop_reason, save, len(ground.data.holdout_labels))

    def _ground(self) -> SearchGround:
        context = self.context
        ground = make_ground(context.prepared, context.splits, context.base, context.executor.compute)
        profiled = self._profile(ground)
        return ground if profiled is None else ground.with_sensitivity(profiled)

    def _profile(self, ground: SearchGround) -> Profiled | None:
        """What each set loses when it alone is cut, for the arms that read it; the ledger's, where it holds it."""
        context = self.context
        if not arm_class(context.prepared.config.arm).reads_sensitivity:
            return None
        recorded = context.find(Profiled)
        # A run that was begun before there were profiles goes on as it began.
        if recorded is not None or context.find(Proposed) is not None:
            return recorded
        measured = ground.measure_sensitivity(context.executor.compute)
        context.ledger.record(measured)
        return measured

    def search(self, space: SearchSpace, trials: Trials) -> SearchSession:
        """Run the trials, or those that are missing.

        Args:
            space: what the arm may choose from.
            trials: what they share.

        Raises:
            SearchFailedError: the arm has proposed nothing and cannot any more.
            KeyboardInterrupt: the user interrupted the search.
        """
        context = self.context
        prepared, ledger, switch_to = context.prepared, context.ledger, context.prepared.config.switch_to
        proposer = make_proposer(prepared, space, ledger)
        substitute = CLASSICAL[switch_to](space) if switch_to else None
        session = SearchSession(space, proposer, session_rules(prepared), ledger, prepared.window, substitute)
        session.restore(ledger.events)
        session.begin()
        try:
            with context.interrupts.flagged(session.interrupt):
                context.executor.run_trials(session, trials)
        finally:
            proposer.close()
        if session.interrupted:
            raise KeyboardInterrupt
        failure = proposer.failure()
        if failure is not None:
            raise failure
        self._check_that_somebody_proposed(proposer.problem())
        return session

    def _check_that_somebody_proposed(self, problem: str | None) -> None:
        """Refuse to fine-tune the common start as if a search had found it.

        Args:
            problem: why the arm that was asked for cannot propose any more, if so.

        Raises:
            SearchFailedError: it cannot, and nobody has proposed anything.
        """
        config = self.context.prepared.config
        # What the arm `uniform` has to propose is the common start: that its search ends there is no fault.
        if problem is None or not ArmName(config.arm).asks:
            return
        if any(proposed_by_an_arm(event.payload) for event in self.context.ledger.events):
            return
        raise SearchFailedError(
            f"The arm {config.arm} proposed nothing, so there was no search and nothing is fine-tuned: {problem}. "
            "Check the model with `launch.py doctor --llm`, name another, let a classical arm take over with "
            "--switch-to rules, or search without an LLM."
        )

    def name_winner(
        self, history: History, stop_reason: str | None, save: Save | None, holdout_images: int | None
    ) -> None:
        """Name the winner, once its checkpoint is there.

        Args:
            history: of the trials.
            stop_reason: why nothing new was begun.
            save: cuts the winner as its trial did, and saves it; None where it is cut again when it is needed.
            holdout_images: that all trials were scored on, where it is known.

        Raises:
            SearchFailedError: no trial was completed.
        """
        context, best = self.context, history.best()
        if best is None:
            errors = [result.error for _, result in history.ended if result.error]
            why = f"{len(errors)} trials failed, the last with: {errors[-1]}" if errors else stop_reason
            raise SearchFailedError(f"No trial was completed, so there is no winner: {why}.")
        spec, result = best
        assert result.accuracy is not None, "a completed trial has a score"
        former = context.find(Winner)
        if former is not None and former.trial != spec.trial:
            # What the former winner's fine-tune left would be taken for this one's.
            shutil.rmtree(context.finetune, ignore_errors=True)
        if save is not None:
            save(spec.proposal.strategy.importance, spec.allocation)
        context.ledger.record(
            Winner(
                trial=spec.trial,
                strategy=StrategyRecord.model_validate(spec.proposal.strategy.to_json()),
                allocation=spec.allocation,
                macs=spec.macs,
                params=spec.params,
                proxy_accuracy=result.accuracy,
                holdout_images=holdout_images,
            )
        )
