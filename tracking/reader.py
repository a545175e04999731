"""Reads a ledger file back as events; `tracking.mirror.query` reads runs from MLflow instead.

An incomplete last line is the result of a crash and can be repaired. Anything else that does not fit is damage.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ground.problems import describe_problems
from tracking.chain import START, end_of, follow
from tracking.clock import parse_time
from tracking.errors import CorruptLedgerError, HalfWrittenLedgerError, LedgerMissingError
from tracking.events import Event
from tracking.kinds import EventKind
from tracking.payload_classes import PAYLOADS
from tracking.payloads import CHAINED, SCHEMA, Resumed, RunStarted
from tracking.study_payloads import StudyStarted
from tracking.upgrade import upgrade


def read_ledger(path: Path) -> tuple[Event, ...]:
    """Read and check every event of a ledger: numbered without a gap from 1, of known kinds, with valid payloads.

    Raises:
        LedgerMissingError: There is no such file.
        HalfWrittenLedgerError: The last line has no newline, so it was never acknowledged; `repair` cuts it.
        CorruptLedgerError: Another line is not an event, or is out of order.
    """
    return read_chained(path)[0]


def read_chained(path: Path) -> tuple[tuple[Event, ...], str]:
    """Read a ledger as `read_ledger` does, and also the digest that its next line continues."""
    whole, torn = split_ledger(path)
    events = decode_lines(path, whole)
    if torn:
        raise HalfWrittenLedgerError(str(path), len(whole) + 1, path.parent.name)
    return events, end_of(whole)


def read_whole_lines(path: Path) -> tuple[Event, ...]:
    """Read the events of a ledger without a last line that is half written, as that of one that is being written.

    Raises:
        LedgerMissingError: There is no such file.
        CorruptLedgerError: A complete line is not an event, or is out of order.
    """
    return decode_lines(path, split_ledger(path)[0])


def split_ledger(path: Path) -> tuple[list[bytes], bytes]:
    """Split a ledger into its complete lines, without their newlines, and what follows the last newline.

    Raises:
        LedgerMissingError: There is no such file.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise LedgerMissingError(str(path)) from error
    *whole, torn = content.split(b"\n")
    return whole, torn


def decode_lines(path: Path, lines: list[bytes]) -> tuple[Event, ...]:
    """Decode complete lines; lines of older formats are converted to the current one.

    Args:
        path: The file that the lines are from, for the error message.
        lines: Every complete line of the ledger, without newlines.

    Raises:
        CorruptLedgerError: A line is not an event, or is out of order.
    """
    events: list[Event] = []
    schema, previous = SCHEMA, START
    for number, line in enumerate(lines, start=1):
        try:
            event = decode(line, number, schema, previous)
        except ValueError as error:
            raise CorruptLedgerError(str(path), number, str(error)) from error
        events.append(event)
        schema, previous = schema_after(event, schema), follow(previous, line)
    return tuple(events)


def schema_after(event: Event, schema: int) -> int:
    """Return the format of the line after `event`: that of its own line, unless the event states another."""
    match event.payload:
        case RunStarted(schema_version=stated) | StudyStarted(schema_version=stated) | Resumed(schema_version=stated):
            return stated
        case _:
            return schema


def decode(line: bytes, seq: int, schema: int = SCHEMA, previous: str = START) -> Event:
    """Decode the event of one line.

    Args:
        line: The line without its newline.
        seq: The number that the event must have.
        schema: The version of the format in which the line is written.
        previous: The digest of the line before it.

    Raises:
        ValueError: It is not event number `seq`; the message says why.
    """
    fields = _json_object(line)
    if fields.get("seq") != seq:
        raise ValueError(f"it is numbered {fields.get('seq')!r} where {seq} is expected, so lines are missing or moved")
    del fields["seq"]
    try:
        time, kind = parse_time(str(fields.pop("time", None))), EventKind(fields.pop("kind", None))
    except ValueError as error:
        raise ValueError(f"its time or kind is invalid ({error})") from error
    digest = fields.pop("chain", None)
    try:
        event = Event(seq, time, PAYLOADS[kind].model_validate(upgrade(kind, fields) if schema == 1 else fields))
    except ValidationError as error:
        wrong = describe_problems(error, "the event", most=1)
        raise ValueError(f"its {kind.value} payload is invalid ({wrong})") from error
    first = event.payload.schema_version if isinstance(event.payload, RunStarted) else schema
    if digest is None and first < CHAINED:
        return event
    if digest != follow(previous, line):
        raise ValueError(
            f"its digest, {digest!r}, is not that of its content and of the lines before it, so it or one of them was "
            "changed, swapped or removed"
        )
    return event


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON ({error})") from error
    match fields:
        case dict():
            return fields
        case _:
            raise ValueError(f"it is a JSON {type(fields).__name__}, not an object")
