"""Options and arguments that several verbs have in common."""

from pathlib import Path
from typing import Annotated

import typer

# Beyond these a model only runs this machine out of memory; `pruning.checkpoint` has the same limits for files.
LARGEST_SIDE, MOST_CLASSES = 16_384, 1_000_000
SourceOption = Annotated[
    Path,
    typer.Option(
        metavar="PATH",
        help="A checkpoint folder, a published .pth, .pt or .safetensors file (with --model), or hf:OWNER/REPO/FILE.",
    ),
]
ArchitectureOption = Annotated[
    str | None, typer.Option(help="Architecture of a published file; a checkpoint folder names its own.")
]
InputSizeOption = Annotated[int | None, typer.Option(min=8, max=LARGEST_SIDE, help="Side of the square input.")]
InputShapeOption = Annotated[
    str | None,
    typer.Option(help="Shape of the input: 1x28x28, 1x16000, or a=3x32x32,b=10 for several inputs by name."),
]
ClassesOption = Annotated[int | None, typer.Option(min=1, max=MOST_CLASSES, help="Instead of the published number.")]
OutputOption = Annotated[
    str | None, typer.Option(help="Tensor of a published model's output that holds the logits, as features.0.")
]
TrustOption = Annotated[
    bool, typer.Option("--trust-pickle", help="Open a whole pickled module: this runs its author's code.")
]
TrustFactoryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--trust-factory",
        metavar="MODULE:NAME",
        help="A factory that the file may name as its model: it is imported and called. Can be repeated.",
    ),
]
TrustServerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--trust-server",
        metavar="ADDRESS",
        help="A server that the run may name: of its LLM, of MLflow, or its Ray cluster. Can be repeated.",
    ),
]
TestedDatasetOption = Annotated[
    str | None,
    typer.Option(
        help="digits, shapes, imagefolder, imagenet, cifar10, cifar100, or your own as module:factory; default: "
        "imagefolder if there is a --data-path, else digits."
    ),
]
DataPathOption = Annotated[Path | None, typer.Option(help="Folder of a dataset that is read from disk.")]
SeedOption = Annotated[int, typer.Option(help="Of the run that made the checkpoint: it decides the holdout.")]
ConfigOption = Annotated[Path | None, typer.Option(help="YAML file with the same fields; the command line wins.")]
RunsOption = Annotated[Path, typer.Option(help="Folder of the run folders.")]
RayAddressOption = Annotated[
    str | None, typer.Option(help="A running Ray cluster, or local for a private session; default: RAY_ADDRESS.")
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, a path, or latest.")]
TrackingUriOption = Annotated[
    str | None,
    typer.Option(help="MLflow's store; default: MLFLOW_TRACKING_URI, or mlflow.db beside the runs folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]
JsonTablesOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]
