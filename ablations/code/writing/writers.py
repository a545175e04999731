"""Who writes patches: the interface, and the writer that follows rules and asks nobody."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ablations.code.asking.prompts import Failure
from ablations.code.direct.writing import candidates
from ablations.code.source.annotations import Component
from ablations.code.source.documents import Documents
from ablations.code.source.errors import PatchError

RULE = "rule"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a writer proposes.

    Attributes:
        answer: Its raw text.
        value: The JSON value of a patch; None if the answer is none.
        model: Who wrote it.
        outcome: As in `Attempt`.
        cost_usd: None where no price is known.
        tokens: None where nobody counted.
        problem: Why there is no value.
    """

    answer: str
    value: Any
    model: str
    outcome: str
    cost_usd: float | None = 0.0
    tokens: int | None = 0
    problem: str = ""


class PatchWriter(Protocol):
    """Writes patches. What it has proposed once for an attempt, it proposes again: an attempt is never paid twice."""

    def propose(self, component: Component, number: int, failures: Sequence[Failure]) -> Proposal | None:
        """Propose a patch.

        Args:
            component: That is to go away.
            number: Of the attempt, from 1.
            failures: The earlier attempts.

        Returns:
            None if nothing more is tried.
        """


class RuleWriter:
    """Proposes what stands in a component's place by rule, the plainest first.

    Args:
        documents: All of them.
        zero: Names of the components for which zeros stand.
    """

    def __init__(self, documents: Documents, zero: frozenset[str] = frozenset()) -> None:
        self._documents, self._zero = documents, zero

    def propose(self, component: Component, number: int, failures: Sequence[Failure]) -> Proposal | None:
        """Propose the next candidate."""
        try:
            patches = candidates(self._documents, component, zero=component.name in self._zero)
        except PatchError as error:
            return Proposal("", None, RULE, RULE, problem=str(error)) if number == 1 else None
        if number > len(patches):
            return None
        value = patches[number - 1].model_dump(mode="json")
        return Proposal(json.dumps(value), value, RULE, RULE)
