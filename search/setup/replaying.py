"""`--llm replay:RUN`: what a recorded run gives to the one that repeats it."""

from collections import Counter
from collections.abc import Mapping, Sequence
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

_OWN = frozenset(
    {
        *("llm", "llm_base_url", "max_cost", "max_tokens_total", "prices"),
        *("workers", "cpus_per_trial", "gpus_per_trial", "finetune_workers", "finetune_gpu", "ray_address", "executor"),
        *("runs", "tracking_uri", "experiment", "mlflow"),
    }
)
"""Fields that a replay does not take over: who is asked, what the machine has, and where the new run is kept."""


def repeated_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a configuration; those that a replay leaves open are as in the run that it repeats.

    RUN becomes that run's own id, so that `latest` still means the same run when the replay itself is resumed.

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
        **{field: value for field, value in config.items() if field not in _OWN and value is not None},
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
