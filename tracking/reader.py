"""Reading a ledger back, and telling a crash (a torn last line) from damage (anything else)."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ground.problems import describe_problems
from tracking.clock import moment
from tracking.errors import CorruptLedgerError, HalfWrittenLedgerError, LedgerMissingError
from tracking.events import Event
from tracking.kinds import EventKind
from tracking.payloads import PAYLOADS, SCHEMA, Resumed, RunStarted
from tracking.upgrade import upgrade


def read_ledger(path: Path) -> tuple[Event, ...]:
    """Every event of a ledger, checked: numbered without a gap from 1, of known kinds, with valid payloads.

    Raises:
        LedgerMissingError: there is no such file.
        HalfWrittenLedgerError: the last line has no end (it was never acknowledged); ``repair`` cuts it.
        CorruptLedgerError: any other line is not an event, or is out of order.
    """
    whole, torn = split_ledger(path)
    events = decode_lines(path, whole)
    if torn:
        raise HalfWrittenLedgerError(str(path), len(whole) + 1, path.parent.name)
    return events


def split_ledger(path: Path) -> tuple[list[bytes], bytes]:
    """The complete lines of a ledger without their ends, and what stands behind the last of them."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise LedgerMissingError(str(path)) from error
    *whole, torn = content.split(b"\n")
    return whole, torn


def decode_lines(path: Path, lines: list[bytes]) -> tuple[Event, ...]:
    """The events of complete lines, those of older formats as today's would be.

    Raises:
        CorruptLedgerError: a line is no event.
    """
    events: list[Event] = []
    schema = SCHEMA
    for number, line in enumerate(lines, start=1):
        try:
            event = decode(line, number, schema)
        except ValueError as error:
            raise CorruptLedgerError(str(path), number, str(error)) from error
        events.append(event)
        schema = schema_after(event, schema)
    return tuple(events)


def schema_after(event: Event, schema: int) -> int:
    """The format of the line that follows an event: that of its own line, unless it says another."""
    match event.payload:
        case RunStarted(schema_version=stated) | Resumed(schema_version=stated):
            return stated
        case _:
            return schema


def decode(line: bytes, seq: int, schema: int = SCHEMA) -> Event:
    """The event of one line.

    Args:
        line: without its end.
        seq: the number that it must have.
        schema: the format that it is written in.

    Raises:
        ValueError: it is not event number `seq`; the message says why.
    """
    fields = _json_object(line)
    if fields.get("seq") != seq:
        raise ValueError(f"it is numbered {fields.get('seq')!r} where {seq} belongs, so lines are missing or moved")
    del fields["seq"]
    try:
        time, kind = moment(str(fields.pop("time", None))), EventKind(fields.pop("kind", None))
    except ValueError as error:
        raise ValueError(f"its envelope does not read ({error})") from error
    try:
        return Event(seq, time, PAYLOADS[kind].model_validate(fields if schema == SCHEMA else upgrade(kind, fields)))
    except ValidationError as error:
        wrong = describe_problems(error, "the event", most=1)
        raise ValueError(f"its {kind.value} payload does not read ({wrong})") from error


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error})") from error
    match fields:
        case dict():
            return fields
        case _:
            raise ValueError(f"it is a JSON {type(fields).__name__} and not an object")
