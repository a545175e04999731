"""Does the script still run to its end?"""

import ast
from collections import Counter
from typing import ClassVar

from ablations.code.gates.added import added, places
from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case, Runs
from ablations.code.running.facts import Ended, RunFacts
from ablations.code.source.names import callee, dotted

_LEAVING = frozenset(
    {
        *("exit", "quit", "_exit", "abort", "kill", "killpg", "raise_signal", "register", "alarm", "setitimer"),
        *("SystemExit", "KeyboardInterrupt", "terminate", "signal"),
        *("execv", "execve", "execl", "execvp", "fork", "set_trace", "breakpoint"),
    }
)


class Exits(Gate):
    """No new way out: calls that end the process, raised exceptions, and returns or breaks that come earlier."""

    name: ClassVar[str] = "exits"
    question: ClassVar[str] = "Does the script run to its end?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        for file, old, new in case.pairs():
            if more := added(old, new, _leaves):
                return f"the script leaves early on {places(file, more)}"
            before, after = _jumps(old), _jumps(new)
            for where, kind in [*(after - before)][-1:]:  # the innermost function is the last one
                return f"{where} in {file} has a new {kind}"
        return None

    def of_runs(self, case: Case, runs: Runs) -> str | None:
        """Judge what the runs reported."""
        for what, run in (("original", runs.original), ("null ablation", runs.null), ("ablated script", runs.ablated)):
            if run.ended is not Ended.RETURNED and not _is_its_way(run, runs.original):
                return f"the {what} did not run to its end: {run.ended.value}{f' ({run.detail})' if run.detail else ''}"
        return None


def _is_its_way(run: RunFacts, original: RunFacts) -> bool:
    """Whether a run left by the exit without an error that the original itself ends with."""
    return run.ended is original.ended is Ended.EXITED and run.detail == original.detail == ""


def _leaves(node: ast.AST) -> bool:
    match node:
        case ast.Call():
            return callee(node) in _LEAVING
        case ast.Raise():
            return True
        case ast.Attribute():
            return dotted(node) in ("sys.exit", "os._exit", "os.abort", "atexit.register")
    return False


def _jumps(tree: ast.Module) -> Counter[tuple[str, str]]:
    """How many returns, breaks and so on each function has; those of inner functions count for the outer ones too."""
    found: Counter[tuple[str, str]] = Counter()
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.Module):
            jumps = (node for node in ast.walk(scope) if isinstance(node, _JUMPS))
            found.update((getattr(scope, "name", "the script"), type(node).__name__.lower()) for node in jumps)
    return found


_JUMPS = (ast.Return, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom)
