"""The analysis that a model wrote of the study, marked as such wherever it stands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablations.floor.report import Section
from llm_clients.request import Completion

SUBJECT = "analysis"
"""What the calls are about, in the keys of the journal: `answer/analysis/1`. Components have a colon in their names."""
_KEY = re.compile(rf"answer/{SUBJECT}/(\d+)")


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis.

    Attributes:
        model: Who wrote it.
        text: What it wrote.
        about: How much of the study had been measured then.
    """

    model: str
    text: str
    about: str

    @property
    def heading(self) -> str:
        """What stands above it."""
        return f"An analysis by {self.model}, which nobody has checked"

    @property
    def note(self) -> str:
        """What a reader has to know of it."""
        return (
            f"A language model wrote this, from the tables of this report alone, when they said: {self.about} It is no "
            "result: the answers and the tables are."
        )


def analysis_of(prepared: Mapping[str, Mapping[str, Any]]) -> Analysis | None:
    """Return the analysis that a journal holds; None if no model has written one."""
    for key, entry in prepared.items():
        if _KEY.fullmatch(key) and "call" in entry:
            call = Completion.from_json(entry["call"])
            if call.answered:
                return Analysis(call.model, call.text.strip(), str(entry.get("about", "")))
    return None


def analysis_section(analysis: Analysis) -> Section:
    """Return it as a section of the page."""
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n|\n(?=\s*[-*•] )", analysis.text))
    return Section(analysis.heading, (analysis.note, *(part for part in paragraphs if part)))


def analysis_text(analysis: Analysis) -> str:
    """Return it as a text of its own, for a file."""
    return f"# {analysis.heading}\n\n{analysis.note}\n\n{analysis.text}\n"
