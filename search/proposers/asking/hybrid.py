"""CMA-ES with an LLM on top: the LLM sees the optimiser's next points and may override any of them."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ground.problems import describe_problems
from llm_clients.client import LLMClient
from llm_clients.request import Request
from search.arms import ArmName
from search.proposers.asking.calls import CallRecorder, Question, RationalisedStrategy
from search.proposers.asking.llm import CallSettings, LLMProposer
from search.proposers.asking.old_ledgers import points_from_prompt
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
    describe_task,
    known_blocks,
    read_strategy,
    strategy_fields,
)
from search.proposers.cmaes import CMAESProposer
from search.space.history import History
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy
from tracking.kinds import Course, Ranking
from tracking.payloads import LlmCall

POINTS = "the optimiser's next points"

INSTRUCTIONS = """An optimiser (CMA-ES over the log keep ratios) searches the same space. You see its next points \
before they are tried. For each point, `keep` it or `override` it with a strategy of your own: override where the \
data on the sets and the trials tell you more than the optimiser can know. It learns from every trial, yours \
included."""


class Action(StrEnum):
    """What becomes of one of the optimiser's points."""

    KEEP = "keep"
    OVERRIDE = "override"


class PointAnswer(BaseModel):
    """What the model decides about one point. Only an override makes use of `keep`, `importance` and `ranking`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    point: int
    action: Action
    keep: list[float] = Field(description="keep ratio of each set if overridden, else empty")
    importance: str
    ranking: Ranking
    rationale: str


class PointAnswers(BaseModel):
    """What one call gives."""

    model_config = ConfigDict(extra="forbid")

    points: list[PointAnswer]


class HybridProposer(LLMProposer):
    """Shows the optimiser's next points in each call, beside all that the arm `llm` shows.

    The points are drawn from what may be read at the call's moment. They are recorded with the call, so that a resumed
    search reads its answer against the same points and draws none again.
    """

    name = ArmName.HYBRID.value

    def __init__(self, space: SearchSpace, client: LLMClient, book: CallRecorder, settings: CallSettings) -> None:
        super().__init__(space, client, book, settings)
        self._optimiser = CMAESProposer(space)

    def _question(self, history: History, course: Course, count: int, **options: Any) -> Question:
        self._optimiser.steer(course)
        first = 1 + self._schedule.calls * self._settings.per_call
        proposals = [self._optimiser.propose(first + number, history) for number in range(count)]
        complaint = str(options.pop("complaint"))
        task = f"{describe_task(self.space)}{ADVICE[course]}"
        parts = [
            f"Answer for each of the optimiser's {count} points, by number. {task}",
            *known_blocks(self.space, history),
            data_block(POINTS, "\n".join(_point_line(number, point) for number, point in enumerate(proposals))),
            *complaint_lines(complaint),
        ]
        request = Request.ask(
            "\n\n".join(parts), system=f"{SYSTEM}\n{INSTRUCTIONS}", schema=_schema(self.space), reword=REWORD, **options
        )
        return Question(request, tuple(proposal.strategy for proposal in proposals))

    def _recorded_question(self, call: LlmCall) -> Question:
        request = Request.from_json(call.request)
        if call.points is None:
            return Question(request, points_from_prompt(request, self.space.round_to))
        return Question(request, tuple(Strategy.from_json(point.model_dump()) for point in call.points))

    def _strategies(self, answer: Mapping[str, Any], question: Question) -> tuple[RationalisedStrategy, ...]:
        assert question.points is not None, "this arm shows points in every call"
        return read_point_answers(answer, question.points, self.space)


def read_point_answers(
    value: Mapping[str, Any], points: Sequence[Strategy], space: SearchSpace
) -> tuple[RationalisedStrategy, ...]:
    """One strategy for each point, kept or overridden, with its rationale.

    Raises:
        AnswerError: a point is missing, unknown or answered twice, or an override is no strategy of this space.
    """
    try:
        answers = PointAnswers.model_validate(value).points
    except ValidationError as error:
        problems = describe_problems(error, "the answer")
        raise AnswerError(f"the answer does not fit the schema ({problems})") from None
    by_point = {answer.point: answer for answer in answers}
    if sorted(by_point) != list(range(len(points))) or len(answers) != len(points):
        answered = ", ".join(str(answer.point) for answer in answers) or "none"
        raise AnswerError(f"each point from 0 to {len(points) - 1} wants one answer, and answered were {answered}")
    return tuple(_decided(point, by_point[number], space) for number, point in enumerate(points))


def _decided(point: Strategy, answer: PointAnswer, space: SearchSpace) -> RationalisedStrategy:
    if answer.action is Action.KEEP:
        return point, f"kept: {answer.rationale[:RATIONALE_LENGTH]}"
    own = StrategyAnswer(**answer.model_dump(include=set(StrategyAnswer.model_fields)))
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
    """The schema of an answer, flat and with all fields required, as every vendor's strict mode wants.

    The model fills the fields that a kept point does not use with anything that fits.
    """
    point = closed_object(
        {
            "point": {"type": "integer", "minimum": 0},
            "action": {"type": "string", "enum": [action.value for action in Action]},
            **strategy_fields(space, least=0),
        }
    )
    return closed_object({"points": {"type": "array", "items": point, "minItems": 1}})
