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
from search.history import History
from search.proposers.base import Proposer, SearchSpace
from search.strategy import Proposal, Strategy
from tracking.events import Event
from tracking.payloads import LlmCall

FINAL = frozenset(
    {Outcome.UNAUTHORISED, Outcome.OUT_OF_QUOTA, Outcome.OVER_BUDGET, Outcome.UNKNOWN_MODEL, Outcome.REJECTED}
)
"""Outcomes that asking again cannot change."""
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
    """

    per_call: int = 4
    max_tokens: int = 4000
    temperature: float | None = None


class LLMProposer(Proposer):
    """Asks for several strategies a call, and for the next ones before the last is handed out.

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

    def propose(self, ticket: int, history: History) -> Proposal | None:
        if self._thinking is not None and self._thinking.done():
            self._collect(self._thinking)
            self._thinking = None
        proposal = self._ready.popleft() if self._ready else None
        if not self._ready and self._thinking is None and self._problem is None:
            self._think(history)
        return proposal

    def problem(self) -> str | None:
        return None if self._ready else self._problem

    def restore(self, history: History, calls: Sequence[Event]) -> None:
        """Answers that were paid for and not yet tried are taken up again; none is asked for twice."""
        tried = {spec.proposal.strategy for spec in history}
        for event in calls:
            assert isinstance(event.payload, LlmCall)
            self._calls = max(self._calls, event.payload.call + 1)
            completion = Completion.from_json(event.payload.model_dump(mode="json"))
            self._take(completion, Request.from_json(event.payload.request))
        self._ready = deque(proposal for proposal in self._ready if proposal.strategy not in tried)
        self._fruitless, self._problem = 0, None

    def close(self) -> None:
        self._client.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _think(self, history: History) -> None:
        request = self._request(
            history,
            self._settings.per_call,
            max_tokens=self._settings.max_tokens,
            temperature=self._settings.temperature,
            complaint=self._complaint,
        )
        call, self._calls = self._calls, self._calls + 1
        self._asked = request
        self._thinking = self._executor.submit(self._ask, call, request)

    def _request(self, history: History, count: int, **options: Any) -> Request:
        """What to ask next."""
        return build_request(self.space, history, count, advice=ADVICE[self.course], **options)

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
            # Raised for what no further call can mend; here, in Tune's loop, it must end the arm and not the loop.
            self._problem = f"{self._client.model} cannot be asked ({error})"
            return
        assert self._asked is not None
        self._take(completion, self._asked)

    def _take(self, completion: Completion, request: Request) -> None:
        if not completion.answered:
            self._miss(f"{completion.outcome.value}: {completion.detail or completion.validation_error or 'no detail'}")
            if completion.outcome in FINAL:
                self._problem = f"{self._client.model} cannot be asked ({self._complaint})"
            return
        try:
            strategies = self.read(completion.value, request, self.space)
        except AnswerError as error:
            self._miss(str(error))
            return
        self._fruitless, self._complaint = 0, ""
        name = f"{self.name}:{self._client.model}"
        self._ready.extend(Proposal(strategy, name, rationale) for strategy, rationale in strategies)

    def _miss(self, why: str) -> None:
        self._fruitless += 1
        self._complaint = why
        if self._fruitless >= PATIENCE:
            self._problem = f"{self._client.model} gave no usable strategy in {self._fruitless} calls (last: {why})"
