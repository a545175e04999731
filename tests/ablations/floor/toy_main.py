"""The toy as a verb, in a process of its own. With `TOY_KILL_AT` it is killed after so many events, by SIGKILL."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import typer

from ablations.floor.running.place import Place
from cli.errors import run_guarded
from cli.option_types import ConfigOption, JsonTablesOption
from cli.options import options_of
from cli.studying import OnlyReportOption, OutputOption, RetryOption, run_study
from tests.ablations.floor.toy import Toy, ToyOptions
from tracking.events import Event
from tracking.ledger import Ledger
from tracking.payloads import Payload


@options_of(Place)
@options_of(ToyOptions)
def command(
    output: OutputOption = Path("toy"),
    only_report: OnlyReportOption = False,
    retry_failed: RetryOption = False,
    config: ConfigOption = None,
    as_json: JsonTablesOption = False,
    **given: Any,
) -> None:
    """Throw a die."""
    run_study(Toy(), output, given, config=config, only_report=only_report, retry_failed=retry_failed, as_json=as_json)


def main(arguments: list[str]) -> int:
    """Run the verb as `cli.main` does."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    verb = typer.main.get_command(app)

    def run() -> int:
        code = verb(arguments, standalone_mode=False)
        return code if isinstance(code, int) else 0

    return run_guarded(run, debug=False)


def _kill_at(count: int) -> None:
    """Die at once when so many events are on the disk."""
    record = Ledger.record

    def recording(self: Ledger, payload: Payload) -> Event:
        event = record(self, payload)
        if event.seq == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return event

    Ledger.record = recording  # type: ignore[method-assign]


if __name__ == "__main__":
    if "TOY_KILL_AT" in os.environ:
        _kill_at(int(os.environ["TOY_KILL_AT"]))
    sys.exit(main(sys.argv[1:]))
