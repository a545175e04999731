"""From an exception to what the user reads: one paragraph and an exit code, or a traceback with --debug."""

from collections.abc import Callable

from ablations.errors import AblationError
from cli.console import say_error, say_note, say_trace
from cli.logs import traceback_text
from cli.screen import close_quietly
from llm_clients.errors import LLMError
from pruning.errors import PruningError
from search.errors import SearchError
from tracking.errors import TrackingError
from trainers.errors import TrainerError

BAD_INPUT = 2
BUG = 1
USER_ERRORS = (PruningError, LLMError, TrackingError, TrainerError, SearchError, AblationError)


def run_guarded(command: Callable[[], int], *, debug: bool) -> int:
    """Run a command, and explain an error in a paragraph.

    Args:
        command: returns its exit code.
        debug: whether to show the traceback instead.

    Returns:
        The command's own exit code, 2 for a mistake of the user, 1 for a bug.
    """
    try:
        return command()
    except USER_ERRORS as error:
        if debug:
            say_trace(traceback_text(error))
        else:
            say_error("Error:", _one_paragraph(error))
            _show_notes(error)
        return BAD_INPUT
    except Exception as error:  # noqa: BLE001  the process's boundary: the bug is shown, not hidden
        if debug:
            say_trace(traceback_text(error))
        else:
            say_error("Internal error:", f"{type(error).__name__}: {_one_paragraph(error)}")
            say_note("This is a fault of Espalier. Run the same command with --debug for the traceback.")
            _show_notes(error)
        return BUG
    finally:
        close_quietly()


def _show_notes(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        for line in str(note).splitlines():
            say_note(line)


def _one_paragraph(error: BaseException) -> str:
    return " ".join(str(error).split())
