"""What both official SDKs share: making a call, and turning their errors into faults."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from ground.problems import describe_problems
from llm_clients.fault import Fault, FaultKind, fault_of_status, is_web_page
from llm_clients.redaction import Redactor
from llm_clients.request import Json, Usage
from llm_clients.vendors.transport import RedirectRefusedError, Transport

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
    except sdk.APIStatusError as error:
        return _fault_of_error(error.response, redactor)
    except (sdk.APIConnectionError, httpx2.HTTPError) as error:
        return _fault_of_transport(error, redactor)
    return _object_of(status, text, redactor)


def patience(timeout_s: float) -> httpx2.Timeout:
    """How long to wait for an answer; a server that takes no connection is given up sooner."""
    return httpx2.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S))


def parse_wire(shape: type[_Wire], payload: Mapping[str, Json]) -> _Wire | Fault:
    """Read the fields that are used; a fault that names the bad field if the answer does not have them."""
    try:
        return shape.model_validate(payload)
    except ValidationError as error:
        wrong = describe_problems(error, "the body", most=1)
        return Fault(FaultKind.MALFORMED, f"status 200, but {wrong}", status=200)


def empty_answer(stop_reason: str | None, usage: Usage | None) -> Fault:
    """The fault of a completion without text, tool call or refusal: no answer, though it may have been charged."""
    detail = f"an empty answer (stop reason {stop_reason})"
    return Fault(FaultKind.MALFORMED, detail, status=200, usage=usage, sent=True)


def fault_in_body(body: Json, status: int, redactor: Redactor, retry_after_s: float | None = None) -> Fault:
    """The fault that an error body describes: `{"error": {"message", "code", "type"}}` or `{"error": "text"}`."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(error, Mapping):
        return fault_of_status(status, redactor(_clip(_in_short(str(error)))), retry_after_s=retry_after_s)
    detail = redactor(_clip(_message_of(error)))
    code = f"{error.get('code') or ''} {error.get('type') or ''}"
    return fault_of_status(status, detail, code=code, retry_after_s=retry_after_s)


def _message_of(error: Mapping[str, Json]) -> str:
    """The message, with the parameter at fault, and with what the provider behind a router said.

    https://openrouter.ai/docs/api-reference/errors
    """
    message = str(error.get("message") or error.get("detail") or error)
    parameter, metadata = error.get("param"), error.get("metadata")
    if isinstance(parameter, str) and parameter not in message:
        message = f"{message} (parameter {parameter})"
    if isinstance(metadata, Mapping) and metadata.get("raw"):
        raw, provider = metadata["raw"], metadata.get("provider_name") or "the provider"
        message = f"{message} ({provider}: {_in_short(raw if isinstance(raw, str) else json.dumps(raw))})"
    return message


def _in_short(text: str) -> str:
    """A text as it is; of a web page its title, or its first words."""
    if not is_web_page(text):
        return text
    title = _TITLE.search(text)
    words = " ".join(html.unescape(_TAG.sub(" ", title[1] if title else text)).split())
    return f"a web page: {_clip(words, 120)!r}"


_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def _object_of(status: int, text: str, redactor: Redactor) -> Mapping[str, Json] | Fault:
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        # a page of a proxy or a captive portal, which both SDKs would silently return as a str
        found = _in_short(text) if is_web_page(text) else repr(_clip(text, 80))
        return Fault(FaultKind.MALFORMED, redactor(f"not JSON: {found}"), status=status)
    if not isinstance(payload, Mapping):
        return Fault(FaultKind.MALFORMED, redactor(f"not a JSON object: {_clip(text, 80)!r}"), status=status)
    if payload.get("error"):
        return _fault_of_good_status(payload, redactor)
    return payload


def _fault_of_transport(error: BaseException, redactor: Redactor) -> Fault:
    """The fault of a trip that brought no response. Unless it failed to connect, the server may have worked."""
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    if any(isinstance(each, RedirectRefusedError) for each in causes):
        return Fault(FaultKind.WRONG_ADDRESS, redactor(str(causes[-1])))
    connected = not any(isinstance(each, _NOT_CONNECTED) for each in causes)
    if any(isinstance(each, httpx2.TimeoutException) for each in causes):
        detail = "no complete answer in time" if connected else "no connection in time"
        return Fault(FaultKind.TIMEOUT, detail, sent=connected)
    # the SDKs' own message is only "Connection error."
    detail = redactor(_clip(f"{type(causes[-1]).__name__}: {causes[-1]}"))
    return Fault(FaultKind.CONNECTION, detail, sent=connected)


_CONNECT_S = 30.0
_NOT_CONNECTED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


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


def _clip(text: str, limit: int = _DETAIL_LIMIT) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
