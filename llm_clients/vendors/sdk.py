"""What both official SDKs share: making a call, and turning their errors into faults."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from ground.problems import describe_problems
from llm_clients.fault import Fault, FaultKind, fault_of_status
from llm_clients.redaction import Redactor
from llm_clients.request import Json, Usage
from llm_clients.vendors.transport import Transport

_Wire = TypeVar("_Wire", bound=BaseModel)

_DETAIL_LIMIT = 500  # characters of a vendor's message that are kept


def trip(call: Callable[[], Any], sdk: Any, transport: Transport, redactor: Redactor) -> Mapping[str, Json] | Fault:
    """Make one raw call through an SDK, and return the JSON object of a good answer or the fault.

    The SDK's error is not kept anywhere: it holds the request, and the request holds the key.

    Args:
        call: makes the call and returns the SDK's raw response.
        sdk: the `anthropic` or the `openai` module, whose error classes have the same names and attributes.
        transport: of the SDK's HTTP client.
        redactor: removes keys from the messages of faults.
    """
    if transport.closed:
        return Fault(FaultKind.CONNECTION, "the client is closed")
    try:
        response: httpx2.Response = call().http_response
        status, text = response.status_code, response.text
    except sdk.APITimeoutError:
        return Fault(FaultKind.TIMEOUT, "no complete answer in time")
    except sdk.APIConnectionError as error:
        return Fault(FaultKind.CONNECTION, redactor(_clip(_cause(error))))
    except sdk.APIStatusError as error:
        return _fault_of_error(error.response, redactor)
    except httpx2.TimeoutException:
        return Fault(FaultKind.TIMEOUT, "no complete answer in time")
    except httpx2.HTTPError as error:
        return Fault(FaultKind.CONNECTION, redactor(_clip(_cause(error))))
    return _object_of(status, text, redactor)


def parse_wire(shape: type[_Wire], payload: Mapping[str, Json]) -> _Wire | Fault:
    """Read the fields that are used; a fault that names the bad field if the answer does not have them."""
    try:
        return shape.model_validate(payload)
    except ValidationError as error:
        wrong = describe_problems(error, "the body", most=1)
        return Fault(FaultKind.MALFORMED, f"status 200, but {wrong}", status=200)


def empty_answer(stop_reason: str | None, usage: Usage | None) -> Fault:
    """The fault of a completion without text, tool call or refusal: no answer, though it may have been charged."""
    return Fault(FaultKind.MALFORMED, f"an empty answer (stop reason {stop_reason})", status=200, usage=usage)


def fault_in_body(body: Json, status: int, redactor: Redactor, retry_after_s: float | None = None) -> Fault:
    """The fault that an error body describes: `{"error": {"message", "code", "type"}}` or `{"error": "text"}`."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(error, Mapping):
        return fault_of_status(status, redactor(_clip(str(error))), retry_after_s=retry_after_s)
    detail = redactor(_clip(str(error.get("message") or error)))
    code = f"{error.get('code') or ''} {error.get('type') or ''}"
    return fault_of_status(status, detail, code=code, retry_after_s=retry_after_s)


def _object_of(status: int, text: str, redactor: Redactor) -> Mapping[str, Json] | Fault:
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        # a page of a proxy or a captive portal, which both SDKs would silently return as a str
        return Fault(FaultKind.MALFORMED, redactor(f"not JSON: {_clip(text, 80)!r}"), status=status)
    if not isinstance(payload, Mapping):
        return Fault(FaultKind.MALFORMED, redactor(f"not a JSON object: {_clip(text, 80)!r}"), status=status)
    if payload.get("error"):
        return _fault_of_good_status(payload, redactor)
    return payload


def _fault_of_good_status(payload: Mapping[str, Json], redactor: Redactor) -> Fault:
    """The fault in an answer with status 200.

    OpenRouter reports an upstream failure as status 200 with an error body whose code is the real status.

    https://openrouter.ai/docs/api-reference/errors
    """
    error = payload["error"]
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return fault_in_body(payload, status, redactor)


def _fault_of_error(response: httpx2.Response, redactor: Redactor) -> Fault:
    retry_after_s = _retry_after(response.headers)
    try:
        body = json.loads(response.text)
    except (ValueError, RecursionError):
        body = response.text or f"status {response.status_code} without a body"
    return fault_in_body(body, response.status_code, redactor, retry_after_s)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or an HTTP date); None without either."""
    milliseconds = headers.get("retry-after-ms")
    value = headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(float(milliseconds) / 1000, 0.0)
        return None if value is None else max(float(value), 0.0)
    except ValueError:
        return _until(value)


def _until(date: str | None) -> float | None:
    try:
        return None if date is None else max(parsedate_to_datetime(date).timestamp() - time.time(), 0.0)
    except ValueError:
        return None  # a header in an unknown form is ignored


def _cause(error: BaseException) -> str:
    """The innermost error: the SDKs' own message is only "Connection error."."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


def _clip(text: str, limit: int = _DETAIL_LIMIT) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
