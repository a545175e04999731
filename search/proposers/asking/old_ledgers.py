"""What ledgers did not record in the past and can still be recovered from what they did record."""

import json

from llm_clients.request import Request
from search.space.strategy import Strategy
from tracking.kinds import Ranking


def points_from_prompt(request: Request, round_to: int) -> tuple[Strategy, ...]:
    """The optimiser's points that a call of `hybrid` showed, from before `llm_call` recorded them as `points`.

    They stand in the prompt to the last digit. Drawing them again would give other digits where numpy or the CMA-ES
    library has changed since.

    Args:
        request: as recorded by `hybrid`.
        round_to: the run's rounding, which prompts do not state.
    """
    block = request.messages[0].content.split(_OPENING, 1)[1].split(_CLOSING, 1)[0]
    points = [json.loads(line) for line in block.splitlines()]
    return tuple(
        Strategy(tuple(point["keep"]), point["importance"], round_to, Ranking(point["ranking"])) for point in points
    )


# Copies of what was written at that time: these stay as they are when the prompt changes.
_OPENING = "the optimiser's next points:\n<data>\n"
_CLOSING = "\n</data>"
