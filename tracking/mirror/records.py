"""A run and its trials as MLflow shows them. What was not recorded is None, never a stand-in."""

from collections.abc import Mapping
from dataclasses import dataclass

from tracking.kinds import RunStatus, TrialState


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial.

    Attributes:
        trial: its number in its run.
        mlflow_run_id: its own run in MLflow.
        proposer: who proposed its strategy.
        state: how it ended; None while it runs, or when it was left in the middle.
        macs, params: of its pruned model, exact.
        requested_macs: what its proposer asked for, before projection; ``in_band``: whether that met the band.
        proxy_accuracy: last score on the holdout, a fraction of one.
        wall_s: seconds from its start to its end.
        error: why it failed.
        started_ms, ended_ms: milliseconds since the epoch.
    """

    trial: int
    mlflow_run_id: str
    proposer: str | None
    state: TrialState | None
    macs: int | None
    params: int | None
    requested_macs: int | None
    in_band: bool | None
    proxy_accuracy: float | None
    wall_s: float | None
    error: str | None
    started_ms: int | None = None
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One search.

    Attributes:
        run_id: ours; ``mlflow_run_id``: MLflow's; ``experiment``: where it lies there.
        model, dataset, proposer, llm, seed: what was searched, on what, by whom; ``llm`` is None for a classical arm.
        status: how it ended; None while it runs, or when its end never reached MLflow.
        started_ms: milliseconds since the epoch.
        counter: how MACs were counted.
        target_macs, band_macs: the budget, and the lowest and highest MACs accepted for it.
        baseline_macs, baseline_params: of the model before pruning; ``baseline_accuracy``: its test accuracy.
        winner_macs, winner_params: of the model after; ``proxy_accuracy`` on the holdout, ``accuracy`` and
            ``latency_ms`` (median) after the fine-tune, on the test set. Accuracies are fractions of one.
        trials_proposed ... trials_failed: counts; ``revisions``: proposals that asked for MACs outside the band.
        wall_s: seconds of the whole run.
        llm_calls, llm_invalid_answers: counts; ``input_tokens``, ``output_tokens``, ``cost_usd``: their sums, None
            when the vendor did not tell them for every call.
        llm_answers, llm_valid: answers that came, and those that kept to the schema; ``llm_parse_errors``,
            ``llm_schema_errors``, ``llm_out_of_range``: what was wrong with the others; ``llm_strategies``: strategies
            in the valid ones, of which ``llm_repeated`` were given before and ``llm_incoherent`` contradict their
            own rationale. None where it was not counted.
        config: the configuration as MLflow's parameters: dotted names, texts (long ones shortened).
        trials: those that began, by number.
    """

    run_id: str
    mlflow_run_id: str
    experiment: str
    model: str
    dataset: str
    proposer: str
    llm: str | None
    seed: int
    status: RunStatus | None
    started_ms: int
    counter: str | None = None
    target_macs: int | None = None
    band_macs: tuple[int, int] | None = None
    baseline_macs: int | None = None
    baseline_params: int | None = None
    baseline_accuracy: float | None = None
    winner_macs: int | None = None
    winner_params: int | None = None
    proxy_accuracy: float | None = None
    accuracy: float | None = None
    latency_ms: float | None = None
    trials_proposed: int | None = None
    trials_completed: int | None = None
    trials_stopped_early: int | None = None
    trials_failed: int | None = None
    revisions: int | None = None
    wall_s: float | None = None
    llm_calls: int | None = None
    llm_invalid_answers: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    llm_answers: int | None = None
    llm_valid: int | None = None
    llm_parse_errors: int | None = None
    llm_schema_errors: int | None = None
    llm_out_of_range: int | None = None
    llm_strategies: int | None = None
    llm_repeated: int | None = None
    llm_incoherent: int | None = None
    config: Mapping[str, str] | None = None
    trials: tuple[TrialRecord, ...] = ()
