"""A rehearsal's script, held against the model that is searched before anything is spent on it."""

from pathlib import Path

from llm_clients.scripted.script import load_script
from search.errors import ConfigError

_PREFIX = "scripted:"


def check_rehearsal(llm: str | None, model: str, *, sets: int) -> None:
    """Check that the answers of a scripted model fit the model that is searched.

    Args:
        llm: as `--llm` names it; only a scripted one is looked at.
        model: that is searched.
        sets: its isomorphic sets.

    Raises:
        ConfigError: the script was made for a model with another number of sets.
    """
    if llm is None or not llm.startswith(_PREFIX):
        return
    made_for = load_script(Path(llm.removeprefix(_PREFIX))).made_for
    if made_for is not None and made_for.sets != sets:
        raise ConfigError(
            f"--llm {llm} is a rehearsal made for {made_for.model}: each of its strategies has {made_for.sets} keep "
            f"ratios, and {model} has {sets} isomorphic sets. Rehearse with --model {made_for.model}, or with "
            "--llm scripted:any, which improvises for any model."
        )
