"""Making the arm that a configuration names: a classical one, or one that asks a language model."""

from llm_clients.client import LLMClient
from search.proposers.asking.calls import CallBook
from search.proposers.asking.llm import CallSettings, LLMProposer
from search.proposers.base import Proposer
from search.proposers.registry import ASKING, CLASSICAL
from search.setup.preparation import Prepared
from search.space.search_space import SearchSpace
from tracking.ledger import Ledger


def make_proposer(prepared: Prepared, space: SearchSpace, ledger: Ledger) -> Proposer:
    """Make the arm of a configuration; the calls of one that asks a model go into the ledger."""
    config = prepared.config
    if prepared.client is None:
        return CLASSICAL[config.arm](space)
    settings = CallSettings(
        config.llm_per_call, config.llm_max_tokens, config.llm_temperature, config.trials, config.llm_ahead
    )
    return make_asking_proposer(config.arm, space, prepared.client, ledger, settings)


def make_asking_proposer(
    name: str, space: SearchSpace, client: LLMClient, ledger: Ledger, settings: CallSettings
) -> LLMProposer:
    """Make an arm that asks a model.

    Args:
        name: of the arm.
        space: what it may choose from.
        client: to be asked; the arm closes it.
        ledger: where its calls are recorded before anything is made of them.
        settings: how it asks.
    """
    return ASKING[name](space, client, CallBook(ledger, space), settings)
