"""Did nothing change outside of the component, but what its own names needed?"""

from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case
from ablations.code.source.alignment import Mismatch


class Scope(Gate):
    """Compares all documents; the component's file by the rule of `ablations.code.source.alignment`."""

    name: ClassVar[str] = "scope"
    question: ClassVar[str] = "Is everything else as it was?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        before, after = case.original.texts, case.ablated.texts
        if set(before) != set(after):
            changed = ", ".join(sorted(set(before) ^ set(after)))
            return f"documents appeared or went away: {changed}"
        for file in before:
            if file != case.component.file and before[file] != after[file]:
                return f"{file} was changed, and the component is in {case.component.file}"
        found = case.alignment()
        if isinstance(found, Mismatch):
            was = f"`{found.old}`" if found.old else "nothing"
            became = f"`{found.new}`" if found.new else "nothing"
            return (
                f"{case.component.file} was changed outside of the component, around line {found.line}: {was} became "
                f"{became}"
            )
        return None
