"""What a model is asked about a finished study: its tables and its coverage, and nothing else of it."""

from ablations.code.asking.blocks import DATA, block
from ablations.floor.export import to_markdown
from ablations.floor.report import Report
from llm_clients.request import Request

MAX_TOKENS = 2048
"""Of the answer."""
_LARGEST = 40_000
"""Characters of one table: its first rows."""
SYSTEM = f"You are a researcher who reads ablation studies of machine-learning code.\n{DATA}"
TASK = """Write a short analysis of the ablation study below, in plain text of at most 400 words, for its author:
- Which components matter, by how much (with the intervals), and which do not, as far as this many seeds can tell. \
An inconclusive answer is no evidence that a component does nothing.
- What the gates refused, and what stays untested.
- Which one or two further ablations would tell most, and why.
State no number that is not in the tables, and claim no cause that they do not show."""


def analysis_request(report: Report, *, max_tokens: int = MAX_TOKENS) -> Request:
    """Return the request for an analysis of a report; the same report gives the same request."""
    parts = [TASK, block("The study", "\n".join([report.question, report.about, *report.answers]))]
    parts += [block(section.heading, "\n".join(section.paragraphs)) for section in report.sections]
    parts += [block(table.title.split("\n")[0], to_markdown(table)[:_LARGEST]) for table in report.short_tables]
    return Request.ask("\n\n".join(parts), system=SYSTEM, max_tokens=max_tokens)
