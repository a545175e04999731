"""The verb `evaluate`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import say, say_aside, say_json, show_table
from cli.data import dataset_name
from cli.devices import DeviceOption, device_of
from cli.option_types import (
    ArchitectureOption,
    DataPathOption,
    InputSizeOption,
    JsonOption,
    OutputOption,
    SourceOption,
    TestedDatasetOption,
    TrustFactoryOption,
    TrustOption,
)
from cli.options import options_of
from cli.recording import RecordExperimentOption, Recording, RecordUriOption
from search.outcome.formats import share_text
from search.setup.config import PREPARING, RunConfig, make_config

if TYPE_CHECKING:
    from trainers.evaluate import Evaluation


@options_of(RunConfig, *PREPARING)
def command(
    checkpoint: SourceOption,
    dataset: TestedDatasetOption = None,
    data_path: DataPathOption = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images of a forward pass; default: as many as a search takes.")
    ] = None,
    model: ArchitectureOption = None,
    input_size: InputSizeOption = None,
    output: OutputOption = None,
    trust_pickle: TrustOption = False,
    trust_factory: TrustFactoryOption = None,
    device: DeviceOption = "auto",
    tracking_uri: RecordUriOption = None,
    experiment: RecordExperimentOption = None,
    as_json: JsonOption = False,
    **given: Any,
) -> None:
    """Read the test set with a checkpoint, and count its MACs with the independent counter.

    Of a folder of images, `val/` is read and nothing else. With --input-size, images are scored and MACs are counted
    at that size.
    """
    from cli.fetching import fetched
    from cli.images import say_images
    from cli.opening import ModelSource, bytes_of, open_model
    from cli.sizes import at_size
    from pruning.counter import count_macs
    from pruning.models import ModelSpec, full_name
    from search.setup.preparing_images import prepared_as_asked
    from trainers.base import check_fit
    from trainers.datasets.registry import dataset as find_dataset
    from trainers.evaluate import BATCH_SIZE, evaluate
    from trainers.latency import measure_latency

    config = make_config({field: value for field, value in given.items() if value is not None})
    recording = Recording(tracking_uri, experiment)
    recording.check()
    place = device_of(device)
    name = dataset_name(dataset, data_path)
    data, checkpoint = find_dataset(name), fetched(checkpoint)
    # A published file must fit the dataset; a checkpoint folder says itself what it is.
    spec = None
    if model is not None and checkpoint.is_file():
        info = data.test_info(data_path)
        spec = ModelSpec(full_name(model), info.num_classes, info.input_size, output)
    source = ModelSource(
        checkpoint, model, trust_pickle=trust_pickle, output=output, trusted=tuple(trust_factory or ())
    )
    pruned = open_model(source, spec)
    spec = at_size(pruned, input_size)
    data = prepared_as_asked(config, name, data, pruned.preprocessing)
    data.check_test(data_path)
    info, test = data.test_part(data_path, input_size=spec.image_size)
    check_fit(spec, info, name)
    published = spec.name if checkpoint.is_file() else None
    say_images(say_aside if as_json else say, config, info, pruned.preprocessing, published=published)
    counted = count_macs(pruned.module, spec.input_size)
    there = pruned.module.to(place)
    score = evaluate(there, test.to(place), batch_size=batch_size or BATCH_SIZE, output=spec.output)
    latency = measure_latency(there, spec.image_size, threads=1)
    scored = dataclasses.replace(pruned, spec=spec, macs=counted, preprocessing=info.preprocessing)
    recording.evaluated(checkpoint, scored, {"dataset": name, "data_path": data_path}, score, latency.median_ms)
    found = {
        "model": spec.name,
        "dataset": name,
        "input_size": list(spec.image_size),
        "preprocessing": info.preprocessing_words or None,
        "macs": counted,
        "macs_by_plan": pruned.macs if spec.input_size == pruned.spec.input_size else None,
        "params": pruned.params,
        "bytes": bytes_of(checkpoint),
        "accuracy": score.accuracy,
        "accuracy_top5": score.accuracy_top5,
        "correct": score.correct,
        "total": score.total,
        "latency_ms": latency.median_ms,
        "device": place.type,
    }
    if as_json:
        say_json(found)
    else:
        _show(checkpoint, found, score)


def _show(checkpoint: Path, found: dict[str, Any], score: "Evaluation") -> None:
    size = "×".join(map(str, found["input_size"]))
    by_plan = found["macs_by_plan"]
    show_table(
        f"{checkpoint} on the test set of {found['dataset']}, {score.total:,} images at {size}",
        ("model", "MACs (counted)", "MACs (plan)", "params", "size", "top-1", "top-5", "latency"),
        [
            (
                found["model"],
                f"{found['macs']:,}",
                "–" if by_plan is None else f"{by_plan:,}",
                f"{found['params']:,}",
                f"{found['bytes'] / 2**20:.2f} MiB",
                f"{share_text(score.accuracy)} ({score.correct} of {score.total})",
                share_text(score.accuracy_top5),
                f"{found['latency_ms']:.2f} ms",
            )
        ],
        text=("model",),
    )
