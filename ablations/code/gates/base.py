"""The interface of a gate."""

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar

from ablations.code.gates.case import Case, Runs


@dataclass(frozen=True, slots=True)
class Verdict:
    """Accepted, or refused with a reason in words.

    Attributes:
        gate: The gate's name.
        reason: Why it was refused; empty if it was accepted.
    """

    gate: str
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether it was."""
        return not self.reason


class Gate(ABC):
    """One question about an ablation. An instance has no state.

    A gate returns the reason for a refusal, or None; it never repairs anything. It may rely on the gates before it in
    the registry for nothing but that all scripts are Python.

    Attributes:
        name: In verdicts.
        question: What it asks, in one line.
    """

    name: ClassVar[str]
    question: ClassVar[str]

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        return None

    def of_runs(self, case: Case, runs: Runs) -> str | None:
        """Judge what the runs reported."""
        return None
