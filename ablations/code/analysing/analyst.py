"""Asks a model for the analysis of a study, once, whatever kills the study in between."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

from ablations.code.asking.analysis import analysis_request
from ablations.code.asking.spending import LOST, answer_key, asked_key, fault_key, faults_of, trips_asked
from ablations.code.summary.analysis import SUBJECT, analysis_of, analysis_text
from ablations.floor.journal import Journal
from ablations.floor.report import Report
from ground.files import write_whole
from llm_clients.client import LLMClient
from llm_clients.request import Usage

FILE = "analysis.md"


def analyse(client: LLMClient, report: Report, journal: Journal, folder: Path, say: Callable[[str], None]) -> None:
    """Ask, unless the journal holds an analysis; a call that no model answered costs the study nothing else.

    The keys are those of the patches' calls, so that a limit of money counts all of them.

    Args:
        client: Of the model. It spends against a limit that knows what was spent before.
        report: What is to be analysed.
        journal: Of the study.
        folder: For the text.
        say: Shows a line to the user.
    """
    if analysis_of(journal.entries()) is None:
        _ask(client, report, journal, say)
    if (analysis := analysis_of(journal.entries())) is not None:
        write_whole(folder / FILE, analysis_text(analysis))


def _ask(client: LLMClient, report: Report, journal: Journal, say: Callable[[str], None]) -> None:
    number = _number(journal)

    def announced(most: Usage, cost_usd: float | None) -> None:
        trip = trips_asked(journal.entries(), SUBJECT, number) + 1
        journal.record(asked_key(SUBJECT, number, trip), {"tokens": most.total, "cost_usd": cost_usd})

    client.announce(announced)
    call = client.complete(analysis_request(report))
    trips = trips_asked(journal.entries(), SUBJECT, number)
    facts = {"trips": trips, "call": call.to_json(), "about": report.about}
    if call.answered:
        journal.record(answer_key(SUBJECT, number), facts)
        return
    journal.record(fault_key(SUBJECT, number, 1), facts)
    say(f"{client.model} gave no analysis ({call.outcome.value}): {call.detail or 'no reason was given'}")


def _number(journal: Journal) -> int:
    """The number of the next call; one whose outcome was never known is closed first, and counts at its most."""
    for number in count(1):
        entries = journal.entries()
        asked, failed = trips_asked(entries, SUBJECT, number), faults_of(entries, SUBJECT, number)
        if not asked and not failed:  # one that the limit refused was never sent
            return number
        if not failed and answer_key(SUBJECT, number) not in entries:
            journal.record(answer_key(SUBJECT, number), {"trips": asked, "outcome": LOST})
    raise AssertionError("counting never ends")
