"""The judged program's side of the checks: it loads the solution, and calls what the referee names on plain values."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from sandbox.inside.errors import described
from sandbox.inside.loading import execute
from sandbox.inside.messages import Line, LineError
from sandbox.inside.values import pack, unpack


class Answering:
    """Answers one question after another until the referee closes the line.

    Args:
        line: to the referee.
        script: path of the solution, which is loaded as a module, not as `__main__`.
        own_folder: whose frames are left out of traces.
    """

    def __init__(self, line: Line, script: str, own_folder: str) -> None:
        self._line, self._script, self._own_folder = line, script, own_folder
        self._module = ModuleType(os.path.basename(script).partition(".")[0])
        self._objects: list[Any] = []

    def serve(self) -> None:
        """Answer until the line ends. What the program raises is an answer."""
        while True:
            try:
                question = self._line.receive()
            except LineError:
                return
            try:
                answer = {"value": self._answered(question)}
                with contextlib.suppress(Exception):  # a program may do to its output what it likes
                    sys.stdout.flush()  # and its process ends by a signal, when the checks are done
            except BaseException as error:  # noqa: BLE001 - the boundary to the judged program; the referee gets it
                answer = {"error": described(error, self._own_folder)}
            with contextlib.suppress(LineError):
                self._send(answer)

    def _send(self, answer: dict[str, Any]) -> None:
        try:
            self._line.send(answer)
        except RecursionError as error:
            self._line.send({"error": described(error, self._own_folder)})

    def _answered(self, question: dict[str, Any]) -> Any:
        asked = question["ask"]
        if asked == "load":
            return execute(self._script, self._module)
        if asked == "name":
            return pack(getattr(self._module, question["name"]), self._handle_of)
        found = self._objects[question["on"]]
        arguments = [unpack(argument, self._object_of) for argument in question["with"]]
        if asked == "call":
            named = {name: unpack(value, self._object_of) for name, value in question["named"].items()}
            return pack(found(*arguments, **named), self._handle_of)
        return pack(_OPERATIONS[asked](found, *arguments), self._handle_of)

    def _handle_of(self, value: Any) -> int:
        self._objects.append(value)
        return len(self._objects) - 1

    def _object_of(self, number: int, _: str) -> Any:
        return self._objects[number]


def _next(iterator: Any) -> list[Any]:
    """The next item in a list, or an empty list at the end."""
    for item in iterator:
        return [item]
    return []


def _contains(container: Any, item: Any) -> bool:
    return item in container


_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "get": getattr,
    "set": setattr,
    "item": lambda container, key: container[key],
    "contains": _contains,
    "iter": iter,
    "next": _next,
    "len": len,
    "truth": bool,
    "str": str,
}
