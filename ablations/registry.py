"""The studies by name; a new study is a new file and one line here."""

from collections.abc import Mapping

from ablations.comparison import Comparison
from ablations.errors import UnknownStudyError
from ablations.llm_selection import LlmSelection
from ablations.study import Study

STUDIES: Mapping[str, type[Study]] = {kind.name: kind for kind in (Comparison, LlmSelection)}


def study(name: str) -> Study:
    """Return the study of this name.

    Raises:
        UnknownStudyError: There is none; the message lists the known ones.
    """
    if name not in STUDIES:
        raise UnknownStudyError(name, ", ".join(STUDIES))
    return STUDIES[name]()
