"""The rules of a session, from the configuration."""

from search.control.deadline import Deadline
from search.control.halving import Halving
from search.control.master import Limits
from search.control.rules import Rules
from search.setup.preparation import Prepared


def session_rules(prepared: Prepared) -> Rules:
    """Return how the session is to play."""
    config = prepared.config
    return Rules(
        limits=Limits(config.trials, config.max_revisions),
        halving=Halving(config.eta),
        projection=config.projection,
        rungs=len(prepared.proxy_recipe.rungs),
        deadline=Deadline(config.trial_timeout),
    )
