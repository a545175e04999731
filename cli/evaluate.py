"""The verb `evaluate`."""

from typing import Annotated

import typer

from cli.console import say_json, show_table
from cli.devices import DeviceOption, device_of
from cli.option_types import (
    ArchitectureOption,
    DataPathOption,
    DatasetOption,
    JsonOption,
    OutputOption,
    SourceOption,
    TrustFactoryOption,
    TrustOption,
)
from cli.recording import RecordExperimentOption, Recording, RecordUriOption
from search.outcome.formats import share_text


def command(
    checkpoint: SourceOption,
    dataset: DatasetOption = "digits",
    data_path: DataPathOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images of a forward pass.")] = 256,
    model: ArchitectureOption = None,
    output: OutputOption = None,
    trust_pickle: TrustOption = False,
    trust_factory: TrustFactoryOption = None,
    device: DeviceOption = "auto",
    tracking_uri: RecordUriOption = None,
    experiment: RecordExperimentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the test set with a checkpoint, and count its MACs with the independent counter.

    Of a folder of images, `val/` is read and nothing else.
    """
    from cli.opening import ModelSource, open_model
    from pruning.counter import count_macs
    from pruning.models import ModelSpec, full_name
    from pruning.outputs import check_logits
    from trainers.base import check_fit
    from trainers.datasets.registry import dataset as find_dataset
    from trainers.evaluate import evaluate
    from trainers.latency import measure_latency

    recording = Recording(tracking_uri, experiment)
    recording.check()
    place = device_of(device)
    data = find_dataset(dataset)
    # A published file must fit the dataset; a checkpoint folder says itself what it is.
    spec = None
    if model is not None and checkpoint.is_file():
        info = data.test_info(data_path)
        spec = ModelSpec(full_name(model), info.num_classes, info.input_size, output)
    source = ModelSource(
        checkpoint, model, trust_pickle=trust_pickle, output=output, trusted=tuple(trust_factory or ())
    )
    pruned = open_model(source, spec)
    data = find_dataset(dataset, pruned.preprocessing)
    data.check_test(data_path)
    info, test = data.test_part(data_path, input_size=pruned.spec.image_size)
    check_fit(pruned.spec, info, dataset)
    check_logits(pruned.module.eval(), pruned.spec)
    counted = count_macs(pruned.module, pruned.spec.input_size)
    model_there = pruned.module.to(place)
    score = evaluate(model_there, test.to(place), batch_size=batch_size, output=pruned.spec.output)
    latency = measure_latency(model_there, pruned.spec.image_size, threads=1)
    told = {"dataset": dataset, "data_path": data_path}
    recording.evaluated(checkpoint, pruned, told, score, latency.median_ms)
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
        "device": place.type,
    }
    if as_json:
        say_json(found)
        return
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
