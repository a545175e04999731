"""The progress of a search: its best score after each trial, and the time until it converged."""

from collections.abc import Sequence

from ablations.floor.statistics import Estimate, estimate
from tracking.kinds import TrialState
from tracking.mirror.records import RunRecord, TrialRecord

NEAR = 0.01
"""A search has converged once it is within one percentage point of its best accuracy."""


def best_so_far(run: RunRecord) -> tuple[float | None, ...]:
    """Return, for each n, the best holdout score of the completed trials among 0…n; None before the first.

    Trials that were stopped early are left out, because their scores follow shorter trainings and are not comparable.
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
    """Estimate the mean of `best_so_far` over several runs of an arm, up to the length of the longest."""
    curves = [best_so_far(run) for run in runs]
    length = max((len(curve) for curve in curves), default=0)
    return tuple(estimate(curve[n] if n < len(curve) else None for curve in curves) for n in range(length))


def seconds_to_converge(run: RunRecord) -> float | None:
    """Return the time from the start of the first trial to the end of the first within `NEAR` of the run's best score.

    Returns:
        Seconds; None if no trial was completed, if the times were not recorded, or if no trial beat the common start: a
        search that found nothing has not converged.
    """
    ended = [(trial, score) for trial in run.trials if (score := _score(trial)) is not None]
    starts = [trial.started_ms for trial in run.trials if trial.started_ms is not None]
    if not ended or not starts:
        return None
    best = max(score for _, score in ended)
    if gain_over_start(run) == 0:
        return None
    times = [trial.ended_ms for trial, score in ended if score >= best - NEAR and trial.ended_ms is not None]
    return (min(times) - min(starts)) / 1000 if times else None


def gain_over_start(run: RunRecord) -> float | None:
    """Return the best holdout score minus that of trial 0, the common start; None if trial 0 has no score."""
    start = next((trial for trial in run.trials if trial.trial == 0), None)
    scores = [score for trial in run.trials if (score := _score(trial)) is not None]
    first = None if start is None else _score(start)
    return None if first is None else max(scores) - first


def _score(trial: TrialRecord) -> float | None:
    return trial.proxy_accuracy if trial.state is TrialState.COMPLETED else None
