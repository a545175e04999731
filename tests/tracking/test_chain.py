"""Changed ledgers are refused, with the number of the line; those of older formats are chained as they go on."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tracking.samples import run_started, whole_run
from tracking.errors import CorruptLedgerError
from tracking.ledger import Ledger
from tracking.payloads import Interrupted, Resumed
from tracking.reader import read_ledger
from tracking.repair import repair

Change = Callable[[list[bytes]], list[bytes]]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.jsonl"
    with Ledger.create(path) as ledger:
        for payload in whole_run():
            ledger.record(payload)
    return path


def renumbered(lines: list[bytes]) -> list[bytes]:
    """Number the lines as they are, as somebody would who moves them."""
    numbered = []
    for seq, line in enumerate(lines, start=1):
        numbered.append(b'{"seq":%d,' % seq + line.partition(b",")[2])
    return numbered


def swap(lines: list[bytes]) -> list[bytes]:
    return renumbered([*lines[:5], lines[6], lines[5], *lines[7:]])


def leave_out(lines: list[bytes]) -> list[bytes]:
    return renumbered([*lines[:5], *lines[6:]])


def double(lines: list[bytes]) -> list[bytes]:
    return renumbered([*lines[:6], lines[5], *lines[6:]])


def unchained(lines: list[bytes]) -> list[bytes]:
    return [*lines[:5], lines[5].rpartition(b',"chain"')[0] + b"}", *lines[6:]]


def edit(lines: list[bytes]) -> list[bytes]:
    fields = json.loads(lines[5])
    fields["time"] = fields["time"].replace("2026", "2025")
    return [*lines[:5], json.dumps(fields, separators=(",", ":")).encode(), *lines[6:]]


@pytest.mark.parametrize(("change", "line"), [(swap, 6), (leave_out, 6), (double, 7), (unchained, 6), (edit, 6)])
def test_a_change_is_refused_with_its_line_and_never_repaired(written: Path, change: Change, line: int) -> None:
    changed = b"".join(part + b"\n" for part in change(written.read_bytes().splitlines()))
    written.write_bytes(changed)
    for act in (read_ledger, Ledger.open, repair):
        with pytest.raises(CorruptLedgerError, match="its digest") as caught:
            act(written)
        assert caught.value.line == line
    assert written.read_bytes() == changed


def old_lines(schema: int) -> bytes:
    started = {"kind": "run_started", **run_started().model_dump(mode="json", by_alias=True), "schema": schema}
    interrupted = {"kind": "interrupted", "reason": "SIGINT"}
    lines = [{"seq": seq, "time": "2026-11-20T10:00:00.000000Z", **line} for seq, line in
             enumerate((started, interrupted), start=1)]  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@pytest.mark.parametrize("schema", [1, 2])
def test_a_ledger_of_an_older_format_goes_on_chained(tmp_path: Path, schema: int) -> None:
    """From its first new line on: then what was written before is held too."""
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(old_lines(schema))
    for word in ("one", "two"):
        with Ledger.open(path) as ledger:
            ledger.record(Resumed(from_seq=len(ledger.events)))
            ledger.record(Interrupted(reason=word))
    assert len(read_ledger(path)) == 6
    path.write_bytes(path.read_bytes().replace(b"SIGINT", b"SIGHUP"))
    with pytest.raises(CorruptLedgerError, match="its digest") as caught:
        read_ledger(path)
    assert caught.value.line == 3, "the first line whose digest says what was before it"
