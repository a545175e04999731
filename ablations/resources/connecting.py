"""The models of a study, connected: the user's own, and the scripted pair."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from ablations.floor.journal import Facts
from ablations.resources.metering.pool import Meters
from ablations.resources.models.connecting import connect_models
from ablations.resources.models.model import ModelUnderTest
from ablations.resources.models.server_pids import server_pids
from ablations.resources.options import ResourcesOptions
from ablations.resources.rehearsal.client import is_rehearsal, rehearsal_client
from ablations.resources.tasks.task import TaskSet
from llm_clients.options import ClientOptions
from llm_clients.prices import load_prices
from llm_clients.spend_limit import SpendLimit


@contextmanager
def connected(
    options: ResourcesOptions, tasks: TaskSet, entries: Mapping[str, Facts]
) -> Iterator[Mapping[str, ModelUnderTest]]:
    """Yield every model by its name, and close them all.

    Args:
        options: Of the study.
        tasks: That the scripted pair has to know.
        entries: Of the journal: what was spent before counts against the limit.

    Raises:
        LLMConfigurationError: A model cannot be connected to.
        ModelNamesError: The process of a server is named wrongly.
    """
    pids, prices = server_pids(options.server_pid, options.named), load_prices(options.prices)
    meters, client_options = Meters(), ClientOptions(budget=_limit(options, entries), sample_server=False)
    with ExitStack() as opened:
        found = {}
        for model in options.named:
            if is_rehearsal(model.llm):
                client = rehearsal_client(model.llm, tasks, client_options)
                one = ModelUnderTest(model, client, meters.of(client.endpoint))
            else:
                of_model = connect_models([model], pids=pids, meters=meters, options=client_options, prices=prices)
                one = of_model[model.name]
            opened.callback(one.close)
            found[model.name] = one
        yield found


def _limit(options: ResourcesOptions, entries: Mapping[str, Facts]) -> SpendLimit | None:
    if options.max_cost is None:
        return None
    spent = sum(facts["cost_usd"] or 0.0 for key, facts in entries.items() if key.startswith("call/"))
    return SpendLimit(max_cost_usd=options.max_cost, spent_usd=spent)
