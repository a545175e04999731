"""The verb `search`."""

from typing import Any

import typer

from cli.option_types import ConfigOption
from cli.options import options_of
from ground.importing import without_collection
from search.setup.config import RunConfig, load_config


@options_of(RunConfig)
def command(config: ConfigOption = None, **given: Any) -> None:
    """Find which channels to cut for a MAC budget, fine-tune the result, and report how it was found."""
    with without_collection():
        from cli.running import exit_code, start_run

    raise typer.Exit(exit_code(start_run(load_config(config, given))))
