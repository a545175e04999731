"""Reads a recorded run for `--llm replay:RUN`: its settings and its LLM calls."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from llm_clients.kinds import CallOutcome
from search.errors import ConfigError
from search.setup.factories import check_run_factory
from search.setup.holdout_training import as_begun
from tracking.events import Event, payloads_of
from tracking.payloads import LlmCall, RunStarted
from tracking.phases import asked_trials
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs

PREFIX = "replay:"


def repeated_fields(fields: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """Complete the fields of a replay with those of the recorded run; fields of other configurations are unchanged.

    RUN is replaced by the id of the run, so that `latest` still means the same run when the replay itself is resumed.

    Args:
        fields: The given fields; they take precedence.
        own: Names of the fields that a replay does not take over from the recorded run.

    Returns:
        All fields of the configuration that differ from their defaults.

    Raises:
        ConfigError: The recorded run has no LLM calls.
        UnknownRunError: There is no such run.
        TrackingError: The ledger of the run cannot be read.
        UntrustedFactoryError: The recorded run names a factory that the user never named.
    """
    llm = fields.get("llm")
    if not isinstance(llm, str) or not llm.startswith(PREFIX):
        return dict(fields)
    runs = Path(str(fields.get("runs") or "runs"))
    folder, events = _recorded(llm, runs)
    if not payloads_of(events, LlmCall):
        raise ConfigError(
            f"--llm {llm} cannot be replayed: the run {folder.run_id} holds no call of an LLM. Choose a run whose arm "
            "asked one."
        )
    config = as_begun(payloads_of(events, RunStarted)[0].config) | {"trials": asked_trials(events)}
    if fields.get("model") is None:
        check_run_factory(folder, str(config.get("model")), option="--model")
    if fields.get("dataset") is None:
        check_run_factory(folder, str(config.get("dataset")), option="--dataset", what="its dataset")
    known = folder.path == (RunDirs(runs).root / folder.run_id).resolve()
    name = folder.run_id if known else str(folder.path)
    return {
        **{field: value for field, value in config.items() if field not in own and value is not None},
        **fields,
        "llm": PREFIX + name,
    }


def recorded_calls(llm: str, runs: Path, earlier: Sequence[LlmCall]) -> list[dict[str, Any]] | None:
    """Return the recorded calls that a replay may still use.

    Args:
        llm: The value of `--llm`.
        runs: The folder of runs.
        earlier: The calls that the replay has made before it was resumed; their recorded calls have been used.

    Returns:
        The calls as JSON, in the recorded order; None if `llm` is no replay.

    Raises:
        UnknownRunError: There is no such run.
        TrackingError: The ledger of the run cannot be read.
    """
    if not llm.startswith(PREFIX):
        return None
    given = Counter(call.fingerprint for call in earlier if call.outcome != CallOutcome.CANCELLED)
    left = []
    for call in payloads_of(_recorded(llm, runs)[1], LlmCall):
        if call.outcome == CallOutcome.CANCELLED:
            continue  # cancelled by an interrupt, and asked again when that run was resumed
        if given[call.fingerprint]:
            given[call.fingerprint] -= 1
        else:
            left.append(call.model_dump(mode="json"))
    return left


def _recorded(llm: str, runs: Path) -> tuple[RunDir, tuple[Event, ...]]:
    folder = RunDirs(runs).resolve(llm.removeprefix(PREFIX))
    return folder, tuple(read_ledger(folder.ledger))
