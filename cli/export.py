"""The verb `export`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.console import say, say_json, show_table
from cli.option_types import (
    ArchitectureOption,
    ClassesOption,
    InputShapeOption,
    InputSizeOption,
    JsonOption,
    OutputOption,
    SourceOption,
    TrustFactoryOption,
    TrustOption,
)
from cli.paths import make_folder


def command(
    checkpoint: SourceOption,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="onnx, pt2 (torch.export), torchscript or espalier; default: onnx."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("exported"),
    model: ArchitectureOption = None,
    input_size: InputSizeOption = None,
    input_shape: InputShapeOption = None,
    num_classes: ClassesOption = None,
    output: OutputOption = None,
    trust_pickle: TrustOption = False,
    trust_factory: TrustFactoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model for other runtimes, read it back there, and compare its output with torch's."""
    from cli.exporting import OWN, read_formats, write_card, write_model
    from cli.fetching import fetched
    from cli.opening import ModelSource, open_model

    kinds = read_formats(formats or ["onnx"])
    checkpoint = fetched(checkpoint)
    source = ModelSource(
        checkpoint,
        model,
        num_classes,
        input_size,
        trust_pickle,
        output,
        trusted=tuple(trust_factory or ()),
        input_shape=input_shape,
    )
    pruned = open_model(source)
    make_folder(out)
    written = [write_model(pruned, checkpoint, kind, out) for kind in kinds]
    card = write_card(checkpoint, out, own=OWN in kinds)
    if as_json:
        rows = [{"format": one.kind, "path": str(one.path), "relative_error": one.error} for one in written]
        say_json({"model": pruned.spec.name, "macs": pruned.macs, "exported": rows, "card": card and str(card)})
        return
    show_table(
        f"{checkpoint}: {pruned.spec.name}, {pruned.macs:,} MACs, {pruned.params:,} parameters",
        ("format", "file", "size", "largest difference"),
        [(one.kind, str(one.path), one.size, f"{one.error:.1e}") for one in written],
        text=("format", "file"),
    )
    say("Largest difference of the outputs on random input from torch's, as a share of the largest output.")
    say(f"card     {card}" if card else "card     none: only a checkpoint folder has one; add --format espalier")
