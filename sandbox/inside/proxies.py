"""What stands for the judged program in the referee: names that ask over the line, and objects that stay over there."""

import builtins
import contextlib
from collections.abc import Iterator
from typing import Any

from sandbox.inside.messages import Line, LineError, LineGoneError
from sandbox.inside.values import pack, unpack


class ProgramError(Exception):
    """What the judged program raised, where it is no built-in exception."""


class ProgramGoneError(BaseException):
    """The program ended, or answers nonsense. No check may catch it as an error of the program's."""


class UnsuitableCheckError(BaseException):
    """A check asks what cannot be asked from outside. The fault is the check's."""


class Asking:
    """The referee's end of the line to the program."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def load(self) -> None:
        """Have the solution loaded.

        Raises:
            Exception: what it raised.
        """
        self._asked({"ask": "load"})

    def name(self, name: str) -> Any:
        """What the program defined under a name."""
        return self._asked({"ask": "name", "name": name})

    def about(self, question: str, handle: int, *arguments: Any) -> Any:
        """Ask for an operation on an object of the program's."""
        return self._asked({"ask": question, "on": handle, "with": [pack(one, _handle_of) for one in arguments]})

    def call(self, handle: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call an object of the program's."""
        given = [pack(argument, _handle_of) for argument in arguments]
        more = {name: pack(value, _handle_of) for name, value in named.items()}
        return self._asked({"ask": "call", "on": handle, "with": given, "named": more})

    def _asked(self, question: dict[str, Any]) -> Any:
        try:
            answer = self._answer(question)
            if "error" not in answer:
                return unpack(answer["value"], lambda number, kind: Distant(self, number, kind))
            error_of_it = dict(answer["error"])
        except LineError as error:
            raise ProgramGoneError(str(error)) from error
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
            raise ProgramGoneError(f"its answer is no value: {type(error).__name__}") from error
        raise _as_raised(error_of_it)

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            self._line.send(question)
            return self._line.receive()
        except LineGoneError as error:
            raise ProgramGoneError("the program ended before it was judged") from error


class Distant:
    """An object that stays with the program. It can be used, but it equals nothing: its own `__eq__` has no say."""

    __slots__ = ("_asking", "_handle", "_kind")

    def __init__(self, asking: Asking, handle: int, kind: str) -> None:
        object.__setattr__(self, "_asking", asking)
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "_kind", kind)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Have the program call it."""
        return self._asking.call(self._handle, arguments, named)

    def __getattr__(self, name: str) -> Any:
        return self._asking.about("get", self._handle, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._asking.about("set", self._handle, name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._asking.about("item", self._handle, key)

    def __contains__(self, item: Any) -> bool:
        return self._asking.about("contains", self._handle, item) is True

    def __iter__(self) -> Iterator[Any]:
        distant = self._asking.about("iter", self._handle)
        if not isinstance(distant, Distant):
            raise ProgramGoneError("its answer is no iterator")
        while True:
            found = self._asking.about("next", object.__getattribute__(distant, "_handle"))
            if not isinstance(found, list) or not found:
                return
            yield found[0]

    def __len__(self) -> int:
        length = self._asking.about("len", self._handle)
        return length if isinstance(length, int) else 0

    def __bool__(self) -> bool:
        return self._asking.about("truth", self._handle) is True

    def __str__(self) -> str:
        return f"{self._asking.about('str', self._handle)}"

    def __repr__(self) -> str:
        return f"<{self._kind} of the program>"

    def __eq__(self, other: object) -> bool:
        raise TypeError(f"an object of the program's own type {self._kind} cannot be compared")

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__

    def __hash__(self) -> int:
        raise TypeError(f"an object of the program's own type {self._kind} cannot be hashed")


def _handle_of(value: Any) -> int:
    if isinstance(value, Distant):
        return int(object.__getattribute__(value, "_handle"))
    raise UnsuitableCheckError(
        f"the check gives the program an object of type {type(value).__name__}; only data travels"
    )


def _as_raised(about: dict[str, Any]) -> Exception:
    """The exception to raise for what the program raised: of the same type where that is a built-in one."""
    name, message = str(about.get("type")), str(about.get("message"))
    kind = getattr(builtins, name, None)
    error: Exception = ProgramError(f"{name}: {message}")
    if isinstance(kind, type) and issubclass(kind, Exception):
        with contextlib.suppress(TypeError):  # some want more than a message
            error = kind(message)
    error.program = about  # type: ignore[attr-defined]
    return error


def program_error(error: BaseException) -> dict[str, Any] | None:
    """What the program said of an exception that it raised; None of one that is ours."""
    found = getattr(error, "program", None)
    return found if isinstance(found, dict) else None
