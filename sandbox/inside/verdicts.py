"""What a run amounts to, decided from what the supervisor saw. No process is touched here."""

import os
import signal
from collections.abc import Sequence
from typing import Any, NamedTuple

from sandbox.inside.errors import outcome_of, sentence
from sandbox.inside.outcomes import LIMIT_OF, WORDS, LimitName, Outcome


class Verdict(NamedTuple):
    """How a run ended.

    Attributes:
        outcome: the kind of end.
        limit: the limit that was the reason, if one was.
        detail: the reason on one line; empty if it passed.
        trace: of the exception that ended it, if one did.
    """

    outcome: Outcome
    limit: LimitName | None = None
    detail: str = ""
    trace: str = ""


class Seen(NamedTuple):
    """What the supervisor saw of a run.

    Attributes:
        passed: the outcome and the limit that it stopped the run for, if it did.
        status: wait status of the program; None if the supervisor had to end it.
        referee_status: wait status of the referee; None of a script, or if the supervisor ended it.
        said: what a script said of its own end.
        findings: of the referee, about the checks in their order.
        serves: whether there were checks, not a script.
        exit_ends: whether a script may end by `sys.exit(0)`.
        disk_is_full: at the end.
    """

    passed: tuple[Outcome, LimitName] | None
    status: int | None
    referee_status: int | None
    said: dict[str, Any]
    findings: Sequence[dict[str, Any]]
    serves: bool
    exit_ends: bool
    disk_is_full: bool


def verdict_of(seen: Seen, limits: dict[str, Any]) -> Verdict:
    """Decide what a run amounts to. Whatever is unclear is no verdict: only the referee, or an end in order, passes."""
    if seen.passed is not None:
        outcome, limit = seen.passed
        return Verdict(outcome, limit, f"stopped at its limit of {WORDS[limit].format(limits[limit])}")
    found = _of_checks(seen) if seen.serves else _of_script(seen)
    if found.outcome is Outcome.FAILED and seen.disk_is_full:
        found = found._replace(outcome=Outcome.OUT_OF_DISK)
    return found if found.limit is not None else found._replace(limit=LIMIT_OF.get(found.outcome))


def _of_script(seen: Seen) -> Verdict:
    if seen.status is None:
        return Verdict(Outcome.NO_VERDICT, detail="the program did not end")
    if death := _death(seen.status):
        return death
    code = os.waitstatus_to_exitcode(seen.status)
    error = seen.said.get("error")
    if isinstance(error, dict) and not (code == 0 and error.get("type") == "SystemExit" and seen.exit_ends):
        return Verdict(outcome_of(error), None, sentence(error), str(error.get("trace", "")))
    if code != 0:
        return Verdict(Outcome.FAILED, detail=f"the program ended with exit code {code}")
    if isinstance(error, dict) or seen.said.get("ended") is True:
        return Verdict(Outcome.PASSED)
    return Verdict(Outcome.NO_VERDICT, detail="the program ended before its end, with exit code 0")


def _of_checks(seen: Seen) -> Verdict:
    bad = next((found for found in seen.findings if found.get("outcome", Outcome.PASSED) != Outcome.PASSED), None)
    if bad is not None and bad["outcome"] != Outcome.NO_VERDICT:
        return Verdict(Outcome(bad["outcome"]), None, bad["detail"], bad["trace"])
    if bad is None and seen.findings and seen.findings[-1].get("done") is True:
        return Verdict(Outcome.PASSED)
    if seen.status is not None and (death := _death(seen.status)):
        return death
    if bad is not None:
        return Verdict(Outcome.NO_VERDICT, None, bad["detail"], bad["trace"])
    if seen.status is not None:
        code = os.waitstatus_to_exitcode(seen.status)
        return Verdict(Outcome.NO_VERDICT, detail=f"the program ended before it was judged, with exit code {code}")
    if seen.referee_status is not None and os.waitstatus_to_exitcode(seen.referee_status) > 0:
        return Verdict(Outcome.INFRASTRUCTURE, detail="the referee failed")
    return Verdict(Outcome.NO_VERDICT, detail="the referee was killed")


def _death(status: int) -> Verdict | None:
    """How a signal ended the program; None if it ended otherwise."""
    number = -os.waitstatus_to_exitcode(status)
    if number <= 0:
        return None
    if number == signal.SIGXCPU:
        return Verdict(Outcome.TIMED_OUT, LimitName.CPU, "ended by the kernel at its limit of processor time")
    if number == signal.SIGXFSZ:
        return Verdict(Outcome.OUT_OF_DISK, LimitName.DISK, "ended by the kernel at its limit of disk")
    name = signal.Signals(number).name if number in signal.valid_signals() else str(number)
    return Verdict(Outcome.KILLED, detail=f"the program was ended by the signal {name}")
