"""The studies by name; a new study is a folder, or a file, and one line here."""

from collections.abc import Mapping
from typing import Any

from ablations.code.study.study import CodeStudy
from ablations.comparison import Comparison
from ablations.floor.errors import UnknownStudyError
from ablations.floor.study import Study
from ablations.heads.study import HeadsStudy
from ablations.llm_selection import LlmSelection
from ablations.resources.study import ResourcesStudy
from ablations.run_study import RunStudy

STUDIES: Mapping[str, type[RunStudy]] = {kind.name: kind for kind in (Comparison, LlmSelection)}
"""Those that compare finished runs."""

_MEASURED: tuple[type[Study[Any]], ...] = (HeadsStudy, CodeStudy, ResourcesStudy)
MEASURED: Mapping[str, type[Study[Any]]] = {kind.name: kind for kind in _MEASURED}
"""Those that measure conditions of their own, by the floor."""


def study(name: str) -> RunStudy:
    """Return the study over finished runs that has this name.

    Raises:
        UnknownStudyError: There is none; the message lists the known ones.
    """
    if name not in STUDIES:
        raise UnknownStudyError(name, ", ".join(STUDIES))
    return STUDIES[name]()


def measured(name: str) -> Study[Any]:
    """Return the study that measures conditions and has this name.

    Raises:
        UnknownStudyError: There is none; the message lists the known ones.
    """
    if name not in MEASURED:
        raise UnknownStudyError(name, ", ".join(MEASURED))
    return MEASURED[name]()
