"""Is the component really gone?"""

import ast
from collections import Counter
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case, Runs
from ablations.code.gates.operations import every_operation, operations
from ablations.code.running.facts import ModuleFacts, RunFacts
from ablations.code.source.annotations import Kind
from ablations.code.source.names import bound_by, dotted


class Gone(Gate):
    """In the source and in the run.

    Of an explicit component nothing may be left that it did: none of its calls and operators (or values, if it has
    neither) stands in its place. Of a hint at least one has to be gone, and none may be new. In the run, a module that
    the component made is no longer there or has no parameters, one that it called is called less often, no module is
    new that learns, and something differs at all.
    """

    name: ClassVar[str] = "gone"
    question: ClassVar[str] = "Is the component really gone?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        old, new = case.old_nodes(), case.replacement()
        if [ast.dump(node) for node in old] == [ast.dump(node) for node in new]:
            return f"nothing was removed: {case.component.name} is as it was"
        did = operations(old)
        if case.component.kind is Kind.HINT:
            return self._of_hint(did, operations_like(did, new))
        left = sorted(set(did) & set(every_operation(new)))
        return f"{case.component.name} is still there: {', '.join(left)}" if left else None

    def _of_hint(self, did: Counter[str], does: Counter[str]) -> str | None:
        if not did - does:
            return "nothing of the block was removed: it still does all that it did"
        if more := does - did:
            return f"in place of the block there is more of {', '.join(sorted(more))} than it had"
        return None

    def of_runs(self, case: Case, runs: Runs) -> str | None:
        """Judge what the runs reported."""
        original, ablated = runs.original, runs.ablated
        if _trace(original) == _trace(ablated):
            return "the run shows no difference: the same figures, modules, calls and columns as the original's"
        new = _learning(ablated) - _learning(original) - _narrower(original, ablated)
        if new:
            kind, parameters = next(iter(new))
            return f"the model has a new {kind} with {parameters} parameters in place of the component"
        if case.component.kind is Kind.HINT:
            return None
        return self._modules_left(case, original, ablated)

    def _modules_left(self, case: Case, original: RunFacts, ablated: RunFacts) -> str | None:
        nodes = case.old_nodes()
        for name in sorted({name.removeprefix("self.") for name in bound_by(nodes) if name.startswith("self.")}):
            left = [found for found in _named(ablated, name) if found.parameters and found.calls]
            if left and _weight(ablated, name) >= _weight(original, name):
                return (
                    f"the module {left[0].path} ({left[0].kind}) is still there, with {left[0].parameters} parameters"
                )
        called = {dotted(node.func) for root in nodes for node in ast.walk(root) if isinstance(node, ast.Call)}
        for name in sorted(name.removeprefix("self.") for name in called if name and name.startswith("self.")):
            before, after = _calls(original, name), _calls(ablated, name)
            if 0 < before <= after:
                return f"the module {name} is called {after} times, and was called {before} times"
        return None


def operations_like(did: Counter[str], nodes: tuple[ast.AST, ...]) -> Counter[str]:
    """Count what code does, in the terms in which the component was counted."""
    return Counter({key: count for key, count in every_operation(nodes).items() if key in did})


def _trace(run: RunFacts) -> tuple[object, ...]:
    return (run.reports, run.modules, run.columns)


def _learning(run: RunFacts) -> Counter[tuple[str, int]]:
    return Counter((module.kind, module.parameters) for module in run.modules if module.parameters)


def _narrower(original: RunFacts, ablated: RunFacts) -> Counter[tuple[str, int]]:
    """The modules that are as before but smaller, where the data has fewer columns: the first layer of a network."""
    if ablated.columns >= original.columns:
        return Counter()
    before = {(module.path, module.kind): module.parameters for module in original.modules}
    smaller = (one for one in ablated.modules if one.parameters < before.get((one.path, one.kind), 0))
    return Counter((module.kind, module.parameters) for module in smaller)


def _named(run: RunFacts, name: str) -> list[ModuleFacts]:
    """The modules of a name, and those inside them."""
    return [module for module in run.modules if f".{name}." in f".{module.path}."]


def _weight(run: RunFacts, name: str) -> int:
    return sum(module.parameters for module in _named(run, name))


def _calls(run: RunFacts, name: str) -> int:
    return sum(module.calls for module in run.modules if f".{module.path}".endswith(f".{name}"))
