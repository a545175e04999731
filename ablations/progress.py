"""How a search got on: its best score after each trial, and when it was as good as it would get."""

from collections.abc import Sequence

from ablations.statistics import Estimate, estimate
from tracking.kinds import TrialState
from tracking.mirror.records import RunRecord, TrialRecord

NEAR = 0.01
"""A point of accuracy: within it of the best, a search has converged."""


def best_so_far(run: RunRecord) -> tuple[float | None, ...]:
    """The best holdout score among trials 0…n that were trained to the end, for each n; None before the first.

    Trials stopped early are left out: their scores are of shorter trainings and would compare unlike with unlike.
    """
    curve: list[float | None] = []
    best: float | None = None
    for trial in sorted(run.trials, key=lambda trial: trial.trial):
        score = _score(trial)
        if score is not None:
            best = score if best is None else max(best, score)
        curve.append(best)
    return tuple(curve)


def band(runs: Sequence[RunRecord]) -> tuple[Estimate | None, ...]:
    """`best_so_far` over several runs of an arm, as far as the longest of them goes."""
    curves = [best_so_far(run) for run in runs]
    length = max((len(curve) for curve in curves), default=0)
    return tuple(estimate(curve[n] if n < len(curve) else None for curve in curves) for n in range(length))


def seconds_to_converge(run: RunRecord) -> float | None:
    """From the start of the first trial to the end of the first that scored within NEAR of the run's best."""
    ended = [(trial, score) for trial in run.trials if (score := _score(trial)) is not None]
    starts = [trial.started_ms for trial in run.trials if trial.started_ms is not None]
    if not ended or not starts:
        return None
    best = max(score for _, score in ended)
    times = [trial.ended_ms for trial, score in ended if score >= best - NEAR and trial.ended_ms is not None]
    return (min(times) - min(starts)) / 1000 if times else None


def gain_over_start(run: RunRecord) -> float | None:
    """How much better the best trial's holdout score is than that of trial 0, with which every arm begins."""
    start = next((trial for trial in run.trials if trial.trial == 0), None)
    scores = [score for trial in run.trials if (score := _score(trial)) is not None]
    first = None if start is None else _score(start)
    return None if first is None else max(scores) - first


def _score(trial: TrialRecord) -> float | None:
    return trial.proxy_accuracy if trial.state is TrialState.COMPLETED else None
