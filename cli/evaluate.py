"""The verb `evaluate`."""

from pathlib import Path

from cli.console import say_json, show_table
from cli.opening import Asked, open_model
from pruning.counter import count_macs
from pruning.models import ModelSpec
from pruning.outputs import check_logits
from search.outcome.formats import share_text
from trainers.base import check_fit
from trainers.datasets.base import Dataset
from trainers.datasets.registry import dataset as find_dataset
from trainers.evaluate import evaluate
from trainers.latency import measure_latency


def run_evaluation(asked: Asked, dataset: str, data_path: Path | None, batch_size: int, *, as_json: bool) -> int:
    """Score a checkpoint on the test set; returns the exit code."""
    data = find_dataset(dataset)
    pruned = open_model(asked, _as_in(data, asked, data_path))
    # The seed decides the holdout only; the test set never moves with it.
    splits = data.splits(data_path, seed=0, input_size=pruned.spec.input_size)
    check_fit(pruned.spec, splits.info, dataset)
    check_logits(pruned.module.eval(), pruned.spec)
    score = evaluate(pruned.module, splits.test, batch_size=batch_size, output=pruned.spec.output)
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
        f"{asked.checkpoint} on the test set of {dataset}",
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


def _as_in(data: Dataset, asked: Asked, data_path: Path | None) -> ModelSpec | None:
    """What a published file must be to fit the dataset; one of our own says itself what it is."""
    if asked.model is None or not asked.checkpoint.is_file():
        return None
    info = data.info(data_path)
    return ModelSpec(asked.model, info.num_classes, info.input_size, asked.output)
