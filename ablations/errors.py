"""What can go wrong when runs are compared. Every error keeps plain arguments, so that it survives pickling."""


class AblationError(ValueError):
    """Base of everything that this room raises for a reader to act on."""


class UnknownStudyError(AblationError):
    """No study goes by this name."""

    def __init__(self, asked: str, known: str) -> None:
        super().__init__(asked, known)
        self.asked, self.known = asked, known

    def __str__(self) -> str:
        return f"There is no study {self.asked!r}; there are: {self.known}."


class NothingToCompareError(AblationError):
    """Not one of the runs can stand in a comparison."""

    def __init__(self, runs: int, reasons: str) -> None:
        super().__init__(runs, reasons)
        self.runs, self.reasons = runs, reasons

    def __str__(self) -> str:
        found = (
            f"none of the {self.runs} runs found can be compared ({self.reasons})" if self.runs else "no run was found"
        )
        return f"There is nothing to compare: {found}. Let at least one `search` end, then ask again."
