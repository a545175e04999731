"""The verbs of `launch.py`, and how an argument list becomes one of them."""

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.errors import run_guarded
from cli.options import options_of
from search.setup.config import RunConfig, load_config

app = typer.Typer(
    name="espalier",
    help="Cut a trained vision model down to an exact compute budget. With no verb: search, on the built-in demo. "
    "Every verb takes --help, and --debug for the traceback of an error.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

CheckpointOption = Annotated[Path, typer.Option(help="Folder with model.safetensors and architecture.json.")]
SourceOption = Annotated[
    Path, typer.Option(help="A checkpoint folder, or a published .pth, .pt or .safetensors file (with --model).")
]
ArchitectureOption = Annotated[
    str | None, typer.Option(help="Architecture of a published file; a checkpoint folder names its own.")
]
InputSizeOption = Annotated[int | None, typer.Option(min=8, help="Side of the square input.")]
ClassesOption = Annotated[int | None, typer.Option(min=1, help="Instead of the published number.")]
OutputOption = Annotated[
    str | None, typer.Option(help="Tensor of a published model's output that holds the logits, as features.0.")
]
TrustOption = Annotated[
    bool, typer.Option("--trust-pickle", help="Open a whole pickled module: this runs its author's code.")
]
DatasetOption = Annotated[str, typer.Option(help="digits, shapes, imagefolder or imagenet.")]
DataPathOption = Annotated[Path | None, typer.Option(help="Folder of a dataset that is read from disk.")]
SeedOption = Annotated[int, typer.Option(help="Of the run that made the checkpoint: it decides the holdout.")]
RunsOption = Annotated[Path, typer.Option(help="Folder of the run folders.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, a path, or latest.")]


@app.command(short_help="Search a strategy, fine-tune the winner, export and report.")
@options_of(RunConfig)
def search(
    config: Annotated[Path | None, typer.Option(help="YAML file with the same fields; the command line wins.")] = None,
    **given: Any,
) -> None:
    """Find which channels to cut for a MAC budget, fine-tune the result, and report how it was found."""
    from cli.search import start

    raise typer.Exit(start(load_config(config, given)))


@app.command(short_help="Go on with an interrupted run, or extend a finished one.")
@options_of(RunConfig, "workers", "finetune_workers", "executor", "ray_address")
def resume(
    run: RunArgument = "latest",
    runs: RunsOption = Path("runs"),
    repair: Annotated[bool, typer.Option("--repair", help="Cut a half-written last line off the ledger.")] = False,
    add_trials: Annotated[int, typer.Option(min=0, metavar="N", help="Extend the search, finished or not.")] = 0,
    **elsewhere: Any,
) -> None:
    """Go on where a run was interrupted, or beyond its end: nothing that its ledger holds is done or paid for again."""
    from cli.search import go_on

    raise typer.Exit(go_on(run, runs, repair=repair, add_trials=add_trials, elsewhere=elsewhere))


@app.command(short_help="Groups, isomorphic sets, exact MACs and the reachable range.")
def profile(
    model: Annotated[
        str | None,
        typer.Option(help="timm or torchvision name, module:factory, or a checkpoint folder; default: the demo's."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Classes and image size of this dataset; default: the published ones.")
    ] = None,
    data_path: DataPathOption = None,
    input_size: InputSizeOption = None,
    num_classes: ClassesOption = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Profile this pruned model instead.")] = None,
    trust_pickle: TrustOption = False,
    groups: Annotated[bool, typer.Option("--groups", help="A table of all groups, too.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the MACs by stage into this PNG.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Show what a model is made of, as a strategist sees it, without training anything."""
    from cli.profile import Question, show_profile

    question = Question(model, dataset, data_path, input_size, num_classes, checkpoint, trust_pickle)
    raise typer.Exit(show_profile(question, groups=groups, plot=plot, as_json=json))


@app.command(short_help="Fine-tune a pruned checkpoint with Ray Train.")
@options_of(RunConfig, "optimizer", "lr", "momentum", "weight_decay", "batch_size", "epochs")
def finetune(
    checkpoint: CheckpointOption,
    out: Annotated[Path, typer.Option(help="Folder for the fine-tuned model.")] = Path("finetuned"),
    dataset: DatasetOption = "digits",
    data_path: DataPathOption = None,
    seed: SeedOption = 42,
    workers: Annotated[int | None, typer.Option(min=1, help="DDP workers.")] = None,
    model: Annotated[str | None, typer.Option(help="If given, must be the checkpoint's model.")] = None,
    ray_address: Annotated[str | None, typer.Option(help="A running Ray cluster.")] = None,
    **given: Any,
) -> None:
    """Fine-tune a pruned checkpoint on as many workers as there are."""
    from cli.finetune import run_finetune

    raise typer.Exit(run_finetune(checkpoint, out, dataset, data_path, seed, workers, model, ray_address, given))


@app.command(short_help="Test accuracy, exact MACs and latency of a checkpoint.")
def evaluate(
    checkpoint: SourceOption,
    dataset: DatasetOption = "digits",
    data_path: DataPathOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images of a forward pass.")] = 256,
    model: ArchitectureOption = None,
    output: OutputOption = None,
    trust_pickle: TrustOption = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Read the test set with a checkpoint, and count its MACs with the independent counter."""
    from cli.evaluate import run_evaluation
    from cli.opening import Asked

    asked = Asked(checkpoint, model, trust_pickle=trust_pickle, output=output)
    raise typer.Exit(run_evaluation(asked, dataset, data_path, batch_size, as_json=json))


@app.command(short_help="ONNX, torch.export or TorchScript, checked, with a model card.")
def export(
    checkpoint: SourceOption,
    format: Annotated[  # noqa: A002  the option's name
        list[str] | None, typer.Option(help="onnx, pt2 (torch.export), torchscript or espalier; default: onnx.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("exported"),
    model: ArchitectureOption = None,
    input_size: InputSizeOption = None,
    num_classes: ClassesOption = None,
    output: OutputOption = None,
    trust_pickle: TrustOption = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Write a model for other runtimes, read it back there, and compare its output with torch's."""
    from cli.export import run_export
    from cli.opening import Asked

    asked = Asked(checkpoint, model, num_classes, input_size, trust_pickle, output)
    raise typer.Exit(run_export(asked, format or ["onnx"], out, as_json=json))


@app.command(short_help="Base and pruned model side by side, in milliseconds.")
def latency(
    checkpoint: SourceOption,
    batch_size: Annotated[str, typer.Option(help="Images of a forward pass; several, separated by commas.")] = "1,8",
    threads: Annotated[str, typer.Option(help="torch's threads on a CPU; several, separated by commas.")] = "1",
    memory_format: Annotated[str, typer.Option(help="contiguous, channels_last, or both.")] = "contiguous",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    repeats: Annotated[int, typer.Option(min=5, help="Measured passes of each model, in turns.")] = 50,
    model: ArchitectureOption = None,
    input_size: InputSizeOption = None,
    num_classes: ClassesOption = None,
    trust_pickle: TrustOption = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Measure a pruned model beside its base: fewer MACs are not always faster."""
    from cli.latency import read_settings, run_latency
    from cli.opening import Asked

    settings = read_settings(batch_size, threads, memory_format, device, repeats)
    asked = Asked(checkpoint, model, num_classes, input_size, trust_pickle)
    raise typer.Exit(run_latency(asked, settings, as_json=json))


@app.command(short_help="Runs side by side, from MLflow.")
def compare(
    run_ids: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids; default: all.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow's store; default: mlflow.db here.")] = None,
    experiment: Annotated[list[str] | None, typer.Option(help="MLflow experiment; may be repeated.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table here.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Also write the table here.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write a page, plots and all tables into this folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Compare arms on equal terms: same model, dataset and target."""
    from cli.compare import show_comparison

    raise typer.Exit(show_comparison(run_ids or [], tracking_uri, experiment or [], csv, latex, out, as_json=json))


ablate = typer.Typer(help="Run a study of many searches on equal terms.", no_args_is_help=True)
app.add_typer(ablate, name="ablate", short_help="Run a study of many searches on equal terms.")
_SHARED = tuple(name for name in RunConfig.model_fields if name not in ("proposer", "llm"))


@ablate.command("llm", short_help="Which LLM proposes best, and is it better than classical search?")
@options_of(RunConfig, *_SHARED)
def ablate_llm(
    llms: Annotated[str, typer.Option(help="Models to compare, separated by commas.")],
    arms: Annotated[str, typer.Option(help="Classical arms beside them, by commas.")] = "isomorphic,knapsack,tpe",
    hybrid: Annotated[bool, typer.Option("--hybrid", help="Each model also with CMA-ES (the arm hybrid).")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each arm, from --seed on.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder for page, plots and tables.")] = Path("ablation-llm"),
    config: Annotated[Path | None, typer.Option(help="YAML file with the same fields; the command line wins.")] = None,
    **given: Any,
) -> None:
    """Search with every model and arm at the same budget of trials and MACs, several times, and compare."""
    from cli.ablate import run_llm_ablation

    raise typer.Exit(run_llm_ablation(load_config(config, given), llms, arms, seeds, out, hybrid=hybrid))


@app.command(short_help="Bring MLflow up to a run's ledger.")
def sync(
    run: RunArgument = "latest",
    runs: RunsOption = Path("runs"),
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow's store; default: mlflow.db here.")] = None,
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "espalier",
) -> None:
    """Write into MLflow what it does not hold yet; running it twice changes nothing."""
    from cli.compare import run_sync

    raise typer.Exit(run_sync(run, runs, tracking_uri, experiment))


@app.command(short_help="Is everything there: keys, endpoints, Ray, MLflow, disk, machine.")
def doctor(
    llm: Annotated[list[str] | None, typer.Option(help="Model to ask one small question; may be repeated.")] = None,
    llm_base_url: Annotated[str | None, typer.Option(help="Another server that speaks the same wire format.")] = None,
    runs: RunsOption = Path("runs"),
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow's store; default: mlflow.db here.")] = None,
    ray_address: Annotated[str | None, typer.Option(help="A running Ray cluster; default: a private session.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Check before anything is spent, and say what to do. Exit code 2 when something failed."""
    from cli.doctor import run_doctor

    raise typer.Exit(run_doctor(llm or [], llm_base_url, runs, tracking_uri, ray_address, as_json=json))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code: 0 done, 2 bad input, 130 interrupted, 1 a fault of ours."""
    # fvcore traces through torch.jit, which torch now calls deprecated: nothing that a user could act on.
    warnings.filterwarnings("ignore", message=".*torch.jit.*", category=FutureWarning)
    # Threads that spin while they wait slow torch tenfold as soon as somebody else needs a core; read on its import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # A factory of the user's own (`module:factory`) lies where the command is given, wherever we are installed.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    arguments = normalise(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    return run_guarded(lambda: _run([argument for argument in arguments if argument != "--debug"]), debug=debug)


def normalise(arguments: Sequence[str]) -> list[str]:
    """The arguments with `_` in option names made `-`, the published names mapped to ours, and the verb filled in."""
    spelled = [_spell(argument) for argument in arguments]
    first = next((argument for argument in spelled if argument != "--debug"), None)
    if first is None or (first.startswith("-") and first not in ("--help", "-h")):
        return ["search", *spelled]
    return ["--help" if argument == "-h" else argument for argument in spelled]


PUBLISHED = {"--llm-model": "--llm"}
"""Options of the published system that are called otherwise here."""


def _spell(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    name = name.replace("_", "-")
    return PUBLISHED.get(name, name) + equals + value


def _run(arguments: list[str]) -> int:
    try:
        app(arguments, prog_name="launch.py")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    return 0
