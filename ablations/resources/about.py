"""Where the tasks and the answers of a study are from, and what of its resources is missing or shared."""

from collections import Counter
from collections.abc import Mapping, Sequence

from ablations.floor.journal import Facts
from ablations.resources.options import ResourcesOptions
from ablations.resources.working.records import TASKS
from ground.counting import counted


def about(options: ResourcesOptions, entries: Mapping[str, Facts]) -> tuple[str, ...]:
    """Return one paragraph on the tasks, and one on each model.

    Args:
        options: Of the study.
        entries: Of its journal, which has the tasks.
    """
    tasks = entries[TASKS]
    first = (
        f"{len(tasks['rows'])} tasks of {tasks['source']} (part: {tasks['split']}; sha256 {tasks['sha256']}). "
        f"Samples at temperature {options.temperature:g}, and 0.1 more on each level of the tree."
    )
    return (first, *(_of_model(model.name, model.llm, entries) for model in options.named))


def _of_model(name: str, llm: str, entries: Mapping[str, Facts]) -> str:
    calls = [facts for key, facts in entries.items() if key.startswith(f"call/{name}/")]
    served = ", ".join(sorted({call["served_by"] for call in calls}))
    said = [f"{name} is {llm}, answered by {served or 'nobody yet'}: {counted(len(calls), 'call')}."]
    endings = Counter(call["outcome"] for call in calls if call["outcome"] != "answered")
    said += [f"Not whole answers: {_counted(endings)}."] if endings else []
    if calls and all(call["temperature"] is None for call in calls):
        said.append("It does not take a temperature.")
    shared = [call for call in calls if call["shared"]]
    if shared:
        most = max(call["overlapping"] for call in shared)
        said.append(f"{len(shared)} calls shared its server with others, up to {most} at once: their times are longer.")
    return " ".join([*said, *_missing(calls)])


def _missing(calls: Sequence[Facts]) -> list[str]:
    """Say once for each reason what was not measured, with the number of calls."""
    reasons: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for call in calls:
        for what, why in call["readings"]["missing"].items():
            reasons.setdefault(why, set()).add(what.replace("_", " "))
        counts.update(set(call["readings"]["missing"].values()))
    return [
        f"Missing of {counts[why]} calls: {', '.join(sorted(what))} ({why})." for why, what in sorted(reasons.items())
    ]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
