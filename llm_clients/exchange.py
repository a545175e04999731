"""One call from request to completion: validates replies, sends invalid ones back, rewords once after a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llm_clients.kinds import CallOutcome
from llm_clients.line import Line, describe_schema
from llm_clients.redaction import redact
from llm_clients.request import Completion, Json, Message, Request, Role
from llm_clients.thoughts import without_thoughts
from llm_clients.trips import Ended, Trips
from llm_clients.validation import Validation, validate_reply
from llm_clients.vendors.base import Reply


class Exchange:
    """One call. To be run once."""

    def __init__(self, line: Line, request: Request) -> None:
        self._line = line
        self._request = request
        self._trips = Trips(line, request)
        self._reasked = 0
        self._reworded = False

    def run(self) -> Completion:
        """Make trips until an answer is valid, or until nothing more can be done."""
        messages = self._request.messages
        last: Reply | None = None
        while True:
            reply = self._trips.reply(messages)
            if isinstance(reply, Ended):
                return self._completion(Validation(reply.outcome, detail=reply.detail), last)
            last = reply
            validation = self._without_keys(validate_reply(reply, self._request.schema))
            self._mark(validation)
            more = self._follow_up(reply, validation)
            if not more:
                return self._completion(validation, reply)
            messages = (*messages, *more)

    def _mark(self, validation: Validation) -> None:
        """Record the validation with the trip that it is about."""
        detail = redact(f"{validation.detail} {validation.error or ''}".strip())
        problem = None if validation.problem is None else validation.problem.value
        trail = self._trips.trail
        trail[-1] = replace(trail[-1], result=validation.outcome.value, detail=detail, problem=problem)

    def _without_keys(self, validation: Validation) -> Validation:
        """The text has none any more, but an escape in its JSON may have spelled one."""
        return replace(validation, value=self._line.vendor.redactor.of_answer_json(validation.value))

    def _follow_up(self, reply: Reply, validation: Validation) -> tuple[Message, ...]:
        """The messages to send next; none when this validation is final."""
        if self._trips.remaining_s() <= 0:
            return ()
        if validation.outcome is CallOutcome.INVALID and self._reasked < self._line.options.reasks:
            self._reasked += 1
            correction = _correction(validation, self._request.schema)
            return (Message(Role.ASSISTANT, _repeated(reply)), Message(Role.USER, correction))
        if validation.outcome is CallOutcome.REFUSED and self._request.reword is not None and not self._reworded:
            self._reworded = True
            said = reply.text or validation.detail
            return (Message(Role.ASSISTANT, said), Message(Role.USER, self._request.reword))
        return ()

    def _completion(self, validation: Validation, reply: Reply | None) -> Completion:
        trips = self._trips
        not_sent = self._request.temperature is not None and not trips.takes_temperature
        return Completion(
            outcome=validation.outcome,
            model=self._line.vendor.model if reply is None else reply.model,
            text="" if reply is None else redact(reply.text),
            value=validation.value,
            stop_reason=None if reply is None else reply.stop_reason,
            usage=trips.usage,
            latency_s=trips.elapsed_s(),
            cost_usd=trips.cost_usd,
            attempts=len(trips.trail),
            validation_error=None if validation.error is None else redact(validation.error),
            detail=redact(validation.detail),
            mode=trips.mode,
            form=validation.form,
            not_sent=("temperature",) if not_sent else (),
            trail=tuple(trips.trail),
            durations_s=None if reply is None else reply.durations_s,
        )


def _repeated(reply: Reply) -> str:
    """What the model said, without its thoughts; servers refuse an empty message."""
    return without_thoughts(reply.text).answer.strip() or _NOTHING_SAID


_NOTHING_SAID = "(no answer)"


def _correction(validation: Validation, schema: Mapping[str, Json] | None) -> str:
    assert schema is not None, "only an answer with a schema can be invalid"
    return f"That answer is not valid: {validation.error}\n{describe_schema(schema)}"
