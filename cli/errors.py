"""From an exception to what the user reads: one paragraph and an exit code, or a traceback with --debug."""

import sys
import traceback
from collections.abc import Callable

from ablations.errors import AblationError
from cli.console import error_console
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
            traceback.print_exc()
        else:
            error_console().print(f"[bold red]Error:[/] {_one_line(error)}", soft_wrap=True, highlight=False)
            _show_notes(error)
        return BAD_INPUT
    except Exception as error:  # noqa: BLE001  the process's boundary: the bug is shown, not hidden
        if debug:
            traceback.print_exc()
        else:
            error_console().print(
                f"[bold red]Internal error:[/] {type(error).__name__}: {_one_line(error)}\n"
                "This is a fault of Espalier. Run the same command with --debug for the traceback.",
                soft_wrap=True,
                highlight=False,
            )
            _show_notes(error)
        return BUG
    finally:
        sys.stdout.flush()


def _show_notes(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        error_console().print(note, soft_wrap=True, highlight=False, markup=False)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).replace("[", "\\[")
