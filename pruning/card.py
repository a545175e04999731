"""Write a model card: the base, the units kept, the cost, the accuracy, and who proposed the cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pruning.checkpoint import Architecture
from pruning.inputs import image_size, size_from_json, size_text

CARD = "MODEL_CARD.md"
"""File name of the card in a checkpoint's folder."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known about the model beyond its file. None was not measured, and the card says so.

    Attributes:
        dataset: the dataset on whose test split the accuracies were measured.
        accuracy: of the pruned model, in 0..1.
        base_accuracy: of the unpruned model, in 0..1.
        latency_ms: median of the pruned model, in milliseconds.
        base_latency_ms: median of the unpruned model, in milliseconds.
        latency_setting: hardware, batch size and threads of the latencies.
        proposer: who proposed the strategy.
        strategy: what was requested: ratios, criterion, rounding.
        weights_bytes: of the pruned model's parameters and buffers.
        base_weights_bytes: of the unpruned model's.
        recipe: that the pruned model was fine-tuned by.
        made_with: software and hardware, a line each.
    """

    dataset: str | None = None
    accuracy: float | None = None
    base_accuracy: float | None = None
    latency_ms: float | None = None
    base_latency_ms: float | None = None
    latency_setting: str | None = None
    proposer: str | None = None
    strategy: Mapping[str, Any] = field(default_factory=dict)
    weights_bytes: int | None = None
    base_weights_bytes: int | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    made_with: Sequence[str] = ()


def model_card(model: Architecture, known: Measured | None = None) -> str:
    """The card as Markdown."""
    known = known or Measured()
    size = size_from_json(model.spec.input_size)
    prepared = model.preprocessing
    latency = f"latency, ms ({known.latency_setting or 'no setting'})"
    rows = [
        _row("MACs", model.baseline_macs, model.macs, "{:,}"),
        _row("parameters", model.baseline_params, model.params, "{:,}"),
        _row(f"accuracy ({known.dataset or 'no dataset'})", known.base_accuracy, known.accuracy, "{:.2%}"),
        _row(latency, known.base_latency_ms, known.latency_ms, "{:.2f}"),
        _row("weights, bytes", known.base_weights_bytes, known.weights_bytes, "{:,}"),
    ]
    groups = zip(model.groups, model.allocation, strict=True)
    strategy = [f"- {name}: `{_quoted(value)}`" for name, value in known.strategy.items()] or ["- not recorded"]
    return "\n".join([
        f"# {model.spec.name}, pruned to {model.macs / model.baseline_macs:.1%} of its MACs",
        "",
        f"Base: `{model.spec.name}`, {model.spec.num_classes} classes, input {size_text(size)}.",
        *([] if prepared is None else [f"Images: {prepared.in_words(*image_size(size)[1:])}."]),
        f"MACs are counted by {model.counter}.",
        "",
        "| | base | pruned | pruned / base |",
        "|---|---:|---:|---:|",
        *rows,
        "",
        f"Proposed by: {known.proposer or 'not recorded'}. Strategy:",
        "",
        *strategy,
        "",
        *_listed("Fine-tuned by this recipe:", [f"{name}: `{_quoted(value)}`" for name, value in known.recipe.items()]),
        *_listed("Made with:", [f"`{_quoted(line)}`" for line in known.made_with]),
        "Units kept in each group:",
        "",
        "| group | kept |",
        "|---|---:|",
        *(f"| {name} | {kept} |" for name, kept in groups),
        "",
        "Read it back with `pruning.checkpoint.load_pruned(folder).module`; nothing is unpickled.",
        "",
    ])  # fmt: skip


def _listed(heading: str, lines: Sequence[str]) -> list[str]:
    return [heading, "", *(f"- {line}" for line in lines), ""] if lines else []


def _quoted(value: object) -> str:
    """The value on one line and without backticks, so that a proposer's text cannot leave its code span."""
    return " ".join(str(value).split()).replace("`", "'")


def _row(name: str, base: float | None, pruned: float | None, form: str) -> str:
    share = f"{pruned / base:.1%}" if base and pruned is not None else "–"
    shown = [form.format(value) if value is not None else "not measured" for value in (base, pruned)]
    return f"| {name} | {shown[0]} | {shown[1]} | {share} |"
