"""An LLM as a proposer: it thinks in a thread of its own while trials run."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from llm_clients.client import LLMClient
from llm_clients.errors import LLMError
from llm_clients.kinds import CallOutcome
from llm_clients.request import Completion, Request
from search.proposers.asking.prompt import ADVICE, AnswerError, build_request, read_answer
from search.proposers.base import Proposer
from search.space.history import History
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy
from tracking.events import Event
from tracking.kinds import STEERED, TURNED_BACK, Course
from tracking.payloads import Decision, LlmCall, Proposed
from tracking.totals import COMMON_START

FINAL = frozenset(
    {
        CallOutcome.UNAUTHORISED,
        CallOutcome.OUT_OF_QUOTA,
        CallOutcome.OVER_BUDGET,
        CallOutcome.UNKNOWN_MODEL,
        CallOutcome.REJECTED,
    }
)
"""Outcomes that asking again cannot change."""
ANSWERS = frozenset({CallOutcome.INVALID, CallOutcome.TRUNCATED, CallOutcome.REFUSED})
"""Outcomes in which the model has said something, and none of it could be used."""
PATIENCE = 3
"""Calls in a row without one usable strategy after which the arm gives up. It is never replaced by another."""

CallRecorder = Callable[[int, Request, Completion], None]


@dataclass(frozen=True, slots=True)
class CallSettings:
    """How the model is asked.

    Attributes:
        per_call: strategies asked for in one call.
        max_tokens: most output tokens of one call.
        temperature: sent where the model takes one; None leaves it to the vendor.
        trials: how many trials there will be: nothing is asked for that none would try. None: no end is known.
        ahead: how many strategies still wait for a trial when the next are asked for. More hide a slow model, fewer
            let it see newer results. None: all of a call's but one.
    """

    per_call: int = 4
    max_tokens: int = 4000
    temperature: float | None = None
    trials: int | None = None
    ahead: int | None = None

    @property
    def waiting(self) -> int:
        """`ahead`, its default filled in."""
        return self.per_call - 1 if self.ahead is None else self.ahead


class Moment(NamedTuple):
    """A point of the search, by what has been decided and not by the clock.

    Attributes:
        trial: number of the next trial.
        course: of the master.
    """

    trial: int
    course: Course


class LLMProposer(Proposer):
    """Asks for several strategies a call, and for the next ones while some of the last still wait for a trial.

    What a call shows to the model is what was known at a moment that follows from the strategies received and handed
    out, not from the clock. So a replay asks the same however its trials were scheduled, and so does a resumed search.

    `record` is called in the thinking thread as soon as an answer is there, so that the ledger holds it before
    anything is made of it and even if the driver dies a moment later.
    """

    name = "llm"
    reads_sensitivity = True
    steerable = True

    def __init__(self, space: SearchSpace, client: LLMClient, record: CallRecorder, settings: CallSettings) -> None:
        super().__init__(space)
        self._client = client
        self._record = record
        self._settings = settings
        self._ready: deque[Proposal] = deque()
        self._thinking: Future[Completion] | None = None
        self._asked: tuple[int, Request] | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analysis-agent")
        self._calls = 0
        self._fruitless = 0
        self._complaint = ""
        self._problem: str | None = None
        self._failure: LLMError | None = None
        self._heard = 0
        self._received = 0
        self._next_place = 0
        # The beginning, before the common start, and when each strategy was handed out.
        self._moments = [Moment(0, Course.EXPLOIT)]

    def begin(self) -> None:
        if self._calls == 0 and self._thinking is None:
            self._think(History(1), 0)

    def awaited(self) -> bool:
        self._listen()
        return self._thinking is not None

    def propose(self, ticket: int, history: History) -> Proposal | None:
        self._listen()
        now = Moment(len(history), self.course)
        proposal = self._ready.popleft() if self._ready else None
        if proposal is not None:
            self._moments.append(now)
        if self._thinking is None and self._problem is None:
            place = self._place()
            if place is None and proposal is None:
                # Strategies that were turned back have become no trials: more are wanted after all.
                place = len(self._moments) - 1
            if place is not None and place < len(self._moments):
                self._think(history, place)
        return proposal

    def problem(self) -> str | None:
        return None if self._ready else self._problem

    def failure(self) -> Exception | None:
        return self._failure

    def restore(self, history: History, events: Sequence[Event]) -> None:
        """Answers that were paid for and not yet tried are taken up again; none is asked for twice."""
        trials, course = 0, Course.EXPLOIT
        for event in events:
            match event.payload:
                case LlmCall() as call:
                    self._hear(call)
                case Decision(decision=told) if told in STEERED:
                    course = Course(told)
                case Decision(decision=told) if told in TURNED_BACK:
                    self._moments.append(Moment(trials, course))
                case Proposed(proposer=who):
                    if who != COMMON_START:
                        self._moments.append(Moment(trials, course))
                    trials += 1
        for _ in range(min(len(self._ready), len(self._moments) - 1)):
            self._ready.popleft()
        self._fruitless, self._problem = 0, None

    def _hear(self, call: LlmCall) -> None:
        self._calls = max(self._calls, call.call + 1)
        completion = Completion.from_json(call.model_dump(mode="json"))
        if completion.outcome is not CallOutcome.CANCELLED:  # that was the interrupt's doing, not the model's
            place = self._place()
            self._asked = (self._received if place is None else place, Request.from_json(call.request))
            self._take(completion)

    def close(self) -> None:
        self._client.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _place(self) -> int | None:
        """The moment that the next call belongs to, by number, whether it has come or not; None when the strategies
        received are enough for the trials that are left."""
        place = max(self._next_place, self._received - self._settings.waiting)
        if self._settings.trials is None or place >= len(self._moments):
            return place
        first = self._moments[place].trial + 1  # trial 0 is nobody's
        return place if first + self._received - place < self._settings.trials else None

    def _think(self, history: History, place: int) -> None:
        moment = self._moments[place]
        request = self._request(
            history.as_of(moment.trial),
            moment.course,
            self._settings.per_call,
            max_tokens=self._settings.max_tokens,
            temperature=self._settings.temperature,
            complaint=self._complaint,
        )
        call, self._calls = self._calls, self._calls + 1
        self._asked = (place, request)
        self._thinking = self._executor.submit(self._ask, call, request)

    def _request(self, history: History, course: Course, count: int, **options: Any) -> Request:
        """What to ask next."""
        return build_request(self.space, history, count, advice=ADVICE[course], **options)

    @classmethod
    def read(
        cls,
        answer: Mapping[str, Any],
        request: Request,  # noqa: ARG003  another arm's answers mean something only beside what was asked
        space: SearchSpace,
    ) -> Sequence[tuple[Strategy, str]]:
        """The strategies of an answer to `request`, each with its rationale. Raises AnswerError."""
        return read_answer(answer, space)

    def _ask(self, call: int, request: Request) -> Completion:
        completion = self._client.complete(request)
        self._record(call, request, completion)
        return completion

    def _listen(self) -> None:
        if self._thinking is not None and self._thinking.done():
            self._collect(self._thinking)
            self._thinking = None

    def _collect(self, thought: Future[Completion]) -> None:
        try:
            completion = thought.result()
        except LLMError as error:
            # Raised for what no further call can mend; here, in Tune's loop, it must not end the loop: see `failure`.
            self._failure = error
            self._problem = f"{self._client.model} cannot be asked ({error})"
            return
        self._take(completion)

    def _take(self, completion: Completion) -> None:
        assert self._asked is not None, "an answer has its question"
        place, request = self._asked
        self._heard += 1
        if not completion.answered:
            why = f"{completion.outcome.value}: {completion.detail or completion.validation_error or 'no detail'}"
            self._miss(why, tell=completion.outcome in ANSWERS)
            if completion.outcome in FINAL:
                self._problem = f"{self._client.model} cannot be asked ({why})"
            return
        try:
            strategies = self.read(completion.value, request, self.space)
        except AnswerError as error:
            self._miss(str(error))
            return
        self._fruitless, self._complaint = 0, ""
        name = f"{self.name}:{self._client.model}"
        self._ready.extend(Proposal(strategy, name, rationale) for strategy, rationale in strategies)
        self._received += len(strategies)
        # The same moment would be asked the same once more.
        self._next_place = place + 1

    def _miss(self, why: str, *, tell: bool = True) -> None:
        """`tell`: the model can do better if it hears of it; of a server's fault it need not know."""
        self._fruitless += 1
        self._complaint = why if tell else ""
        if self._fruitless >= PATIENCE:
            self._problem = f"{self._client.model} gave no usable strategy in {self._fruitless} calls (last: {why})"
