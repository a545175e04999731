"""Who runs scripts: the interface, and the files of a run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from ablations.code.running.facts import Ended, RunFacts
from ablations.code.source.documents import Documents
from ablations.code.source.errors import DocumentError

HARNESS = "espalier_harness.py"
FACTS = "espalier_facts.json"


class ScriptRunner(Protocol):
    """Runs a script among documents, and returns what the harness learned of it."""

    def run(self, documents: Documents, script: str, arguments: Sequence[str]) -> RunFacts:
        """Run to the end. Whatever the script does is a result."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a run and its command line, for whoever runs it.

    Attributes:
        files: Content by path in the working folder.
        arguments: Of the Python that runs them there; the facts are then in `FACTS`.
    """

    files: Mapping[str, str]
    arguments: tuple[str, ...]


def layout(documents: Documents, script: str, arguments: Sequence[str]) -> Layout:
    """Return the files and the command line of a run.

    Raises:
        DocumentError: A document has the name of a file that a run needs for itself.
    """
    if taken := sorted({HARNESS, FACTS} & set(documents.texts)):
        raise DocumentError(
            f"A document is called {taken[0]!r}, which each run needs for itself: give it another name."
        )
    harness = Path(__file__).with_name("harness.py").read_text(encoding="utf-8")
    return Layout({**documents.texts, HARNESS: harness}, (HARNESS, FACTS, script, *arguments))


def read_facts(data: bytes | None, otherwise: str) -> RunFacts:
    """Return the facts that a run left.

    Args:
        data: The content of `FACTS`; None if there is none.
        otherwise: What is known of a run that left none.
    """
    if data is None:
        return RunFacts(ended=Ended.LOST, detail=otherwise)
    try:
        return RunFacts.model_validate(json.loads(data))
    except (ValidationError, ValueError) as error:
        return RunFacts(ended=Ended.LOST, detail=f"the record of the run cannot be read ({type(error).__name__})")
