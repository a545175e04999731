"""The arms by name. A new arm is a file and a line here."""

from ground.names import did_you_mean, near_misses
from search.errors import ConfigError
from search.proposers.asking.hybrid import HybridProposer
from search.proposers.asking.llm import LLMProposer
from search.proposers.base import Proposer
from search.proposers.cmaes import CMAESProposer
from search.proposers.grid import GridProposer
from search.proposers.isomorphic import IsomorphicProposer
from search.proposers.knapsack import KnapsackProposer
from search.proposers.random import RandomProposer
from search.proposers.rules import RulesProposer
from search.proposers.tpe import TPEProposer
from search.proposers.uniform import UniformProposer

CLASSICAL: dict[str, type[Proposer]] = {
    RulesProposer.name: RulesProposer,
    UniformProposer.name: UniformProposer,
    IsomorphicProposer.name: IsomorphicProposer,
    KnapsackProposer.name: KnapsackProposer,
    RandomProposer.name: RandomProposer,
    GridProposer.name: GridProposer,
    TPEProposer.name: TPEProposer,
    CMAESProposer.name: CMAESProposer,
}
"""Arms that need nothing but the search space."""
ASKING: dict[str, type[LLMProposer]] = {LLMProposer.name: LLMProposer, HybridProposer.name: HybridProposer}
"""Arms that ask a language model: one model for all calls of an arm."""


def arm_class(name: str) -> type[Proposer]:
    """The class of a known arm."""
    return CLASSICAL.get(name) or ASKING[name]


def check_proposer(name: str) -> None:
    """Check that there is an arm of this name.

    Raises:
        ConfigError: there is none.
    """
    known = [*CLASSICAL, *ASKING]
    if name not in known:
        hint = did_you_mean(near_misses(name, known, most=1))
        raise ConfigError(f"There is no proposer {name!r}: {hint}known are {', '.join(known)}.")
