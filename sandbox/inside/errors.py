"""An exception of the judged program as data, and the outcome that it stands for.

It is the program's own word: it can make a failure look like another failure, never like a success.
"""

import errno
from collections.abc import Mapping
from typing import Any

from sandbox.inside.outcomes import Outcome

_LONGEST_MESSAGE, _LONGEST_TRACE = 2_000, 20_000
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_NO_THREAD = "can't start new thread"


def described(error: BaseException, own_folder: str) -> dict[str, Any]:
    """Describe an exception: type, message, number, exit code and trace.

    Args:
        error: what was raised.
        own_folder: the folder of the sandbox's own code, whose frames are left out of the trace.
    """
    return {
        "type": _text_of(lambda: type(error).__name__, "Exception"),
        "message": _text_of(lambda: str(error), "")[:_LONGEST_MESSAGE],
        "errno": error.errno if isinstance(error, OSError) and isinstance(error.errno, int) else None,
        "code": _exit_code(error) if isinstance(error, SystemExit) else None,
        "trace": _text_of(lambda: _trace(error, own_folder), "")[-_LONGEST_TRACE:],
    }


def outcome_of(error: Mapping[str, Any]) -> Outcome:
    """The outcome that a described exception stands for."""
    name, number = error.get("type"), error.get("errno")
    if name == "MemoryError" or number == errno.ENOMEM:
        return Outcome.OUT_OF_MEMORY
    if number in _NO_ROOM:
        return Outcome.OUT_OF_DISK
    if (name == "BlockingIOError" and number == errno.EAGAIN) or error.get("message") == _NO_THREAD:
        return Outcome.TOO_MANY_PROCESSES
    if name == "SystemExit" and error.get("code") == 0:
        return Outcome.NO_VERDICT
    return Outcome.FAILED


def sentence(error: Mapping[str, Any]) -> str:
    """A described exception on one line, as the last line of its trace has it."""
    if error.get("type") == "SystemExit":
        return f"the program ended itself with exit code {error.get('code')}"
    message = str(error.get("message") or "")
    return f"{error.get('type')}: {message}" if message else str(error.get("type"))


def _exit_code(error: SystemExit) -> int:
    """The exit code that Python would end with."""
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1


def _trace(error: BaseException, own_folder: str) -> str:
    import traceback

    frame = error.__traceback__
    while frame is not None and _is_ours(frame.tb_frame.f_code.co_filename, own_folder):
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame))


def _is_ours(file: str, own_folder: str) -> bool:
    return file.startswith(own_folder)


def _text_of(make: Any, otherwise: str) -> str:
    """The text that a function returns. The objects are the program's: what they raise is no fault of ours."""
    try:
        text = make()
    except BaseException:  # noqa: BLE001 - the program's own __str__ may raise anything, and its code ran anyway
        return otherwise
    return str.__str__(text) if isinstance(text, str) else otherwise
