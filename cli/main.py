"""How an argument list becomes one of the verbs of `launch.py`."""

import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import typer

from cli import logs
from cli.called import program, program_name
from cli.console import say, say_error
from cli.errors import BAD_INPUT, run_guarded
from cli.keys import take_keys
from cli.lazy import group_of
from cli.spelling import DEBUG, VERSION, normalise
from cli.verbs import VERBS
from ground.rooms import come_first
from ground.version import describe
from pruning.errors import UntrustedFactoryError
from search.errors import UntrustedServerError

HELP = (
    "Cut a trained vision model down to an exact compute budget. With no verb: search, on the built-in demo. "
    "Every verb takes --help, and --debug for the traceback of an error. --version says which Espalier this is."
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
    # Nothing proxies what goes to this machine; the LLM clients see to it themselves, MLflow's reads the variables.
    for name in ("no_proxy", "NO_PROXY"):
        named = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*named, *LOOPBACK]))
    logs.install()
    # A user's own factory (`module:factory`) lies where the command is given, wherever Espalier is installed.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    come_first(sys.path)


def _run(arguments: list[str]) -> int:
    if arguments == [VERSION]:
        say(describe())
        return 0
    take_keys()
    try:
        code = group_of(VERBS, text=HELP)(arguments, prog_name=program_name(), standalone_mode=False)
    except (UntrustedFactoryError, UntrustedServerError) as error:
        raise error.answered_by(f"{program()} {shlex.join(arguments)} {error.given()}") from None
    except SystemExit as leaving:
        code = leaving.code
    except typer.TyperException as error:
        code = _refused(error)
    return code if isinstance(code, int) else 0


def _refused(error: typer.TyperException) -> int:
    """Explain a mistake in the command line, as any other mistake; a group without a verb has shown its help."""
    context: typer.Context | None = getattr(error, "ctx", None)
    if message := error.format_message().strip():
        hint = f" See `{context.command_path} --help`." if context else ""
        say_error("Error:", f"{' '.join(message.split())}{hint}")
    return BAD_INPUT


LOOPBACK = ("localhost", "127.0.0.1", "::1")
