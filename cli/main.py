"""How an argument list becomes one of the verbs of `launch.py`."""

import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from cli.errors import run_guarded
from cli.lazy import group_of
from cli.spelling import DEBUG, normalise
from cli.verbs import VERBS
from pruning.errors import UntrustedFactoryError

HELP = (
    "Cut a trained vision model down to an exact compute budget. With no verb: search, on the built-in demo. "
    "Every verb takes --help, and --debug for the traceback of an error."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: the arguments behind the program's name; None takes those of this process.

    Returns:
        The exit code: 0 done, 2 bad input, 130 interrupted, 1 a fault of Espalier.
    """
    _prepare_process()
    arguments = normalise(sys.argv[1:] if argv is None else argv)
    rest = [argument for argument in arguments if argument != DEBUG]
    return run_guarded(lambda: _run(rest), debug=DEBUG in arguments)


def _prepare_process() -> None:
    # fvcore traces through torch.jit, which torch now calls deprecated: a user can do nothing about it.
    warnings.filterwarnings("ignore", message=".*torch.jit.*", category=FutureWarning)
    # Threads that spin while they wait slow torch tenfold as soon as another process needs a core. Read on torch's
    # import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # A user's own factory (`module:factory`) lies where the command is given, wherever Espalier is installed.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))


def _run(arguments: list[str]) -> int:
    try:
        group_of(VERBS, text=HELP)(arguments, prog_name="launch.py")
    except UntrustedFactoryError as error:
        command = shlex.join(["python", "launch.py", *arguments])
        raise error.answered_by(f"{command} {error.given()}") from None
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    return 0
