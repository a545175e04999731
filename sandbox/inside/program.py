"""The process of the judged program: it confines itself, then runs a script, or answers a referee's questions.

It is forked before the job is read, so that neither the nonce nor a check was ever in its memory.
"""

import base64
import contextlib
import os
import sys
from types import ModuleType
from typing import Any

from sandbox.inside.answering import Answering
from sandbox.inside.confinement import confine
from sandbox.inside.errors import described
from sandbox.inside.loading import execute
from sandbox.inside.messages import Line, LineError

OWN_FOLDER = os.path.dirname(__file__)


def become_program(line: Line) -> int:
    """Wait for what to run, run it, and return the exit code of the process.

    The line brings the set-up: `work`, `user`, `own_user`, `isolated`, `limits`, `files`, `script`, `arguments`,
    `libraries`, `environment`, `serve`. The line takes back `confined`, and for a script how it ended.
    """
    try:
        setup = line.receive()
    except LineError:
        return 1  # the supervisor found nothing to run
    try:
        os.setsid()
        confine(setup["user"], setup["limits"], own_user=setup["own_user"], isolated=setup["isolated"])
        _set_the_stage(setup)
    except (OSError, ValueError, KeyError) as error:
        line.send({"confined": False, "detail": f"{type(error).__name__}: {error}"})
        return 1
    line.send({"confined": True})
    if setup["serve"]:
        Answering(line, setup["script"], OWN_FOLDER).serve()
        return 0
    return _run_script(line, setup["script"])


def _set_the_stage(setup: dict[str, Any]) -> None:
    """Write the program's files as the program's user, and give it the paths and the environment that it is to have."""
    work = setup["work"]
    for folder in (work, setup["environment"]["TMPDIR"]):
        os.makedirs(folder, exist_ok=True)
    for name, content in setup["files"].items():
        place = os.path.join(work, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(base64.b64decode(content))
    os.chdir(work)
    os.environ.clear()
    os.environ.update(setup["environment"])
    sys.argv[:] = [setup["script"], *setup["arguments"]]
    # In place of our own folder: all of ours is loaded.
    sys.path[0] = os.path.dirname(os.path.join(work, setup["script"]))
    sys.path.extend(setup["libraries"])
    sys.dont_write_bytecode = True


def _run_script(line: Line, script: str) -> int:
    try:
        execute(script, ModuleType("__main__"))
    except SystemExit as error:
        return _ended_by_exit(line, error)
    except BaseException as error:  # noqa: BLE001 - the boundary to the judged program; the result holds the error
        _say(line, {"error": described(error, OWN_FOLDER)})
        return 1
    _say(line, {"ended": True})
    return 0


def _ended_by_exit(line: Line, error: SystemExit) -> int:
    about = described(error, OWN_FOLDER)
    if isinstance(error.code, str):
        print(error.code, file=sys.stderr)  # noqa: T201 - as Python does where a script ends so
    _say(line, {"error": about})
    return int(about["code"])


def _say(line: Line, message: dict[str, Any]) -> None:
    with contextlib.suppress(LineError):
        line.send(message)
