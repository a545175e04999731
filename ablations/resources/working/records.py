"""The entries of the journal: a call, its judgement, the tasks; and the attempts that they make up."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ablations.floor.journal import Facts
from ablations.resources.arms.attempt import Attempt
from ablations.resources.arms.outcomes import Problem
from ablations.resources.arms.places import Place
from ablations.resources.arms.resource import Resource
from ablations.resources.judging.judgement import Judgements
from ablations.resources.metering.quantity import Quantity
from ablations.resources.metering.readings import Readings
from ablations.resources.models.asked import Asked
from ablations.resources.tasks.task import TaskSet
from llm_clients.kinds import CallOutcome

TASKS = "dataset/tasks"
"""The key of the tasks' entry, which MLflow shows as a dataset."""

_LONGEST = 4000

OF_THE_MODEL = frozenset({CallOutcome.ANSWERED, CallOutcome.TRUNCATED, CallOutcome.REFUSED})
"""How a call may end that says something about the model. After any other the attempt is missing."""

_QUANTITIES = tuple(name for name, field in Readings.model_fields.items() if field.annotation is Quantity)


def call_key(model: str, task: str, place: Place) -> str:
    """Return the key of a call."""
    return f"call/{model}/{task}/{place}"


def judgement_key(model: str, task: str, place: Place) -> str:
    """Return the key of a judgement."""
    return f"judgement/{model}/{task}/{place}"


def tasks_facts(tasks: TaskSet) -> Facts:
    """Return the tasks' entry: what they are from, and what is told of them besides their solutions.

    Of long checks, as those of MBPP+ with inputs of megabytes, the beginning: the file's digest stands for all of it.
    """
    rows = [{name: _clipped(value) for name, value in row.items()} for row in tasks.as_rows()]
    return {"source": tasks.source, "sha256": tasks.sha256, "split": tasks.split.value, "rows": rows}


def _clipped(value: object) -> object:
    if not isinstance(value, str) or len(value) <= _LONGEST:
        return value
    return f"{value[:_LONGEST]}… ({len(value):,} characters)"


def call_facts(asked: Asked, *, prompt: str, temperature: float, strategy: str) -> Facts:
    """Return the entry of a call; the prompt follows from the entries before it, and its digest says so."""
    usage = asked.usage
    return {
        "outcome": asked.outcome.value,
        "detail": asked.detail,
        "text": asked.text,
        "served_by": asked.served_by,
        "strategy": strategy,
        "temperature": None if "temperature" in asked.not_taken else temperature,
        "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest(),
        "input_tokens": None if usage is None else usage.input_tokens,
        "output_tokens": None if usage is None else usage.output_tokens,
        "cost_usd": asked.cost_usd,
        "trips": asked.trips,
        "started": asked.started,
        "ended": asked.ended,
        "timings": {name: one["value"] for name, one in asked.timings.model_dump(mode="json").items()},
        "readings": _readings(asked.readings),
        "shared": asked.readings.shared,
        "overlapping": asked.readings.overlapping,
    }


def judgement_facts(judgements: Judgements, solution: str, feedback: str, taken_s: float) -> Facts:
    """Return the entry of a judgement.

    Args:
        judgements: At the visible and at the held-out checks.
        solution: The code that was judged.
        feedback: What the model may be told of it.
        taken_s: Seconds that judging took, the start of the sandbox included.
    """
    visible, held_out = judgements
    return {
        "visible": visible.passed,
        "solved": judgements.solved,
        "outcome": visible.outcome.value,
        "held_out_outcome": held_out.outcome.value,
        "message": visible.message,
        "held_out_message": held_out.message,
        "signs": list(visible.signs),
        "solution": solution,
        "feedback": feedback,
        "taken_s": taken_s,
        "wall_s": visible.wall_s,
        "cpu_s": visible.cpu_s,
        "peak_memory_bytes": visible.peak_memory_bytes,
        "runs": visible.attempts,
    }


def attempt_of(call: Facts, judgement: Facts | None) -> Attempt:
    """Return what a call and its judgement make up; a call that says nothing about the model has no judgement."""
    used = used_by(call)
    if judgement is None:
        return Attempt(None, None, used)
    return Attempt(judgement["visible"], judgement["solved"], used)


def says_something(call: Facts) -> bool:
    """Return whether a call says something about its model, and is to be judged."""
    return CallOutcome(call["outcome"]) in OF_THE_MODEL


def used_by(call: Facts) -> Mapping[Resource, float | None]:
    """Return what a call used of each resource."""
    counted = (call["input_tokens"], call["output_tokens"])
    measured = call["readings"]["measured"]
    return {
        Resource.CALLS: 1.0,
        Resource.TOKENS: None if None in counted else float(sum(counted)),
        Resource.OUTPUT: None if None in counted else float(counted[1]),
        Resource.USD: call["cost_usd"],
        **{resource: _value(measured, name) for resource, name in _READ.items()},
    }


_READ: Mapping[Resource, str] = {
    Resource.SECONDS: "duration",
    Resource.CPU: "cpu",
    Resource.CPU_ENERGY: "cpu_energy",
    Resource.GPU_ENERGY: "gpu_energy",
    Resource.MEMORY: "memory_peak",
    Resource.GPU_MEMORY: "gpu_memory_peak",
}


def _value(measured: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    return measured[name]["value"] if name in measured else None


def _readings(readings: Readings) -> Facts:
    """Return the quantities that there are, and why the others are missing; the samples are not kept."""
    found: dict[str, Quantity] = {name: getattr(readings, name) for name in _QUANTITIES}
    return {
        "measured": {
            name: {"value": one.value, "unit": one.unit, "origin": one.origin.value}
            for name, one in found.items()
            if one.value is not None
        },
        "missing": {name: one.why for name, one in found.items() if one.value is None},
        "samples": readings.series.taken,
    }


def problems_in(entries: Mapping[str, Facts]) -> tuple[Problem, ...]:
    """Return the tasks that a journal names; none before they are written down."""
    return tuple(Problem(row["task_id"], row["category"]) for row in entries.get(TASKS, {}).get("rows", ()))


def attempts_in(
    entries: Mapping[str, Facts], problems: Sequence[Problem]
) -> Mapping[str, Sequence[Mapping[Place, Attempt]]]:
    """Return the attempts of each task, by model; a call that is to be judged, and is not yet, is left out."""
    numbers = {problem.id: number for number, problem in enumerate(problems)}
    found: dict[str, list[dict[Place, Attempt]]] = {}
    for key, facts in entries.items():
        kind, *rest = key.split("/")
        if kind != "call":
            continue
        model, task, place = rest
        judgement = entries.get(judgement_key(model, task, Place.read(place)))
        if judgement is not None or not says_something(facts):
            of_model = found.setdefault(model, [{} for _ in problems])
            of_model[numbers[task]][Place.read(place)] = attempt_of(facts, judgement)
    return found
