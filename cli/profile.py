"""The verb `profile`: what a model is made of, as a strategist sees it."""

from dataclasses import asdict, dataclass
from pathlib import Path

from cli.console import say, say_json, show_table
from cli.opening import Asked, is_checkpoint, open_model
from pruning.models import ModelSpec, create_model, published_spec
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.stages import Stage, macs_by_stage
from search.errors import ConfigError
from search.outcome.formats import count_text, macs_text, share_text
from search.space.profile import Profile, profile_plan

DEMO_MODEL = "resnet18_quarter"
BAR = 32
"""Characters of the longest bar."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which model, at which size: the published one, or as a dataset would have it, or a checkpoint.

    Attributes:
        model: None is the demo's, unless there is a checkpoint, which says itself what it is.
    """

    model: str | None = None
    dataset: str | None = None
    data_path: Path | None = None
    input_size: int | None = None
    num_classes: int | None = None
    checkpoint: Path | None = None
    trust_pickle: bool = False


def show_profile(question: Question, *, groups: bool, plot: Path | None, as_json: bool) -> int:
    """Print what a model is made of; returns the exit code."""
    plan = _plan(question)
    profile, stages = profile_plan(plan), macs_by_stage(plan)
    if plot is not None:
        from search.outcome.plots import plot_stages  # matplotlib takes as long to import as the plan to be made

        plot_stages(plan.spec.name, stages, plot)
    if as_json:
        say_json(_as_json(plan, profile, stages))
        return 0
    _show_sets(plan, profile)
    if groups:
        _show_groups(plan)
    _show_stages(plan, stages)
    say(
        f"{macs_text(plan.baseline_macs)} ({plan.baseline_macs:,}), {count_text(plan.baseline_params)} parameters; "
        f"reachable down to {macs_text(profile.floor_macs)} ({profile.floor_macs:,}) in {len(plan.groups)} groups"
    )
    say(f"counter: {plan.counter}; convolutions, linear layers and products alone: {plan.variant_macs(plan.full()):,}")
    say(f"proof: {plan.proof}")
    for held in plan.held:
        say(f"held whole: {held.name}, {held.units} units: a model cut there would do something else {held.reason}")
    if plot is not None:
        say(f"picture: {plot}")
    return 0


def _plan(question: Question) -> Plan:
    model, checkpoint = question.model, question.checkpoint
    if checkpoint is None and model is not None and is_checkpoint(model):
        checkpoint, model = Path(model), None
    if checkpoint is None:
        spec = _spec(question, DEMO_MODEL if model is None else model)
        return build_plan(create_model(spec), spec)
    if question.dataset is not None:
        raise ConfigError(
            f"--dataset {question.dataset} and --checkpoint {checkpoint} contradict each other: a pruned model has the "
            "classes and the image size that it was made with. Leave one of them out."
        )
    pruned = open_model(Asked(checkpoint, model, question.num_classes, question.input_size, question.trust_pickle))
    return build_plan(pruned.module, pruned.spec)


def _spec(question: Question, model: str) -> ModelSpec:
    if question.dataset is None:
        return published_spec(model, num_classes=question.num_classes, input_size=question.input_size)
    # Preparing a search brings Ray's and the vendors' packages along: seconds that no published model needs.
    from search.setup.config import make_config
    from search.setup.preparation import resolve_model

    fields = {name: getattr(question, name) for name in ("dataset", "data_path", "input_size")}
    spec = resolve_model(make_config({"model": model, **fields}))[1]
    return spec if question.num_classes is None else ModelSpec(spec.name, question.num_classes, spec.input_size)


def _show_sets(plan: Plan, profile: Profile) -> None:
    show_table(
        f"{plan.spec.name} at {'×'.join(map(str, plan.spec.input_size))}: {len(plan.sets)} isomorphic sets",
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
    say("reaches: the MACs of the whole model then.\n")


def _show_groups(plan: Plan) -> None:
    show_table(
        f"The {len(plan.groups)} groups: channels that are cut together (--json names all their layers)",
        ("group", "name", "kind", "set", "units", "layers"),
        [(str(g.index), g.name, g.kind.value, str(g.set_index), str(g.units), str(len(g.layers))) for g in plan.groups],
        text=("name", "kind"),
    )


def _show_stages(plan: Plan, stages: tuple[Stage, ...]) -> None:
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


def _as_json(plan: Plan, profile: Profile, stages: tuple[Stage, ...]) -> dict[str, object]:
    return {
        **asdict(profile),
        "input_size": list(plan.spec.input_size),
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
    }
