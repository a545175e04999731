"""Optuna's tree-structured Parzen estimator over the keep ratios."""

from dataclasses import replace

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import Trial as OptunaTrial
from optuna.trial import TrialState as OptunaState

from search.arms import ArmName
from search.proposers.base import Proposer
from search.space.history import History, TrialSpec, best_of
from search.space.results import TrialResult
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy, clip_ratios
from tracking.kinds import Course, Ranking

START_UP = 6
"""Random trials before the estimator is used: a budget of tens of trials cannot pay for Optuna's default of 10."""

STRETCH = 2.0
"""How much farther from the best trial a point is moved, in log keep ratio, on the course `widen`."""


class TPEProposer(Proposer):
    """TPE with a constant liar: running trials count as poor, so that concurrent points spread out.

    A study is rebuilt from the readable history for each proposal. That costs milliseconds, needs no state that a
    resume would have to recover, and makes the proposal a function of the seed, the ticket and the history.
    """

    name = ArmName.TPE.value
    steerable = True

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._distributions: dict[str, BaseDistribution] = {
            f"set_{entry.index}": FloatDistribution(0.05, 1.0) for entry in space.profile.sets
        }
        self._distributions["importance"] = CategoricalDistribution(space.criteria)
        self._distributions["ranking"] = CategoricalDistribution([ranking.value for ranking in Ranking])

    def propose(self, ticket: int, history: History) -> Proposal:
        """The point of greatest expected improvement by the estimator; the first ones are random."""
        sampler = optuna.samplers.TPESampler(
            seed=self.space.seed * 100_003 + ticket,
            n_startup_trials=len(history) + 1 if self.course is Course.EXPLORE else START_UP,
            constant_liar=True,
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        readable = {spec.trial: (spec, result) for spec, result in history.readable()}
        for spec in history:
            _, result = readable.get(spec.trial, (spec, None))
            study.add_trial(self._frozen(spec, result))
        asked = study.ask(self._distributions)
        strategy = self._strategy(asked)
        why = f"expected improvement over {len(readable)} ended trials"
        best = best_of(history.readable())
        if self.course is Course.WIDEN and best is not None:
            strategy, why = _stretched(strategy, best[0].proposal.strategy), f"{why}, away from trial {best[0].trial}"
        return Proposal(strategy, self.name, why)

    def _strategy(self, asked: OptunaTrial) -> Strategy:
        values = asked.params
        ratios = clip_ratios([values[f"set_{entry.index}"] for entry in self.space.profile.sets])
        return Strategy(ratios, values["importance"], self.space.round_to, Ranking(values["ranking"]))

    def _frozen(self, spec: TrialSpec, result: TrialResult | None) -> optuna.trial.FrozenTrial:
        strategy = spec.proposal.strategy
        params: dict[str, object] = {
            f"set_{index}": min(1.0, max(0.05, ratio)) for index, ratio in enumerate(strategy.ratios)
        }
        params |= {"importance": strategy.importance, "ranking": strategy.ranking.value}
        accuracy = result.accuracy if result else None
        if result is None:
            state = OptunaState.RUNNING
        else:
            state = OptunaState.FAIL if accuracy is None else OptunaState.COMPLETE
        return optuna.trial.create_trial(state=state, value=accuracy, params=params, distributions=self._distributions)


def _stretched(strategy: Strategy, best: Strategy) -> Strategy:
    pairs = zip(strategy.ratios, best.ratios, strict=True)
    return replace(strategy, ratios=clip_ratios([near * (ratio / near) ** STRETCH for ratio, near in pairs]))
