"""An optimiser proposes and an LLM disposes: it sees the optimiser's next points and may override any of them."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ground.problems import describe_problems
from llm_clients.client import LLMClient
from llm_clients.request import Request
from search.proposers.asking.llm import CallRecorder, CallSettings, LLMProposer
from search.proposers.asking.prompt import (
    ADVICE,
    RATIONALE_LENGTH,
    REWORD,
    SYSTEM,
    AnswerError,
    StrategyAnswer,
    closed_object,
    complaint_lines,
    data_block,
    known_blocks,
    read_strategy,
    strategy_fields,
    terms,
)
from search.proposers.cmaes import CMAESProposer
from search.space.history import History
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy
from tracking.kinds import Course, Ranking

POINTS = "the optimiser's next points"

ROLE = """An optimiser (CMA-ES over the log keep ratios) searches the same space. You see its next points before they \
are tried. For each point, `keep` it or `override` it with a strategy of your own: override where the data on the sets \
and the trials tell you more than the optimiser can know. It learns from every trial, yours included."""


class Action(StrEnum):
    """What becomes of one of the optimiser's points."""

    KEEP = "keep"
    OVERRIDE = "override"


class PointAnswer(BaseModel):
    """The verdict on one point. `keep`, `importance` and `ranking` count only when it is overridden."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    point: int
    action: Action
    keep: list[float] = Field(description="keep ratio of each set if overridden, else empty")
    importance: str
    ranking: Ranking
    rationale: str


class Verdicts(BaseModel):
    """What one call gives."""

    model_config = ConfigDict(extra="forbid")

    points: list[PointAnswer]


class HybridProposer(LLMProposer):
    """Each call shows the optimiser's next points, drawn from what may be read by then, beside all that the arm `llm`
    is shown. The points stand in the recorded request, so a resume reads them there and draws none again."""

    name = "hybrid"

    def __init__(self, space: SearchSpace, client: LLMClient, record: CallRecorder, settings: CallSettings) -> None:
        super().__init__(space, client, record, settings)
        self._optimiser = CMAESProposer(space)

    def _request(self, history: History, course: Course, count: int, **options: Any) -> Request:
        self._optimiser.steer(course)
        first = 1 + self._heard * self._settings.per_call
        points = [self._optimiser.propose(first + number, history) for number in range(count)]
        complaint = str(options.pop("complaint"))
        parts = [
            f"Answer for each of the optimiser's {count} points, by number. {terms(self.space)}{ADVICE[course]}",
            *known_blocks(self.space, history),
            data_block(POINTS, "\n".join(_point_line(number, point) for number, point in enumerate(points))),
            *complaint_lines(complaint),
        ]
        return Request.ask(
            "\n\n".join(parts), system=f"{SYSTEM}\n{ROLE}", schema=_schema(self.space), reword=REWORD, **options
        )

    @classmethod
    def read(cls, answer: Mapping[str, Any], request: Request, space: SearchSpace) -> Sequence[tuple[Strategy, str]]:
        return read_verdicts(answer, points_of(request, space), space)


def points_of(request: Request, space: SearchSpace) -> list[Strategy]:
    """The optimiser's points as a request shows them: the inverse of what `HybridProposer` writes there."""
    block = request.messages[0].content.split(f"{POINTS}:\n<data>\n", 1)[1].split("\n</data>", 1)[0]
    points = [json.loads(line) for line in block.splitlines()]
    return [
        Strategy(tuple(point["keep"]), point["importance"], space.round_to, Ranking(point["ranking"]))
        for point in points
    ]


def read_verdicts(
    value: Mapping[str, Any], points: Sequence[Strategy], space: SearchSpace
) -> tuple[tuple[Strategy, str], ...]:
    """One strategy for each point, kept or overridden, with its rationale.

    Raises:
        AnswerError: a point is missing, unknown or answered twice, or an override is no strategy of this space.
    """
    try:
        verdicts = {verdict.point: verdict for verdict in Verdicts.model_validate(value).points}
    except ValidationError as error:
        problems = describe_problems(error, "the answer")
        raise AnswerError(f"the answer does not fit the schema ({problems})") from None
    if sorted(verdicts) != list(range(len(points))) or len(value["points"]) != len(points):
        answered = ", ".join(str(entry["point"]) for entry in value["points"]) or "none"
        raise AnswerError(f"each point from 0 to {len(points) - 1} wants one answer, and answered were {answered}")
    return tuple(_settled(point, verdicts[number], space) for number, point in enumerate(points))


def _settled(point: Strategy, verdict: PointAnswer, space: SearchSpace) -> tuple[Strategy, str]:
    if verdict.action is Action.KEEP:
        return point, f"kept: {verdict.rationale[:RATIONALE_LENGTH]}"
    own = StrategyAnswer(**verdict.model_dump(include=set(StrategyAnswer.model_fields)))
    strategy, rationale = read_strategy(own, space)
    return strategy, f"overrode: {rationale}"


def _point_line(number: int, point: Proposal) -> str:
    strategy = point.strategy
    return json.dumps(
        {
            "point": number,
            "keep": list(strategy.ratios),
            "importance": strategy.importance,
            "ranking": strategy.ranking.value,
            "origin": point.rationale,
        }
    )


def _schema(space: SearchSpace) -> dict[str, Any]:
    """Flat and with all fields required, as every vendor's strict mode wants; what a `keep` verdict leaves unused is
    filled by the model with anything that fits."""
    point = closed_object(
        {
            "point": {"type": "integer", "minimum": 0},
            "action": {"type": "string", "enum": [action.value for action in Action]},
            **strategy_fields(space, least=0),
        }
    )
    return closed_object({"points": {"type": "array", "items": point, "minItems": 1}})
