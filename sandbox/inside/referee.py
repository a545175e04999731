"""The process of the referee: it runs the checks, and asks the program over a line for what they use of it.

The program never sees a check, nor what it expects, and the referee never runs the program's code. So a check passes
only if the values are right.
"""

import ast
import builtins
import contextlib
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sandbox.inside import process_control
from sandbox.inside.confinement import confine
from sandbox.inside.errors import described, outcome_of, sentence
from sandbox.inside.messages import Line
from sandbox.inside.outcomes import Outcome
from sandbox.inside.program import OWN_FOLDER
from sandbox.inside.proxies import Asking, ProgramGoneError, UnsuitableCheckError, program_error

_LEFT = "_left_side"
_LONGEST_DETAIL, _LONGEST_TRACE = 500, 20_000


def become_referee(line: Line, report_fd: int, job: dict[str, Any]) -> int:
    """Run the job's set-up and checks, and write one line of JSON for each to the report.

    The last line says `done`. Where it is missing, the run ended before the checks did.
    """
    setup = job["program"]
    user = None if setup["user"] is None else setup["user"] + 1
    confine(user, setup["limits"], own_user=setup["own_user"], isolated=setup["isolated"])
    process_control.hide()
    sys.path.extend(setup["libraries"])
    referee = Referee(line, job["names"])
    for found in referee.judged(job["setup"], job["checks"]):
        _write(report_fd, found)
    _write(report_fd, {"done": True})
    return 0


class Referee:
    """Judges one program.

    Args:
        line: to the program.
        names: what checks take from the program even if a built-in has the same name.
    """

    def __init__(self, line: Line, names: list[str]) -> None:
        self._asking = Asking(line)
        self._names = frozenset(names)
        self._namespace: dict[str, Any] = {"__name__": "__checks__"}

    def judged(self, setup: str, checks: list[str]) -> Iterator[dict[str, Any]]:
        """Load the program, run the set-up, then yield a finding for each check: `check`, `outcome`, `detail`, `trace`.

        A finding with check -1 is about loading or the set-up, and ends it all.
        """
        before = self._finding(-1, self._asking.load) or self._finding(-1, lambda: self._execute(setup))
        if before:
            yield before
            return
        for place, check in enumerate(checks):
            self._namespace.pop(_LEFT, None)
            found = self._finding(place, partial(self._execute, check))
            yield found or _finding(place, Outcome.PASSED, "")
            if found and found["outcome"] in (Outcome.NO_VERDICT, Outcome.INFRASTRUCTURE):
                return

    def _finding(self, place: int, step: Callable[[], None]) -> dict[str, Any] | None:
        """What is wrong with a step, or None."""
        try:
            step()
        except ProgramGoneError as error:
            return _finding(place, Outcome.NO_VERDICT, str(error))
        except UnsuitableCheckError as error:
            return _finding(place, Outcome.INFRASTRUCTURE, str(error))
        except Exception as error:  # noqa: BLE001 - the boundary to the checks, in which a program's errors arrive
            about = program_error(error)
            if about is None and isinstance(error, AssertionError):
                return _finding(place, Outcome.FAILED, self._describe(error))
            about = about or described(error, OWN_FOLDER) | {"trace": ""}
            return _finding(place, outcome_of(about), sentence(about), str(about.get("trace", "")))
        return None

    def _describe(self, error: AssertionError) -> str:
        # To show a value of the program's may mean to ask the program, or to show a number of a million digits.
        with contextlib.suppress(Exception, ProgramGoneError):
            if _LEFT in self._namespace:
                return f"the assertion does not hold: its left side is {self._namespace[_LEFT]!r}"
        return f"the assertion does not hold{f': {error}' if str(error) else ''}"

    def _execute(self, source: str) -> None:
        tree = _parsed(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._resolve(node.id)
        for statement in tree.body:
            if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Compare):
                compared = statement.test
                compared.left = ast.NamedExpr(target=ast.Name(id=_LEFT, ctx=ast.Store()), value=compared.left)
        code = compile(ast.fix_missing_locations(tree), "<check>", "exec")
        exec(code, self._namespace)  # noqa: S102 - checks come from the task, not from the program

    def _resolve(self, name: str) -> None:
        """Find what a name of a check means: ours before the program's, unless it is declared to be the program's."""
        if name in self._namespace or (name not in self._names and hasattr(builtins, name)):
            return
        if name not in self._names and name in sys.stdlib_module_names:
            self._namespace[name] = importlib.import_module(name)
            return
        try:
            self._namespace[name] = self._asking.name(name)
        except AttributeError:
            if name in self._names:  # otherwise a built-in of that name would take its place
                raise NameError(f"name {name!r} is not defined") from None
            return  # a name that the check itself defines, or that nobody does


def _finding(place: int, outcome: Outcome, detail: str, trace: str = "") -> dict[str, Any]:
    return {"check": place, "outcome": outcome, "detail": _short(detail), "trace": trace[-_LONGEST_TRACE:]}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]}…"


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise UnsuitableCheckError(f"the check is no Python: {error}") from error


def _write(fd: int, message: dict[str, Any]) -> None:
    data = memoryview(json.dumps(message).encode("ascii") + b"\n")
    while data:
        data = data[os.write(fd, data) :]
