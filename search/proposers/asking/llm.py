"""An LLM as a proposer: its calls run in a thread of their own while trials run."""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from llm_clients.client import LLMClient
from llm_clients.errors import LLMError
from llm_clients.kinds import CallOutcome
from llm_clients.request import Completion, Request
from search.arms import ArmName
from search.proposers.asking.calls import CallRecorder, CallResult, Question, RationalisedStrategy
from search.proposers.asking.prompt import ADVICE, AnswerError, build_request, read_answer
from search.proposers.asking.schedule import Moment, Schedule
from search.proposers.base import Proposer
from search.space.history import History
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal
from tracking.events import Event
from tracking.kinds import STEERED, TURNED_BACK, Course
from tracking.payloads import Decision, LlmCall, Proposed
from tracking.totals import COMMON_START

FINAL = frozenset(
    {
        CallOutcome.UNAUTHORISED,
        CallOutcome.FORBIDDEN,
        CallOutcome.WRONG_ADDRESS,
        CallOutcome.OUT_OF_QUOTA,
        CallOutcome.OVER_BUDGET,
        CallOutcome.UNKNOWN_MODEL,
        CallOutcome.REJECTED,
    }
)
"""Outcomes that asking again cannot change."""
ANSWERS = frozenset({CallOutcome.INVALID, CallOutcome.TRUNCATED, CallOutcome.REFUSED})
"""Outcomes in which the model has said something, and none of it could be used."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """How the model is asked.

    Attributes:
        per_call: strategies asked for in one call.
        max_tokens: most output tokens of one call.
        temperature: sent where the model takes one; None leaves it to the vendor.
        trials: how many trials there will be: no strategy is asked for that no trial would try. None: not known.
        ahead: how many strategies still wait for a trial when the next ones are asked for. More hide a slow model's
            latency, fewer let it see newer results. None: all of a call's but one.
    """

    per_call: int = 4
    max_tokens: int = 4000
    temperature: float | None = None
    trials: int | None = None
    ahead: int | None = None

    @property
    def waiting(self) -> int:
        """`ahead` with its default."""
        return self.per_call - 1 if self.ahead is None else self.ahead


class LLMProposer(Proposer):
    """Asks for several strategies per call, and for the next ones while some of the last still wait for a trial.

    When a call is due, and which results it may show, is for `Schedule` to say. This class owns the rest: the thread,
    the client, the requests, and the strategies that wait.

    A call is recorded in the thread that makes it, as soon as its answer is there. So the ledger holds the answer
    before anything is made of it, even if the driver dies a moment later.
    """

    name = ArmName.LLM.value
    reads_sensitivity = True
    steerable = True

    def __init__(self, space: SearchSpace, client: LLMClient, book: CallRecorder, settings: CallSettings) -> None:
        super().__init__(space)
        self._client = client
        self._book = book
        self._settings = settings
        self._schedule = Schedule(settings.waiting, settings.trials)
        self._ready: deque[Proposal] = deque()
        self._pending: Future[CallResult] | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llm-calls")
        self._next_call = 0
        self._complaint = ""
        self._failure: LLMError | None = None

    def begin(self) -> None:
        """Make the first call, unless an earlier session has made it."""
        if self._next_call == 0:
            self._ask_if_due(History(1), starved=True)

    def awaited(self) -> bool:
        """Whether a call is pending."""
        self._collect()
        return self._pending is not None

    def propose(self, ticket: int, history: History) -> Proposal | None:
        """The strategy that has waited longest, if any, and the next call if it is due."""
        self._collect()
        proposal = self._hand_out(Moment(len(history), self.course))
        self._ask_if_due(history, starved=proposal is None)
        return proposal

    def problem(self) -> str | None:
        """Why the model cannot be asked any more, once no strategy waits."""
        stuck = self._schedule.stuck
        return None if self._ready or stuck is None else f"{self._client.model} {stuck}"

    def failure(self) -> Exception | None:
        """What the client raised: no call can be made, or a replay does not fit its run."""
        return self._failure

    def restore(self, history: History, events: Sequence[Event]) -> None:
        """Take up answers that were paid for and not yet tried, so that none is asked for twice."""
        trials, course = 0, Course.EXPLOIT
        for event in events:
            match event.payload:
                case LlmCall() as call:
                    self._take_up(call)
                case Decision(decision=decision) if decision in STEERED:
                    course = Course(decision)
                case Decision(decision=decision) if decision in TURNED_BACK:
                    self._hand_out(Moment(trials, course))
                case Proposed(proposer=proposer):
                    if proposer != COMMON_START:
                        self._hand_out(Moment(trials, course))
                    trials += 1
        self._schedule.forgive()

    def close(self) -> None:
        """Cancel a pending call, and release the client and the thread."""
        self._client.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    # for an arm that asks something else to override --------------------------------------------------------------

    def _question(self, history: History, course: Course, count: int, **options: Any) -> Question:
        """What to ask next: `count` strategies, given what `history` shows."""
        return Question(build_request(self.space, history, count, advice=ADVICE[course], **options))

    def _recorded_question(self, call: LlmCall) -> Question:
        """What a recorded call asked."""
        return Question(Request.from_json(call.request))

    def _strategies(self, answer: Mapping[str, Any], question: Question) -> tuple[RationalisedStrategy, ...]:
        """The strategies of a valid answer, at least one.

        Raises:
            AnswerError: the answer means nothing for this model.
        """
        return read_answer(answer, self.space)

    # asking ------------------------------------------------------------------------------------------------------

    def _ask_if_due(self, history: History, *, starved: bool) -> None:
        moment = None if self._pending is not None else self._schedule.due(starved=starved)
        if moment is None:
            return
        question = self._question(
            history.as_of(moment.trial),
            moment.course,
            self._settings.per_call,
            max_tokens=self._settings.max_tokens,
            temperature=self._settings.temperature,
            complaint=self._complaint,
        )
        self._pending = self._executor.submit(self._call, self._next_call, question)
        self._next_call += 1

    def _call(self, number: int, question: Question) -> CallResult:
        self._client.announce(self._book.ask(number, question))
        result = self._read(question, self._client.complete(question.request))
        self._book.record(number, question, result)
        return result

    def _read(self, question: Question, completion: Completion) -> CallResult:
        if not completion.answered:
            return CallResult(completion)
        try:
            return CallResult(completion, self._strategies(completion.value, question))
        except AnswerError as error:
            return CallResult(completion, problem=str(error))

    # taking answers ----------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Take the pending call's answer, if it is there."""
        if self._pending is None or not self._pending.done():
            return
        pending, self._pending = self._pending, None
        try:
            result = pending.result()
        except LLMError as error:
            # No further call can succeed. It must not end Tune's loop, in which this runs: see `failure`.
            self._failure = error
            self._schedule.give_up(str(error))
            return
        self._take(result)

    def _take_up(self, call: LlmCall) -> None:
        """Take the answer of an earlier session's call."""
        self._next_call = max(self._next_call, call.call + 1)
        completion = Completion.from_json(call.model_dump(mode="json"))
        result = self._read(self._recorded_question(call), completion)
        self._book.recall(result)
        if completion.outcome is not CallOutcome.CANCELLED:  # an interrupt ended that one, not the model
            self._take(result)

    def _take(self, result: CallResult) -> None:
        completion = result.completion
        if result.problem is not None:
            self._miss(result.problem, complaint=result.problem)
        elif not completion.answered:
            reason = f"{completion.outcome.value}: {completion.detail or completion.validation_error or 'no detail'}"
            # The model can do better if it hears what was wrong; it need not hear of a server's fault.
            self._miss(reason, complaint=reason if completion.outcome in ANSWERS else "")
            if completion.outcome in FINAL:
                self._schedule.give_up(reason)
        else:
            self._complaint = ""
            self._schedule.receive(len(result.strategies))
            name = f"{self.name}:{self._client.model}"
            self._ready.extend(Proposal(strategy, name, rationale) for strategy, rationale in result.strategies)

    def _miss(self, reason: str, *, complaint: str) -> None:
        self._complaint = complaint
        self._schedule.miss(reason)

    def _hand_out(self, moment: Moment) -> Proposal | None:
        """The strategy that has waited longest, handed out at this moment; None when none waits."""
        if not self._ready:
            return None
        self._schedule.hand_out(moment)
        return self._ready.popleft()
