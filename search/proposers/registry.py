"""The arms by name. A new arm is a file and a line here."""

from difflib import get_close_matches

from search.errors import ConfigError
from search.proposers.base import Proposer
from search.proposers.random import RandomProposer
from search.proposers.rules import RulesProposer
from search.proposers.tpe import TPEProposer

CLASSICAL: dict[str, type[Proposer]] = {
    RulesProposer.name: RulesProposer,
    RandomProposer.name: RandomProposer,
    TPEProposer.name: TPEProposer,
}
"""Arms that need nothing but the search space."""
LLM = "llm"


def check_proposer(name: str) -> None:
    """Raise ConfigError for a name that is no arm."""
    known = [*CLASSICAL, LLM]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"There is no proposer {name!r}: {hint}known are {', '.join(known)}.")
