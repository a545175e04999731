"""The step that searches a strategy and names the winner."""

from search.arms import ArmName
from search.control.session import SearchSession
from search.errors import SearchFailedError
from search.execution.trial import TrialContext, Trials
from search.proposers.registry import CLASSICAL, arm_class
from search.setup.proposer import make_proposer
from search.setup.rules import session_rules
from search.setup.search_ground import SearchGround, make_ground
from search.space.history import History, ranked
from search.space.search_space import SearchSpace
from search.steps.step import Step
from search.steps.winner import name_winner
from tracking.payloads import Finalists, Profiled, Proposed, Winner
from tracking.phases import since_extension
from tracking.totals import proposed_by_an_arm


class SearchStep(Step):
    """Runs the trials, or those that are missing. The winner is cut as its trial was, and its checkpoint saved."""

    needs_executor = True

    def is_done(self) -> bool:
        """Return whether there is a winner among all trials that were asked for, or a final that will name one."""
        find = self.context.find
        return find(Winner, since_extension) is not None or find(Finalists, since_extension) is not None

    def run(self) -> None:
        """Search.

        Raises:
            SearchFailedError: no trial was completed, or the arm has proposed nothing and cannot any more.
            KeyboardInterrupt: the user interrupted the search. The trials that were running start again on a resume.
        """
        ground = self._ground()
        session = self.search(ground.space, TrialContext.of(ground))
        self.choose(session.history, session.stop_reason, ground)

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
            "Check the model with `launch.py doctor --llm MODEL`, name another, let a classical arm take over with "
            "--switch-to rules, or search without an LLM."
        )

    def choose(self, history: History, stop_reason: str | None, ground: SearchGround | None) -> None:
        """Name the winner, or the finalists among whom the next step chooses it.

        Args:
            history: of the trials.
            stop_reason: why nothing new was begun.
            ground: by which the winner is cut; None where it is cut when it is needed, and has no fine-tune.

        Raises:
            SearchFailedError: no trial was completed.
        """
        context, best = self.context, history.best()
        if best is None:
            errors = [result.error for _, result in history.ended if result.error]
            why = f"{len(errors)} trials failed, the last with: {errors[-1]}" if errors else stop_reason
            raise SearchFailedError(f"No trial was completed, so there is no winner: {why}.")
        finalists = 1 if ground is None else context.prepared.finalists
        trials = tuple(spec.trial for spec, _ in ranked(history.ended)[:finalists])
        if len(trials) == 1:
            name_winner(context, trials[0], ground)
            return
        prepared = context.prepared
        recipe = prepared.recipe.model_dump(mode="json")
        context.ledger.record(Finalists(trials=trials, epochs=prepared.finalist_epochs, recipe=recipe))
