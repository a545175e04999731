"""The clients of the scripted pair: `rehearsal:large` and `rehearsal:small`."""

from collections.abc import Mapping, Sequence

from ablations.floor.errors import AblationError
from ablations.resources.rehearsal.author import Author
from ablations.resources.rehearsal.skill import LARGE, SMALL, Skill
from ablations.resources.tasks.shipped import known_bad, shipped_tasks
from ablations.resources.tasks.task import TaskSet
from llm_clients.client import LLMClient
from llm_clients.options import ClientOptions
from llm_clients.scripted.client import ScriptedClient
from llm_clients.scripted.script import PerMillion, Script, WireName

PREFIX = "rehearsal:"
SKILLS: Mapping[str, Skill] = {"large": LARGE, "small": SMALL}
_PRICES = {
    "large": PerMillion(input_per_million=3.0, output_per_million=15.0),
    "small": PerMillion(input_per_million=0.1, output_per_million=0.5),
}


class NoSuchRehearsalError(AblationError):
    """There is no scripted model of this name."""


def is_rehearsal(llm: str) -> bool:
    """Return whether a name is one of a scripted model of this study."""
    return llm.startswith(PREFIX)


def rehearsal_client(llm: str, tasks: TaskSet, options: ClientOptions) -> LLMClient:
    """Start the server of a scripted model, and return its client, which closes it.

    Args:
        llm: `rehearsal:large` or `rehearsal:small`.
        tasks: That it will be asked.
        options: Of the client.

    Raises:
        NoSuchRehearsalError: There is no such model.
    """
    name = llm.removeprefix(PREFIX)
    if name not in SKILLS:
        known = ", ".join(f"{PREFIX}{one}" for one in SKILLS)
        raise NoSuchRehearsalError(f"There is no scripted model {llm!r}; there are: {known}.")
    script = Script(model=f"scripted-{name}", wire=WireName.OLLAMA, improvise=0, price=_PRICES[name])
    return ScriptedClient(llm, script, options, Author(name, tasks, SKILLS[name], _wrong_solutions(tasks)))


def _wrong_solutions(tasks: TaskSet) -> Mapping[str, Sequence[str]]:
    """Return what is known to be wrong of the shipped tasks; of others nothing is."""
    found: dict[str, list[str]] = {}
    for bad in known_bad() if tasks.sha256 == shipped_tasks().sha256 else ():
        found.setdefault(bad.task_id, []).append(bad.code)
    return found
