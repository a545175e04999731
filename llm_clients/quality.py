"""How well a model keeps to what it was asked for, counted per answer. Incoherence is counted by the caller."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, fields

from llm_clients.kinds import AnswerForm, CallOutcome
from llm_clients.request import Completion, Json
from llm_clients.validation import Problem


@dataclass(frozen=True, slots=True)
class Quality:
    """Counts over any number of calls; answers that were sent back count too.

    Attributes:
        calls: calls made.
        answers: texts that a model gave, valid or not.
        valid: answers that passed validation.
        parse_errors: answers without JSON.
        schema_errors: answers whose JSON does not fit the schema.
        out_of_range: answers that fail only by the bounds of a value.
        truncated: answers cut at the token limit.
        refused: answers that are refusals.
        duplicates: valid answers equal to an earlier one.
        fenced: calls whose final JSON was in a code fence.
        prose: calls whose final JSON was in prose.
        faults: trips that brought no answer, which is not the model's fault.
    """

    calls: int = 0
    answers: int = 0
    valid: int = 0
    parse_errors: int = 0
    schema_errors: int = 0
    out_of_range: int = 0
    truncated: int = 0
    refused: int = 0
    duplicates: int = 0
    fenced: int = 0
    prose: int = 0
    faults: int = 0

    def __add__(self, other: Quality) -> Quality:
        return Quality(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def to_json(self) -> dict[str, Json]:
        """The counts by name."""
        return asdict(self)


def quality_of(completion: Completion) -> Quality:
    """The counts of one call, without duplicates: those need a `Tally`."""
    results = [attempt.result for attempt in completion.trail]
    problems = [attempt.problem for attempt in completion.trail]
    answers = [result for result in results if result in _ANSWERS]
    return Quality(
        calls=1,
        answers=len(answers),
        valid=results.count(CallOutcome.ANSWERED),
        parse_errors=problems.count(Problem.PARSE),
        schema_errors=problems.count(Problem.SCHEMA),
        out_of_range=problems.count(Problem.RANGE),
        truncated=results.count(CallOutcome.TRUNCATED),
        refused=results.count(CallOutcome.REFUSED),
        fenced=int(completion.form == AnswerForm.FENCED and completion.answered),
        prose=int(completion.form == AnswerForm.PROSE and completion.answered),
        faults=len(results) - len(answers),
    )


class Tally:
    """Adds up the quality of a model's calls; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = Quality()
        self._seen: set[str] = set()

    def count(self, completion: Completion) -> Quality:
        """Add a call, and return its own counts, with whether it duplicates an earlier answer."""
        with self._lock:
            duplicate = completion.answered and self._known(completion.value)
            quality = quality_of(completion) + Quality(duplicates=int(duplicate))
            self._total += quality
            return quality

    def total(self) -> Quality:
        """The counts of all calls so far."""
        with self._lock:
            return self._total

    def _known(self, value: Json) -> bool:
        canonical = json.dumps(value, sort_keys=True)
        known = canonical in self._seen
        self._seen.add(canonical)
        return known


_ANSWERS = frozenset({CallOutcome.ANSWERED, CallOutcome.INVALID, CallOutcome.TRUNCATED, CallOutcome.REFUSED})
