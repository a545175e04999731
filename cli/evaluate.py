"""The verb `evaluate`."""

from pathlib import Path

from cli.console import say_json, show_table
from pruning.checkpoint import PrunedModel, load_pruned
from pruning.counter import count_macs
from search.errors import ConfigError
from search.formats import share_text
from trainers.base import check_fit
from trainers.datasets.registry import dataset as find_dataset
from trainers.evaluate import evaluate
from trainers.latency import measure_latency


def run_evaluation(
    checkpoint: Path, dataset: str, data_path: Path | None, batch_size: int, model: str | None, *, as_json: bool
) -> int:
    """Score a checkpoint on the test set; returns the exit code."""
    pruned = open_checkpoint(checkpoint, model)
    data = find_dataset(dataset)
    # The seed decides the holdout only; the test set never moves with it.
    splits = data.splits(data_path, seed=0, input_size=pruned.spec.input_size)
    check_fit(pruned.spec, splits.info, dataset)
    score = evaluate(pruned.module.eval(), splits.test, batch_size=batch_size)
    latency = measure_latency(pruned.module, pruned.spec.input_size, threads=1)
    counted = count_macs(pruned.module, pruned.spec.input_size)
    found = {
        "model": pruned.spec.name,
        "dataset": dataset,
        "macs": counted,
        "macs_by_plan": pruned.macs,
        "params": pruned.params,
        "accuracy": score.accuracy,
        "correct": score.correct,
        "total": score.total,
        "latency_ms": latency.median_ms,
    }
    if as_json:
        say_json(found)
        return 0
    show_table(
        f"{checkpoint} on the test set of {dataset}",
        ("model", "MACs (counted)", "MACs (plan)", "params", "accuracy", "latency"),
        [
            (
                pruned.spec.name,
                f"{counted:,}",
                f"{pruned.macs:,}",
                f"{pruned.params:,}",
                f"{share_text(score.accuracy)} ({score.correct} of {score.total})",
                f"{latency.median_ms:.2f} ms",
            )
        ],
        text=("model",),
    )
    return 0


def open_checkpoint(checkpoint: Path, model: str | None) -> PrunedModel:
    """The checkpoint's model. Raises ConfigError when it is not the one that was named."""
    pruned = load_pruned(checkpoint)
    if model is not None and model != pruned.spec.name:
        raise ConfigError(
            f"--model {model} and --checkpoint {checkpoint} contradict each other: the checkpoint holds a "
            f"{pruned.spec.name}. Leave --model out."
        )
    return pruned
