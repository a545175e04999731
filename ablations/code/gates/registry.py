"""All gates in their order, and the ruling that they give together; a new one is a file beside this and a line here."""

from dataclasses import dataclass

from ablations.code.gates.base import Gate, Verdict
from ablations.code.gates.case import Case
from ablations.code.gates.computed import Computed
from ablations.code.gates.elements import Elements
from ablations.code.gates.exceptions import Exceptions
from ablations.code.gates.exits import Exits
from ablations.code.gates.gone import Gone
from ablations.code.gates.metric import Metric
from ablations.code.gates.null import Null
from ablations.code.gates.path import Path
from ablations.code.gates.replacement import Replacement
from ablations.code.gates.scope import Scope
from ablations.code.gates.seed import Seed
from ablations.code.gates.split import Split
from ablations.code.gates.syntax import Syntax

GATES: tuple[type[Gate], ...] = (
    *(Syntax, Exits, Exceptions, Seed, Split, Metric, Computed, Scope, Gone, Replacement, Elements, Path, Null),
)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What all gates say.

    Attributes:
        of_source: The verdicts on the documents, in the order of the gates. After a refusal by `syntax` there are no
            others.
        of_runs: The verdicts on the runs; empty while the source is refused, or nothing has run.
    """

    of_source: tuple[Verdict, ...]
    of_runs: tuple[Verdict, ...] = ()

    @property
    def may_run(self) -> bool:
        """Whether the source passed, so that a run is worth its cost."""
        return all(verdict.accepted for verdict in self.of_source)

    @property
    def accepted(self) -> bool:
        """Whether everything passed. An ablation that has not run is not accepted."""
        return self.may_run and bool(self.of_runs) and not self.refusals

    @property
    def refusals(self) -> tuple[Verdict, ...]:
        """The verdicts that refuse, in order."""
        return tuple(verdict for verdict in (*self.of_source, *self.of_runs) if not verdict.accepted)

    @property
    def reason(self) -> str:
        """All reasons in one line; empty if there are none."""
        return "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in self.refusals)


def judge(case: Case) -> Ruling:
    """Ask all gates about a case: about its source, and, if that passes and there are runs, about those."""
    gates = [kind() for kind in GATES]
    syntax = Verdict(gates[0].name, gates[0].of_source(case) or "")
    if not syntax.accepted:
        return Ruling((syntax,))
    of_source = (syntax, *(Verdict(gate.name, gate.of_source(case) or "") for gate in gates[1:]))
    if case.runs is None or not all(verdict.accepted for verdict in of_source):
        return Ruling(of_source)
    return Ruling(of_source, tuple(Verdict(gate.name, gate.of_runs(case, case.runs) or "") for gate in gates))
