"""The errors of studies. Every error keeps plain arguments, so that it survives pickling."""


class AblationError(ValueError):
    """Base of all errors of this package that a user can act on."""


class UnknownStudyError(AblationError):
    """There is no study of this name."""

    def __init__(self, asked: str, known: str) -> None:
        super().__init__(asked, known)
        self.asked, self.known = asked, known

    def __str__(self) -> str:
        return f"There is no study {self.asked!r}; there are: {self.known}."


class NothingToCompareError(AblationError):
    """None of the runs can be compared."""

    def __init__(self, runs: int, reasons: str) -> None:
        super().__init__(runs, reasons)
        self.runs, self.reasons = runs, reasons

    def __str__(self) -> str:
        found = (
            f"none of the {self.runs} runs found can be compared ({self.reasons})" if self.runs else "no run was found"
        )
        return f"There is nothing to compare: {found}. Let at least one `search` finish, then try again."


class StudyOptionsError(AblationError):
    """An option of a study cannot be used."""


class StudyFolderError(AblationError):
    """The folder of a study holds something else than what is to go on in it."""


class NothingMeasuredError(AblationError):
    """No condition of a study could be measured."""
