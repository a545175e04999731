"""What a run amounts to, from what was seen of it."""

import signal
from typing import Any

import pytest

from sandbox.inside.outcomes import LimitName, Outcome
from sandbox.inside.verdicts import Seen, verdict_of

LIMITS = {name.value: 7 for name in LimitName}
PASSED = {"check": 0, "outcome": "passed", "detail": "", "trace": ""}
FAILED = PASSED | {"outcome": "failed", "detail": "why"}
GONE = PASSED | {"outcome": "no_verdict", "detail": "gone"}
DONE = {"done": True}
END, CODE_3, SEGV, KILL = 0, 3 << 8, int(signal.SIGSEGV), int(signal.SIGKILL)


def seen(**changes: Any) -> Seen:
    nothing = Seen(
        passed=None,
        status=END,
        referee_status=None,
        said={},
        findings=(),
        serves=False,
        exit_ends=False,
        disk_is_full=False,
    )
    return nothing._replace(**changes)


def error(kind: str, **more: Any) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "m", "errno": None, "code": None, "trace": "t", **more}}


@pytest.mark.parametrize(
    ("changes", "outcome", "limit"),
    [
        ({"said": {"ended": True}}, Outcome.PASSED, None),
        ({}, Outcome.NO_VERDICT, None),
        ({"said": {"ended": 1}}, Outcome.NO_VERDICT, None),
        ({"said": {"ended": True}, "status": CODE_3}, Outcome.FAILED, None),
        ({"said": {"ended": True}, "status": SEGV}, Outcome.KILLED, None),
        ({"said": {"ended": True}, "status": None}, Outcome.NO_VERDICT, None),
        ({"said": error("ValueError"), "status": 1 << 8}, Outcome.FAILED, None),
        ({"said": error("ValueError")}, Outcome.FAILED, None),
        ({"said": error("MemoryError")}, Outcome.OUT_OF_MEMORY, LimitName.MEMORY),
        ({"said": error("OSError", errno=28)}, Outcome.OUT_OF_DISK, LimitName.DISK),
        ({"said": error("OSError", errno=12)}, Outcome.OUT_OF_MEMORY, LimitName.MEMORY),
        ({"said": error("BlockingIOError", errno=11)}, Outcome.TOO_MANY_PROCESSES, LimitName.PROCESSES),
        ({"said": error("SystemExit", code=0)}, Outcome.NO_VERDICT, None),
        ({"said": error("SystemExit", code=0), "exit_ends": True}, Outcome.PASSED, None),
        ({"said": error("SystemExit", code=0), "exit_ends": True, "status": CODE_3}, Outcome.NO_VERDICT, None),
        ({"said": error("ValueError"), "disk_is_full": True}, Outcome.OUT_OF_DISK, LimitName.DISK),
        ({"said": {"ended": True}, "disk_is_full": True}, Outcome.PASSED, None),
        ({"status": int(signal.SIGXCPU)}, Outcome.TIMED_OUT, LimitName.CPU),
        ({"status": int(signal.SIGXFSZ)}, Outcome.OUT_OF_DISK, LimitName.DISK),
        ({"passed": (Outcome.TIMED_OUT, LimitName.WALL), "said": {"ended": True}}, Outcome.TIMED_OUT, LimitName.WALL),
    ],
)
def test_of_a_script(changes: dict[str, Any], outcome: Outcome, limit: LimitName | None) -> None:
    verdict = verdict_of(seen(**changes), LIMITS)
    assert (verdict.outcome, verdict.limit) == (outcome, limit)
    assert bool(verdict.detail) == (outcome is not Outcome.PASSED)


@pytest.mark.parametrize(
    ("findings", "changes", "outcome"),
    [
        ((PASSED, DONE), {"status": None}, Outcome.PASSED),
        ((PASSED, DONE), {"status": END}, Outcome.PASSED),
        ((PASSED,), {"status": None, "referee_status": KILL}, Outcome.NO_VERDICT),
        ((PASSED,), {"status": None, "referee_status": 1 << 8}, Outcome.INFRASTRUCTURE),
        ((PASSED,), {"status": END}, Outcome.NO_VERDICT),
        ((), {"status": END, "said": {"ended": True}}, Outcome.NO_VERDICT),
        ((), {"status": SEGV}, Outcome.KILLED),
        ((GONE, DONE), {"status": SEGV}, Outcome.KILLED),
        ((GONE, DONE), {"status": None}, Outcome.NO_VERDICT),
        ((PASSED, FAILED, DONE), {"status": None}, Outcome.FAILED),
        ((FAILED, GONE, DONE), {"status": SEGV}, Outcome.FAILED),
        ((PASSED, DONE), {"passed": (Outcome.OUT_OF_MEMORY, LimitName.MEMORY)}, Outcome.OUT_OF_MEMORY),
    ],
)
def test_of_checks(findings: tuple[Any, ...], changes: dict[str, Any], outcome: Outcome) -> None:
    verdict = verdict_of(seen(serves=True, findings=findings, **changes), LIMITS)
    assert verdict.outcome is outcome
    assert bool(verdict.detail) == (outcome is not Outcome.PASSED)
