"""Runs with their trials, and studies, as read back from MLflow. What was not recorded is None, never made up."""

from collections.abc import Mapping
from dataclasses import dataclass

from tracking.kinds import RunStatus, TrialState


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial.

    Attributes:
        trial: Its number in its run.
        mlflow_run_id: MLflow's id of the trial.
        proposer: The arm that proposed its strategy.
        state: How it ended; None while it runs, or if it was interrupted.
        macs: Exact MACs of its pruned model.
        params: Number of parameters of its pruned model.
        requested_macs: MACs that its proposer requested, before projection.
        in_band: Whether the requested MACs lie in the band.
        proxy_accuracy: The last score on the holdout, a fraction of one.
        wall_s: Seconds from its start to its end.
        error: Why it failed.
        started_ms: Milliseconds since the Unix epoch.
        ended_ms: Milliseconds since the Unix epoch.
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
        run_id: The id of the run's folder.
        mlflow_run_id: MLflow's id of the parent run.
        experiment: The MLflow experiment.
        model: The model that was pruned.
        dataset: The dataset.
        proposer: The arm.
        llm: The model that the arm asked; None for a classical arm.
        seed: The seed of everything random.
        status: How it ended; None while it runs, or if its end never reached MLflow.
        started_ms: Milliseconds since the Unix epoch.
        counter: How MACs were counted.
        target_macs: The target of the budget.
        band_macs: The lowest and the highest MACs that are on target.
        baseline_macs: MACs of the unpruned model.
        baseline_params: Number of parameters of the unpruned model.
        baseline_accuracy: Test accuracy of the unpruned model. All accuracies are fractions of one.
        winner_macs: MACs of the winner.
        winner_params: Number of parameters of the winner.
        proxy_accuracy: The winner's accuracy on the holdout, after the proxy.
        accuracy: The winner's test accuracy, after the fine-tune.
        latency_ms: The winner's median latency in milliseconds, after the fine-tune.
        trials_proposed: Number of trials.
        trials_completed: Number of trials that were scored on every rung.
        trials_stopped_early: Number of trials that successive halving ended.
        trials_failed: Number of trials that failed.
        revisions: Number of proposals that requested MACs outside the band.
        wall_s: Seconds of the whole run.
        llm_calls: Number of LLM calls.
        llm_invalid_answers: Number of calls whose final answer was invalid.
        input_tokens: Sum over all calls; None if the vendor did not report it for every call.
        output_tokens: Sum over all calls; None if the vendor did not report it for every call.
        cost_usd: Sum over all calls in US dollars; None if it is not known for every call.
        llm_answers: Number of answers received. This and the following counts are None if they were not recorded.
        llm_valid: Answers that conformed to the schema.
        llm_parse_errors: Answers without JSON.
        llm_schema_errors: Answers whose JSON did not conform to the schema.
        llm_out_of_range: Answers with numbers out of range.
        llm_strategies: Strategies in the final answers.
        llm_repeated: Strategies that had been given before.
        llm_incoherent: Strategies that contradict their own rationale.
        made_with: Software and hardware, in lines for each session; None in older ledgers.
        config: The configuration as MLflow parameters, with dotted names; long texts are shortened.
        trials: The trials that were started, by number.
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
    made_with: tuple[tuple[str, ...], ...] | None = None
    config: Mapping[str, str] | None = None
    trials: tuple[TrialRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """One study.

    Attributes:
        run_id: The name that its ledger gives it.
        mlflow_run_id: MLflow's id of the parent run.
        experiment: The MLflow experiment.
        study: The name of the study.
        question: What it asks.
        status: How it ended; None while it runs, or if its end never reached MLflow.
        started_ms: Milliseconds since the Unix epoch.
        measured: Number of conditions with figures.
        failed: Number of conditions without.
    """

    run_id: str
    mlflow_run_id: str
    experiment: str
    study: str
    question: str | None
    status: RunStatus | None
    started_ms: int
    measured: int | None = None
    failed: int | None = None
