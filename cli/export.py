"""The verb `export`: a checkpoint for other runtimes, checked, with its model card."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from cli.console import say, say_json, show_table
from cli.opening import Asked, is_checkpoint, open_model
from pruning.card import CARD, model_card
from pruning.checkpoint import ARCHITECTURE, WEIGHTS, PrunedModel, load_pruned, read_architecture, save_pruned
from pruning.export import ExportFormat, difference, export
from pruning.models import create_model
from pruning.planning import build_plan
from search.errors import ConfigError

OWN = "espalier"
"""The format that every verb here reads: model.safetensors and architecture.json."""
FORMATS = (*(kind.value for kind in ExportFormat), OWN)


def run_export(asked: Asked, formats: Sequence[str], out: Path, *, as_json: bool) -> int:
    """Write a model in each format, each checked against the module; returns the exit code."""
    kinds = read_formats(formats)
    pruned = open_model(asked)
    _writable(out)
    made = [_write(pruned, asked, kind, out) for kind in kinds]
    card = _card(asked.checkpoint, out, own=OWN in kinds)
    if as_json:
        rows = [{"format": kind, "path": str(path), "relative_error": error} for kind, path, error in made]
        say_json({"model": pruned.spec.name, "macs": pruned.macs, "exported": rows, "card": card and str(card)})
        return 0
    show_table(
        f"{asked.checkpoint}: {pruned.spec.name}, {pruned.macs:,} MACs, {pruned.params:,} parameters",
        ("format", "file", "size", "largest difference"),
        [(kind, str(path), _size(path), f"{error:.1e}") for kind, path, error in made],
        text=("format", "file"),
    )
    say("Largest difference of the outputs on random input from torch's, as a share of the largest output.")
    say(f"card     {card}" if card else "card     none: it belongs to one of our checkpoints; add --format espalier")
    return 0


def read_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """The formats, from options that may each hold several separated by commas. Raises ConfigError."""
    kinds = tuple(dict.fromkeys(part.strip() for given in formats for part in given.split(",") if part.strip()))
    for kind in kinds:
        if kind not in FORMATS:
            raise ConfigError(f"--format {kind!r} is not known: {', '.join(FORMATS)} would work.")
    if not kinds:
        raise ConfigError(f"--format is empty: {', '.join(FORMATS)} would work.")
    return kinds


def _write(pruned: PrunedModel, asked: Asked, kind: str, out: Path) -> tuple[str, Path, float]:
    """Format, path, and how far the read-back output is from torch's."""
    if kind == OWN:
        folder = _own(pruned, asked, out)
        return kind, folder, difference(pruned.module, load_pruned(folder).module, pruned.spec.input_size)
    made = export(pruned.module, pruned.spec.input_size, out / f"model.{kind}", ExportFormat(kind))
    return kind, made.path, made.error


def _own(pruned: PrunedModel, asked: Asked, out: Path) -> Path:
    if not pruned.selection:
        raise ConfigError(
            f"{asked.checkpoint} is a whole pickled module: which units of {pruned.spec.name} it keeps is not known, "
            f"so it cannot become a checkpoint of ours. {', '.join(FORMATS[:-1])} would work."
        )
    if not asked.checkpoint.is_file() and out.exists() and out.samefile(asked.checkpoint):
        raise ConfigError(f"--out {out} is the checkpoint itself: name another folder.")
    plan = build_plan(create_model(pruned.spec), pruned.spec, verify=False)
    recipe = pruned.metadata.get("recipe", {"imported from": asked.checkpoint.name})
    return save_pruned(pruned.module, plan, pruned.selection, out, recipe=recipe)


def _card(checkpoint: Path, out: Path, *, own: bool) -> Path | None:
    """The run's own card if it lies beside the checkpoint, else one of what the checkpoint states; `own`: `out` holds
    a checkpoint that was just written. None for a published file that none was made of."""
    card = out / CARD
    if (checkpoint / CARD).is_file():
        if not (card.exists() and card.samefile(checkpoint / CARD)):
            shutil.copyfile(checkpoint / CARD, card)
        return card
    if not own and not is_checkpoint(checkpoint):
        return None
    card.write_text(model_card(read_architecture(out if own else checkpoint)), encoding="utf-8")
    return card


def _writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {str(out)!r} cannot be written: {error.strerror}.") from None


def _size(path: Path) -> str:
    files = [path / name for name in (WEIGHTS, ARCHITECTURE)] if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    return f"{size / 2**20:.2f} MiB"
