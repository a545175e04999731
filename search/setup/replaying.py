"""`--llm replay:RUN`: what a recorded run gives to the one that repeats it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from llm_clients.kinds import CallOutcome
from search.errors import ConfigError
from tracking.events import Event, payloads_of
from tracking.payloads import LlmCall, RunStarted
from tracking.phases import asked_trials
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs

PREFIX = "replay:"


def repeated_fields(fields: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """The fields of a configuration; those that a replay leaves open are as in the run that it repeats.

    RUN becomes that run's own id, so that `latest` still means the same run when the replay itself is resumed.

    Args:
        fields: as given.
        own: names of the fields that a replay does not take over from that run.

    Returns:
        All fields of the replay's configuration that are not at their defaults.

    Raises:
        ConfigError: that run was proposed without an LLM.
        UnknownRunError, and the errors of a ledger that cannot be read.
    """
    llm = fields.get("llm")
    if not isinstance(llm, str) or not llm.startswith(PREFIX):
        return dict(fields)
    runs = Path(fields.get("runs") or "runs")
    folder, events = _recorded(llm, runs)
    if not payloads_of(events, LlmCall):
        raise ConfigError(
            f"--llm {llm} cannot be replayed: the run {folder.run_id} holds no call of an LLM. Name a run that was "
            "proposed by one."
        )
    config = payloads_of(events, RunStarted)[0].config | {"trials": asked_trials(events)}
    known = folder.path == (RunDirs(runs).root / folder.run_id).resolve()
    name = folder.run_id if known else str(folder.path)
    return {
        **{field: value for field, value in config.items() if field not in own and value is not None},
        **fields,
        "llm": PREFIX + name,
    }


def recorded_calls(llm: str, runs: Path, earlier: Sequence[LlmCall]) -> list[dict[str, Any]] | None:
    """The calls that a replay may still ask for; None when `llm` is no replay.

    `earlier` are the calls that this very run holds already, if it is resumed: those have been given out.
    """
    if not llm.startswith(PREFIX):
        return None
    given = Counter(call.fingerprint for call in earlier if call.outcome != CallOutcome.CANCELLED)
    left = []
    for call in payloads_of(_recorded(llm, runs)[1], LlmCall):
        if call.outcome == CallOutcome.CANCELLED:
            continue  # cut off by an interrupt, and asked again when that run was resumed
        if given[call.fingerprint]:
            given[call.fingerprint] -= 1
        else:
            left.append(call.model_dump(mode="json"))
    return left


def _recorded(llm: str, runs: Path) -> tuple[RunDir, tuple[Event, ...]]:
    folder = RunDirs(runs).resolve(llm.removeprefix(PREFIX))
    return folder, tuple(read_ledger(folder.ledger))
