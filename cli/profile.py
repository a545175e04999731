"""The verb `profile`: what a model is made of, as a proposer sees it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import say, say_json, show_table
from cli.option_types import (
    ClassesOption,
    DataPathOption,
    InputShapeOption,
    InputSizeOption,
    JsonTablesOption,
    TrustFactoryOption,
    TrustOption,
)
from search.errors import ConfigError
from search.outcome.formats import count_text, macs_text, share_text

if TYPE_CHECKING:
    from pruning.models import ModelSpec
    from pruning.plan import Plan
    from pruning.stages import Stage
    from search.space.profile import Profile

DEMO_MODEL = "resnet18_quarter"
BAR = 32
"""Characters of the longest bar."""


def command(
    model: Annotated[
        str | None,
        typer.Option(help="timm or torchvision name, module:factory, or a checkpoint folder; default: the demo's."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Classes and image size of this dataset; default: the published ones.")
    ] = None,
    data_path: DataPathOption = None,
    input_size: InputSizeOption = None,
    input_shape: InputShapeOption = None,
    num_classes: ClassesOption = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Profile this pruned model instead.")] = None,
    trust_pickle: TrustOption = False,
    trust_factory: TrustFactoryOption = None,
    groups: Annotated[bool, typer.Option("--groups", help="A table of all groups, too.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the MACs by stage into this PNG.")] = None,
    as_json: JsonTablesOption = False,
) -> None:
    """Show what a model is made of, as a strategist sees it, without training anything."""
    from pruning.stages import macs_by_stage
    from search.space.profile import profile_plan

    trusted = tuple(trust_factory or ())
    plan = _plan(
        Subject(model, dataset, data_path, input_size, num_classes, checkpoint, trust_pickle, trusted, input_shape)
    )
    profile, stages = profile_plan(plan), macs_by_stage(plan)
    if plot is not None:
        from search.outcome.plots import plot_stages  # matplotlib takes as long to import as the plan to be made

        try:
            plot_stages(plan.spec.name, stages, plot)
        except (OSError, ValueError) as error:
            raise ConfigError(f"--plot {str(plot)!r} cannot be written: {error}") from error
    if as_json:
        say_json(_as_json(plan, profile, stages))
        return
    _show_sets(plan, profile)
    if groups:
        _show_groups(plan)
    _show_stages(plan, stages)
    _show_whole(plan, profile)
    if plot is not None:
        say(f"picture: {plot}")


@dataclass(frozen=True, slots=True)
class Subject:
    """Which model to profile, and at which size: the published one, a dataset's, or a checkpoint's.

    Attributes:
        model: None takes the demo's, unless there is a checkpoint, which names its own.
        dataset: whose classes and image size to take; None takes the published ones.
        data_path: folder of a dataset that is read from disk.
        input_size: side of the square input, in pixels.
        num_classes: instead of the published number.
        checkpoint: a pruned model to profile instead.
        trust_pickle: whether a whole pickled module may be opened.
        trusted: factories that a checkpoint may name.
        input_shape: of any input, or of several, as text.
    """

    model: str | None = None
    dataset: str | None = None
    data_path: Path | None = None
    input_size: int | None = None
    num_classes: int | None = None
    checkpoint: Path | None = None
    trust_pickle: bool = False
    trusted: tuple[str, ...] = ()
    input_shape: str | None = None


def _plan(subject: Subject) -> "Plan":
    from cli.opening import ModelSource, is_checkpoint, open_model
    from pruning.models import create_model
    from pruning.planning import build_plan

    model, checkpoint = subject.model, subject.checkpoint
    if checkpoint is None and model is not None and is_checkpoint(model):
        checkpoint, model = Path(model), None
    if checkpoint is None:
        spec = _spec(subject, DEMO_MODEL if model is None else model)
        return build_plan(create_model(spec), spec)
    if subject.dataset is not None:
        raise ConfigError(
            f"--dataset {subject.dataset} and --checkpoint {checkpoint} contradict each other: a pruned model has the "
            "classes and the image size that it was made with. Leave one of them out."
        )
    source = ModelSource(
        checkpoint,
        model,
        subject.num_classes,
        subject.input_size,
        subject.trust_pickle,
        trusted=subject.trusted,
        input_shape=subject.input_shape,
    )
    pruned = open_model(source)
    return build_plan(pruned.module, pruned.spec)


def _spec(subject: Subject, model: str) -> "ModelSpec":
    from pruning.inputs import parse_input_size
    from pruning.models import ModelSpec, published_spec

    if subject.dataset is None:
        shape = None if subject.input_shape is None else parse_input_size(subject.input_shape)
        return published_spec(model, num_classes=subject.num_classes, input_size=subject.input_size, input_shape=shape)
    # Preparing a search imports the proposers' packages: seconds that no published model needs.
    from search.setup.config import make_config
    from search.setup.preparation import resolve_model

    fields = {name: getattr(subject, name) for name in ("dataset", "data_path", "input_size", "input_shape")}
    spec = resolve_model(make_config({"model": model, **fields}))[1]
    return spec if subject.num_classes is None else ModelSpec(spec.name, subject.num_classes, spec.input_size)


def _show_whole(plan: "Plan", profile: "Profile") -> None:
    say(
        f"{macs_text(plan.baseline_macs)} ({plan.baseline_macs:,}), {count_text(plan.baseline_params)} parameters; "
        f"reachable down to {macs_text(profile.floor_macs)} ({profile.floor_macs:,}) in {len(plan.groups)} groups"
    )
    say(f"counter: {plan.counter}; convolutions, linear layers and products alone: {plan.variant_macs(plan.full()):,}")
    say(f"proof: {plan.proof}")
    for fixed in plan.fixed:
        share = share_text(fixed.macs_out_of_reach / plan.baseline_macs)
        where = f" ({fixed.operation} in {fixed.layer or '(top)'})"
        say(f"fixed: {fixed.name}, {fixed.units} units, {share} of the MACs: {fixed.reason}{where}")
    if plan.fixed:
        say(f"out of reach for what is fixed: {share_text(plan.macs_out_of_reach / plan.baseline_macs)} of the MACs")


def _show_sets(plan: "Plan", profile: "Profile") -> None:
    show_table(
        f"{plan.spec.name} at {plan.spec.size_text}: {len(plan.sets)} isomorphic sets",
        ("set", "layers", "groups", "units", "MACs", "params", "reaches"),
        [
            (
                str(entry.index),
                entry.label,
                str(entry.groups),
                str(entry.units),
                f"{entry.macs_share:.1%}",
                f"{entry.params_share:.1%}",
                count_text(round((1 - entry.macs_share) * plan.baseline_macs)),
            )
            for entry in profile.sets
        ],
        text=("layers",),
    )
    say("MACs, params: the share that vanishes when that set alone goes down to its last units; shares overlap.")
    say("reaches: the MACs of the whole model then.")
    say("")


def _show_groups(plan: "Plan") -> None:
    show_table(
        f"The {len(plan.groups)} groups: channels that are cut together (--json names all their layers)",
        ("group", "name", "kind", "set", "units", "layers"),
        [(str(g.index), g.name, g.kind.value, str(g.set_index), str(g.units), str(len(g.layers))) for g in plan.groups],
        text=("name", "kind"),
    )


def _show_stages(plan: "Plan", stages: "tuple[Stage, ...]") -> None:
    largest = max(stage.macs for stage in stages)
    show_table(
        "Where the MACs are, input to output",
        ("stage", "MACs", "share", "bar"),
        [
            (
                stage.name,
                macs_text(stage.macs),
                share_text(stage.macs / plan.baseline_macs),
                "█" * round(BAR * stage.macs / largest) or "▏",
            )
            for stage in stages
        ],
        text=("stage", "bar"),
    )


def _as_json(plan: "Plan", profile: "Profile", stages: "tuple[Stage, ...]") -> dict[str, object]:
    from pruning.inputs import size_to_json

    return {
        **asdict(profile),
        "input_size": size_to_json(plan.spec.input_size),
        "baseline_params": plan.baseline_params,
        "variant_macs": plan.variant_macs(plan.full()),
        "groups": [
            {
                "name": group.name,
                "kind": group.kind.value,
                "units": group.units,
                "set": group.set_index,
                "layers": list(group.layers),
            }
            for group in plan.groups
        ],
        "stages": [asdict(stage) for stage in stages],
        "proof": str(plan.proof),
        "held": [asdict(held) for held in plan.held],
        "fixed": [asdict(fixed) for fixed in plan.fixed],
        "macs_out_of_reach": plan.macs_out_of_reach,
        "out_of_reach_share": plan.macs_out_of_reach / plan.baseline_macs,
    }
