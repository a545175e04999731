"""A ledger of format 1 is read as the current format, and continued in the current format."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tracking.samples import whole_run
from tracking.chain import START, follow
from tracking.errors import CorruptLedgerError
from tracking.events import payloads_of
from tracking.kinds import Condition, DecisionKind
from tracking.ledger import Ledger, encode
from tracking.payloads import SCHEMA, Decision, LlmCall, Resumed, RunStarted
from tracking.reader import read_ledger
from tracking.repair import repair

TIME = "2026-11-20T10:00:00.000000Z"


def old(path: Path, *lines: dict[str, Any]) -> Path:
    """Write a ledger of format 1 with these lines after its first."""
    started = next(payload for payload in whole_run() if isinstance(payload, RunStarted))
    first = {"kind": "run_started", **started.model_dump(mode="json", by_alias=True), "schema": 1}
    written = [{"seq": seq, "time": TIME, **line} for seq, line in enumerate((first, *lines), start=1)]
    path.write_text("".join(json.dumps(line) + "\n" for line in written))
    return path


@pytest.mark.parametrize(
    ("decision", "reason", "now"),
    [
        ("widen", "stalled: no gain: none", Decision(decision=DecisionKind.WIDEN, reason="no gain: none")),
        ("stop", "the budget of 8 trials is spent", Decision(decision=DecisionKind.STOP, reason="the budget of …")),
        ("retried", "trial 12: it died: so once more", Decision(decision=DecisionKind.RETRIED, reason="it died: …")),
        ("turned_back_repeated", "llm:x repeated trial 3", Decision(decision=DecisionKind.REPEATED, reason="llm:x …")),
        ("turned_back_missed", "tpe asked for 9", Decision(decision=DecisionKind.MISSED, reason="tpe asked for 9")),
    ],
)
def test_what_the_reason_began_with_has_a_field(tmp_path: Path, decision: str, reason: str, now: Decision) -> None:
    path = old(tmp_path / "ledger.jsonl", {"kind": "decision", "decision": decision, "reason": reason})
    (read,) = payloads_of(read_ledger(path), Decision)
    assert read.decision is now.decision
    assert read.reason.startswith(now.reason.removesuffix("…"))
    assert read.condition == (Condition.STALLED if decision == "widen" else None)
    assert read.trial == {"retried": 12, "turned_back_repeated": 3}.get(decision)


@pytest.mark.parametrize("condition", list(Condition))
def test_every_condition_is_found(tmp_path: Path, condition: Condition) -> None:
    line = {"kind": "decision", "decision": "explore", "reason": f"{condition}: why"}
    (read,) = payloads_of(read_ledger(old(tmp_path / "ledger.jsonl", line)), Decision)
    assert (read.condition, read.reason) == (condition, "why")


def test_a_call_s_rung_is_its_mode(tmp_path: Path) -> None:
    call = next(payload for payload in whole_run() if isinstance(payload, LlmCall))
    fields = call.model_dump(mode="json") | {"rung": "tool"}
    del fields["mode"]
    for trip in fields["trail"]:
        trip["rung"] = trip.pop("mode")
    path = old(tmp_path / "ledger.jsonl", {"kind": "llm_call", **fields})
    (read,) = payloads_of(read_ledger(path), LlmCall)
    assert read == call.model_copy(update={"mode": "tool"})


def test_it_is_continued_in_the_current_format(tmp_path: Path) -> None:
    before = {"kind": "decision", "decision": "widen", "reason": "stalled: no gain"}
    path = old(tmp_path / "ledger.jsonl", before, {"kind": "resumed", "from_seq": 2})
    with Ledger.open(path) as ledger:
        ledger.record(Resumed(from_seq=3))
        # In the current format such a reason is not parsed.
        ledger.record(Decision(decision=DecisionKind.WIDEN, reason="stalled: no gain"))
    events = read_ledger(path)
    first, second = payloads_of(events, Decision)
    assert (first.condition, first.reason) == (Condition.STALLED, "no gain")
    assert (second.condition, second.reason) == (None, "stalled: no gain")
    assert [resumed.schema_version for resumed in payloads_of(events, Resumed)] == [1, SCHEMA]


def test_an_unknown_decision_is_refused_in_either_format(tmp_path: Path) -> None:
    path = old(tmp_path / "ledger.jsonl", {"kind": "decision", "decision": "perhaps", "reason": "x"})
    with pytest.raises(CorruptLedgerError, match="its decision payload is invalid"):
        read_ledger(path)


def test_a_complete_last_line_of_format_1_is_kept_by_repair(tmp_path: Path) -> None:
    path = old(tmp_path / "ledger.jsonl", {"kind": "decision", "decision": "widen", "reason": "stalled: no gain"})
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert repair(path).completed
    assert payloads_of(read_ledger(path), Decision)[0].condition is Condition.STALLED


def test_lines_of_the_current_format_are_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger.create(path) as ledger:
        for payload in whole_run():
            ledger.record(payload)
        events = ledger.events
    assert repr(read_ledger(path)) == repr(events)  # NaN is not equal to itself
    lines, chain = [], START
    for event in events:
        lines.append(encode(event, chain))
        chain = follow(chain, lines[-1].removesuffix(b"\n"))
    assert b"".join(lines) == path.read_bytes()
