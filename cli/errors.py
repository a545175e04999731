"""From an exception to what the user reads: one paragraph and an exit code, or a traceback with --debug."""

import errno
import re
from collections.abc import Callable, Mapping

from ablations.floor.errors import AblationError
from cli.console import say_error, say_note, say_trace
from cli.logs import traceback_text
from cli.screen import close_quietly
from llm_clients.errors import LLMError
from pruning.errors import PruningError
from search.errors import SearchError
from tracking.errors import TrackingError
from trainers.errors import TrainerError

BAD_INPUT = 2
INTERRUPTED = 130
BUG = 1
AGAIN = "It had not come to its end: the same command begins again."


class Interrupted(Exception):  # noqa: N818  it is no error
    """A verb was ended by Ctrl-C or SIGTERM. Its text says what is kept, and how to go on.

    A KeyboardInterrupt would not come as far as this boundary: Typer makes an exit code of it, without a word.
    """


USER_ERRORS = (PruningError, LLMError, TrackingError, TrainerError, SearchError, AblationError)


def run_guarded(command: Callable[[], int], *, debug: bool) -> int:
    """Run a command, and explain an error in a paragraph.

    Args:
        command: returns its exit code.
        debug: whether to show the traceback instead.

    Returns:
        The command's own exit code, 2 for a mistake of the user, 130 where the user ended it, 1 for a bug.
    """
    try:
        return command()
    except (Interrupted, KeyboardInterrupt) as ended:
        if debug:
            say_trace(traceback_text(ended))
        say_error("Interrupted.", str(ended) if isinstance(ended, Interrupted) else AGAIN)
        return INTERRUPTED
    except USER_ERRORS as error:
        if debug:
            say_trace(traceback_text(error))
        else:
            say_error("Error:", _one_paragraph(error))
            _show_notes(error)
        return BAD_INPUT
    except (OSError, MemoryError, RuntimeError) as error:
        told = _machine_s(error)
        if told is None:
            return _bug(error, debug=debug)
        if debug:
            say_trace(traceback_text(error))
        else:
            say_error("Error:", told)
            _show_notes(error)
        return BAD_INPUT
    except Exception as error:  # noqa: BLE001  the process's boundary: the bug is shown, not hidden
        return _bug(error, debug=debug)
    finally:
        close_quietly()


def _bug(error: Exception, *, debug: bool) -> int:
    if debug:
        say_trace(traceback_text(error))
    else:
        say_error("Internal error:", f"{type(error).__name__}: {_one_paragraph(error)}")
        say_note("This is a fault of Espalier. Run the same command with --debug for the traceback.")
        _show_notes(error)
    return BUG


def _machine_s(error: Exception) -> str | None:
    """What the machine refused: a file that is not as the user takes it to be, space or memory; None for a bug."""
    if isinstance(error, OSError) and error.errno is not None and error.errno in _REFUSALS:
        place = " and ".join(repr(str(name)) for name in (error.filename, error.filename2) if name is not None)
        return _shortened(f"{place or 'The system'}: {error.strerror}. {_REFUSALS[error.errno]}")
    if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
        return (
            f"There is not enough memory ({_one_paragraph(error)[:_SHOWN]}). Lower the batch size, the input size or "
            "the number of workers."
        )
    return None


_NAME_ANOTHER = "Name another path."
_REFUSALS: Mapping[int, str] = {
    errno.ENOSPC: "Free some space on that disk, and run the same command again.",
    errno.EDQUOT: "Free some of the space that you may use there, and run the same command again.",
    errno.EROFS: _NAME_ANOTHER,
    errno.EACCES: "Name another path, or change its permissions.",
    errno.EPERM: "Name another path, or change its permissions.",
    errno.ENOTDIR: "A part of this path is a file: name another one.",
    errno.EISDIR: "This is a folder: name a file.",
    errno.EEXIST: "This exists already: name another one.",
    errno.ENAMETOOLONG: "Name a shorter path.",
    errno.ELOOP: "Its links lead in a circle: name another path.",
    errno.ENOENT: _NAME_ANOTHER,
    errno.EMFILE: "Raise the limit of open files (`ulimit -n`).",
    errno.EIO: "Check the disk.",
}
"""Errors of the system that no program can prevent, and what to do about each."""
_NO_MEMORY = ("not enough memory", "out of memory", "can't allocate memory", "Cannot allocate memory")
_SHOWN = 200


def _show_notes(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        for line in str(note).splitlines():
            say_note(line)


def _one_paragraph(error: BaseException) -> str:
    return _shortened(" ".join(str(error).split()))


def _shortened(text: str) -> str:
    """The text without the middle of a word of thousands of letters, which was received and is quoted."""
    return _ENDLESS.sub(lambda word: f"{word[0][:_SHOWN]}…{word[0][-_SHOWN // 4 :]}", text)


_ENDLESS = re.compile(r"\S{1000,}")
