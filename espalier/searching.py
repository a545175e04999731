"""Search the best cut of a module by a score of your own."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from espalier.importances import Data, Importance, criterion_of, scores_of
from espalier.planning import Inputs, ModelPlan, followed, handed
from espalier.planning import plan as plan_module
from espalier.saving import Cut, library_recipe, remember
from pruning.cloning import clone_structure
from pruning.errors import InputShapeError
from pruning.masks import without_masks
from search.errors import ConfigError

if TYPE_CHECKING:
    from search.run import RunOutcome
    from search.scored.subject import ScoredTrials

Score = Callable[[nn.Module], float]
"""A number from 0 to 1 for a module, and more is better."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search came to.

    Attributes:
        module: the winner, cut from your module's weights, in eval mode. It was not trained after the cut.
        score: of the winner, by your function.
        base_score: of the unpruned module.
        macs: multiply-accumulates of the winner at batch 1.
        params: its number of parameters.
        allocation: units left in each group of the plan.
        folder: of the run: `ledger.jsonl`, `summary.json`, `report.html`, plots, and the winner in `model/`.
    """

    module: nn.Module
    score: float
    base_score: float
    macs: int
    params: int
    allocation: tuple[int, ...]
    folder: Path

    @property
    def report(self) -> Path:
        """The run's report, a page that needs nothing else."""
        return self.folder / "report.html"


def search(
    model: nn.Module,
    plan: ModelPlan | Inputs | None = None,
    *,
    macs: str | int,
    score: Score,
    trials: int = 32,
    arm: str = "rules",
    importance: Importance | Sequence[Importance] = "l2",
    data: Data | None = None,
    batches: int = 16,
    folder: Path | str | None = None,
    runs: Path | str = Path("runs"),
    seed: int = 42,
    threads: int = 1,
    executor: str = "local",
    workers: int | None = None,
    mlflow: bool = False,
    **options: Any,
) -> SearchResult:
    """Find how much to cut where, by trying: each trial is your module, cut to the budget, and scored by you.

    The run has a folder with a ledger. A killed search is gone on with by the same call with the same `folder`: trials
    that have ended are not scored again.

    Args:
        model: the trained module.
        plan: its plan, or the shape of its input. None takes the shape that `score` first calls the module with.
        macs: the budget: "50%" of the module's, "2.06G", "230M", or a whole number of multiply-accumulates.
        score: takes a module in eval mode and returns a number from 0 to 1, where more is better. It may train the
            module, which is a copy for each trial. The same module has to get the same score: torch's seed is set
            before each call.
        trials: how many cuts are tried.
        arm: who proposes: rules, uniform, isomorphic, knapsack, random, grid, tpe or cmaes; with `llm="…"`, llm.
        importance: by what the units that stay are chosen, or several criteria for the arm to choose from.
        data: images and labels for criteria that need them, as a DataLoader.
        batches: how many batches of `data` are used, at most.
        folder: of the run; None makes a new one in `runs`.
        runs: the folder of run folders.
        seed: of the proposals, and of torch before each call of `score`.
        threads: torch's threads in a trial.
        executor: `local`, one trial after another in this process, or `ray`, where `score` has to be picklable.
        workers: trials at once, on Ray; None takes as many as the machine runs.
        mlflow: mirror the run in MLflow.
        **options: any other field of a search's configuration, such as `round_to=8`, `llm="…"`, `max_cost=1.0`.

    Raises:
        PruningError: the module cannot be planned, or a criterion lacks data.
        SearchError: an option cannot be used, the folder holds another run, or no trial was completed.
        KeyboardInterrupt: you interrupted the search, which can go on from its folder.
    """
    # Whoever only prunes need not wait for what a search imports.
    from search.scored.run import ScoredRun
    from search.scored.subject import ScoredTrials

    made = plan if isinstance(plan, ModelPlan) else plan_module(model, _shape(model, score, plan))
    subject, exact = followed(model, made.forward), made.exact
    several = _several(importance)
    scores = {name: scores_of(one, subject, exact, data, batches) for name, one in several.items()}
    trials_of = ScoredTrials(subject, exact, scores, score, handed, seed, threads)
    given = {
        "target_macs": f"{macs / 1000:.3f}k" if isinstance(macs, int) else macs,
        "criteria": tuple(several),
        "cpus_per_trial": threads,
        "trials": trials,
        "proposer": None if "llm" in options and arm == "rules" else arm,
        "seed": seed,
        "executor": executor,
        "workers": workers,
        "mlflow": mlflow,
        "gpus_per_trial": 0.0,
        "finetune_gpu": False,
        **options,
    }
    where = None if folder is None else Path(folder)
    outcome = ScoredRun(trials_of, given, where, Path(runs), library_recipe(made)).execute()
    return _result(outcome, trials_of, made)


def _result(outcome: "RunOutcome", subject: "ScoredTrials", plan: ModelPlan) -> SearchResult:
    from tracking.events import payloads_of
    from tracking.kinds import RunStatus
    from tracking.payloads import BaseReady, Winner

    folder = outcome.folder.path
    if outcome.summary.status is not RunStatus.FINISHED:
        raise KeyboardInterrupt(
            f"the search was interrupted; the same call with folder={str(folder)!r} goes on with it"
        )
    winner = payloads_of(outcome.events, Winner)[-1]
    module, selection = subject.cut(winner.strategy.importance, winner.allocation)
    small = handed(module).eval()
    remember(small, Cut.of(plan, selection))
    return SearchResult(
        module=small,
        score=winner.proxy_accuracy,
        base_score=payloads_of(outcome.events, BaseReady)[0].holdout_accuracy,
        macs=winner.macs,
        params=winner.params,
        allocation=winner.allocation,
        folder=folder,
    )


def _several(importance: Importance | Sequence[Importance]) -> Mapping[str, Importance]:
    """The criteria by the names that a ledger has for them."""
    listed = [importance] if isinstance(importance, str) or not isinstance(importance, Sequence) else list(importance)
    named = {criterion_of(one).name: one for one in listed}
    if not listed or len(named) < len(listed):
        raise ConfigError("importance names no criterion, or two of one name: give each a name of its own")
    return named


class _Seen(BaseException):
    """Ends a call of the user's function once its module was called; no `except Exception` stops it."""


def _shape(model: nn.Module, score: Score, inputs: Inputs | None) -> Inputs:
    """The shape that was given, or that the user's function calls the module with.

    Raises:
        InputShapeError: it does not call it with one tensor.
    """
    if inputs is not None:
        return inputs
    seen: list[tuple[object, ...]] = []
    subject = clone_structure(without_masks(model), {}).eval()
    subject.register_forward_pre_hook(_see(seen), with_kwargs=True)
    with suppress(_Seen):
        score(subject)
    if len(seen) != 1 or len(seen[0]) != 1 or not isinstance(seen[0][0], torch.Tensor):
        raise InputShapeError(
            "score did not call the module with one tensor, so the shape of its input is not known: pass it, as in "
            "espalier.search(model, (3, 224, 224), …), or a plan"
        )
    return tuple(seen[0][0].shape[1:])


def _see(seen: list[tuple[object, ...]]) -> Callable[..., None]:
    """A hook that notes what a module is called with, and ends the call."""

    def see(_module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        seen.append((*args, *kwargs.values()))
        raise _Seen

    return see
