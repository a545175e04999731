"""An LLM as a proposer: it thinks in a thread of its own while trials run."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from llm_clients.client import LLMClient
from llm_clients.errors import LLMError
from llm_clients.request import Completion, Outcome, Request
from search.analysis import ADVICE, AnswerError, build_request, read_answer
from search.course import STEERED, Course
from search.history import History
from search.proposers.base import Proposer, SearchSpace
from search.strategy import Proposal, Strategy
from tracking.events import Event
from tracking.payloads import Decision, LlmCall, Proposed

FINAL = frozenset(
    {Outcome.UNAUTHORISED, Outcome.OUT_OF_QUOTA, Outcome.OVER_BUDGET, Outcome.UNKNOWN_MODEL, Outcome.REJECTED}
)
"""Outcomes that asking again cannot change."""
ANSWERS = frozenset({Outcome.INVALID, Outcome.TRUNCATED, Outcome.REFUSED})
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
    """

    per_call: int = 4
    max_tokens: int = 4000
    temperature: float | None = None
    trials: int | None = None


class LLMProposer(Proposer):
    """Asks for several strategies a call, and for the next ones before the last is handed out.

    What it shows to the model follows from the trials' numbers and not from the moment of asking, so that a replay asks
    the same however its trials were scheduled.

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
        self._asked: Request | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analysis-agent")
        self._calls = 0
        self._fruitless = 0
        self._complaint = ""
        self._problem: str | None = None
        self._failure: LLMError | None = None
        self._heard = 0
        self._begun: tuple[int, Course] | None = None

    def propose(self, ticket: int, history: History) -> Proposal | None:
        if self._thinking is not None and self._thinking.done():
            self._collect(self._thinking)
            self._thinking = None
        proposal = self._ready.popleft() if self._ready else None
        wanted = self._settings.trials is None or len(history) + (proposal is not None) < self._settings.trials
        if wanted and not self._ready and self._thinking is None and self._problem is None:
            self._think(history)
        return proposal

    def problem(self) -> str | None:
        return None if self._ready else self._problem

    def failure(self) -> Exception | None:
        return self._failure

    def restore(self, history: History, events: Sequence[Event]) -> None:
        """Answers that were paid for and not yet tried are taken up again; none is asked for twice."""
        tried = {spec.proposal.strategy: spec.trial for spec in history}
        last: Proposal | None = None
        for event in events:
            if not isinstance(event.payload, LlmCall):
                continue
            self._calls = max(self._calls, event.payload.call + 1)
            completion = Completion.from_json(event.payload.model_dump(mode="json"))
            if completion.outcome is Outcome.CANCELLED:
                continue  # the interrupt's doing, not the model's
            self._heard += 1
            known = len(self._ready)
            self._take(completion, Request.from_json(event.payload.request))
            last = self._ready[-1] if len(self._ready) > known else None
        if last is not None and last.strategy in tried:
            # the next call had begun when the last strategy was handed out, and begins there again
            trial = tried[last.strategy]
            self._begun = (trial, _course_of(trial, events))
        self._ready = deque(proposal for proposal in self._ready if proposal.strategy not in tried)
        self._fruitless, self._problem = 0, None

    def close(self) -> None:
        self._client.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _think(self, history: History) -> None:
        at, course = self._begun or (len(history), self.course)
        self._begun = None
        request = self._request(
            history.as_of(at),
            course,
            self._settings.per_call,
            max_tokens=self._settings.max_tokens,
            temperature=self._settings.temperature,
            complaint=self._complaint,
        )
        call, self._calls = self._calls, self._calls + 1
        self._asked = request
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

    def _collect(self, thought: Future[Completion]) -> None:
        try:
            completion = thought.result()
        except LLMError as error:
            # Raised for what no further call can mend; here, in Tune's loop, it must not end the loop: see `failure`.
            self._failure = error
            self._problem = f"{self._client.model} cannot be asked ({error})"
            return
        assert self._asked is not None
        self._heard += 1
        self._take(completion, self._asked)

    def _take(self, completion: Completion, request: Request) -> None:
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

    def _miss(self, why: str, *, tell: bool = True) -> None:
        """`tell`: the model can do better if it hears of it; of a server's fault it need not know."""
        self._fruitless += 1
        self._complaint = why if tell else ""
        if self._fruitless >= PATIENCE:
            self._problem = f"{self._client.model} gave no usable strategy in {self._fruitless} calls (last: {why})"


def _course_of(trial: int, events: Sequence[Event]) -> Course:
    """The master's course when that trial was proposed."""
    course = Course.EXPLOIT
    for event in events:
        match event.payload:
            case Decision(decision=told) if told in STEERED:
                course = Course(told)
            case Proposed(trial=number) if number == trial:
                break
    return course
