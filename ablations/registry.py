"""The studies by name; a new study is a new file and one line here."""

from collections.abc import Mapping

from ablations.comparison import Comparison
from ablations.floor.errors import UnknownStudyError
from ablations.llm_selection import LlmSelection
from ablations.run_study import RunStudy

STUDIES: Mapping[str, type[RunStudy]] = {kind.name: kind for kind in (Comparison, LlmSelection)}


def study(name: str) -> RunStudy:
    """Return the study of this name.

    Raises:
        UnknownStudyError: There is none; the message lists the known ones.
    """
    if name not in STUDIES:
        raise UnknownStudyError(name, ", ".join(STUDIES))
    return STUDIES[name]()
