"""What became of the heads of one condition, as data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from ablations.heads.agency.states import Signals, State
from ablations.heads.language_model import Head


@dataclass(frozen=True, slots=True)
class HeadsReport:
    """States, consents and violations, whether or not the condition respects them.

    Attributes:
        signals: what each head said while the dense model was observed.
        gates: what each head's output is multiplied by, [layers, heads].
        removed: the heads that were selected, in order.
    """

    signals: Mapping[Head, Signals]
    gates: Tensor
    removed: Sequence[Head]

    @property
    def violations(self) -> tuple[Head, ...]:
        """Heads that act although they have withdrawn their consent."""
        return tuple(head for head, said in self.signals.items() if not said.consent and bool(self.gates[head] != 0))

    @property
    def removed_volunteers(self) -> tuple[Head, ...]:
        """Removed heads that had withdrawn their consent."""
        return tuple(head for head in self.removed if not self.signals[head].consent)

    @property
    def acting(self) -> int:
        """How many heads contribute."""
        return int((self.gates != 0).sum())

    def figures(self) -> dict[str, float]:
        """Return the counts that become figures of the condition."""
        return {
            "heads_removed": float(len(self.removed)),
            "heads_acting": float(self.acting),
            "consent_violations": float(len(self.violations)),
            "removed_volunteers": float(len(self.removed_volunteers)),
            "removed_against_consent": float(len(self.removed) - len(self.removed_volunteers)),
        }

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        states = Counter(said.state for said in self.signals.values())
        return {
            "states": {state: states[state] for state in State},
            "consents": sum(said.consent for said in self.signals.values()),
            "violations": [list(head) for head in self.violations],
            "removed": [list(head) for head in self.removed],
            "heads": [
                {"layer": head.layer, "head": head.head, "gate": float(self.gates[head]), **asdict(said)}
                for head, said in self.signals.items()
            ],
        }
