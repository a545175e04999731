"""The studies by name: a new one is a file and a line here."""

from collections.abc import Mapping

from ablations.comparison import Comparison
from ablations.errors import UnknownStudyError
from ablations.llm_selection import LlmSelection
from ablations.study import Study

STUDIES: Mapping[str, type[Study]] = {kind.name: kind for kind in (Comparison, LlmSelection)}


def study(name: str) -> Study:
    """The study of this name. Raises UnknownStudyError with those there are."""
    if name not in STUDIES:
        raise UnknownStudyError(name, ", ".join(STUDIES))
    return STUDIES[name]()
