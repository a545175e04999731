"""The verb `profile`."""

from dataclasses import asdict
from pathlib import Path

from cli.console import say, say_json, show_table
from pruning.models import ModelSpec, create_model
from pruning.plan import Plan, build_plan
from search.config import make_config
from search.formats import count_text, macs_text, share_text
from search.preparation import resolve_model
from search.profile import Profile, profile_plan


def show_profile(
    model: str, dataset: str, data_path: Path | None, input_size: int | None, num_classes: int | None, *, as_json: bool
) -> int:
    """Print what a model is made of; returns the exit code."""
    spec = _spec(model, dataset, data_path, input_size, num_classes)
    plan = build_plan(create_model(spec), spec)
    profile = profile_plan(plan)
    if as_json:
        say_json(_as_json(plan, profile))
    else:
        _show(plan, profile)
    return 0


def _spec(
    model: str, dataset: str, data_path: Path | None, input_size: int | None, num_classes: int | None
) -> ModelSpec:
    """A folder of images is not needed to profile for it: classes and size may be given instead."""
    if num_classes is not None and input_size is not None:
        return ModelSpec(model, num_classes, (3, input_size, input_size))
    config = make_config({"model": model, "dataset": dataset, "data_path": data_path, "input_size": input_size})
    spec = resolve_model(config)[1]
    return spec if num_classes is None else ModelSpec(model, num_classes, spec.input_size)


def _show(plan: Plan, profile: Profile) -> None:
    show_table(
        f"{plan.spec.name} at {'×'.join(map(str, plan.spec.input_size))}: isomorphic sets",
        ("set", "layers", "groups", "units", "depth", "MACs", "params"),
        [
            (
                str(entry.index),
                entry.label,
                str(entry.groups),
                str(entry.units),
                f"{entry.depth:.2f}",
                share_text(entry.macs_share),
                share_text(entry.params_share),
            )
            for entry in profile.sets
        ],
        text=("layers",),
    )
    say(
        f"{macs_text(plan.baseline_macs)} ({plan.baseline_macs:,}), {count_text(plan.baseline_params)} parameters; "
        f"reachable down to {macs_text(profile.floor_macs)} ({profile.floor_macs:,})"
    )
    say("MACs and params: the share that vanishes when that set alone goes down to its last units; shares overlap.")
    say(f"counter: {plan.counter}")
    say(f"proof: {plan.proof}")


def _as_json(plan: Plan, profile: Profile) -> dict[str, object]:
    return {
        **asdict(profile),
        "input_size": list(plan.spec.input_size),
        "baseline_params": plan.baseline_params,
        "groups": [
            {"name": group.name, "units": group.units, "set": group.set_index, "layers": list(group.layers)}
            for group in plan.groups
        ],
        "proof": str(plan.proof),
    }
