"""What each condition left in its folder: the facts of its run, and the verdicts of the gates."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from ablations.code.running.facts import RunFacts
from ablations.code.summary.attempts import GateVerdict
from ablations.floor.results import Outcome, Results

FACTS, GATES = "facts.json", "gates.json"
_VERDICTS = TypeAdapter(tuple[GateVerdict, ...])


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of the run of a condition.

    Attributes:
        outcome: What came of the condition.
        facts: None where none can be read, as of a condition that has not run.
        gates: Empty where none can be read.
    """

    outcome: Outcome
    facts: RunFacts | None
    gates: tuple[GateVerdict, ...]


def records_of(results: Results, artifacts: Path) -> tuple[Record, ...]:
    """Return the record of each condition, in the order of the grid.

    Args:
        results: Of all conditions.
        artifacts: Contains the folder of each condition.
    """
    return tuple(_record(outcome, artifacts / outcome.condition.file_name) for outcome in results.outcomes)


def _record(outcome: Outcome, folder: Path) -> Record:
    facts, gates = _read(folder / FACTS), _read(folder / GATES)
    try:
        read_facts = None if facts is None else RunFacts.model_validate_json(facts)
    except ValidationError:
        read_facts = None
    try:
        read_gates = () if gates is None else _VERDICTS.validate_json(gates)
    except ValidationError:
        read_gates = ()
    return Record(outcome, read_facts, read_gates)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
