"""The folder of a study: its ledger, and whether what it holds can go on with what is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.floor.condition import shown
from ablations.floor.errors import StudyFolderError, StudyOptionsError
from ablations.floor.options import StudyOptions, fixed_fields, make_options
from ablations.floor.study import Study
from tracking.errors import LedgerMissingError
from tracking.events import Event
from tracking.reader import read_whole_lines
from tracking.runs import RunDir
from tracking.study_payloads import StudyExtended, StudyStarted


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """The folder of one study, and the paths in it."""

    path: Path

    @property
    def run(self) -> RunDir:
        """The folder as that of a run: ledger and tracker lie in it in the same way."""
        return RunDir(self.path)

    @property
    def ledger(self) -> Path:
        """The file of its events."""
        return self.run.ledger

    @property
    def artifacts(self) -> Path:
        """The folder of the conditions' folders."""
        return self.path / "conditions"

    @property
    def prepared(self) -> Path:
        """The folder of what was prepared for all conditions; no condition is called so."""
        return self.artifacts / "prepared"

    @property
    def ray(self) -> Path:
        """A folder for what Ray writes of its own, which is removed at the end."""
        return self.path / "ray"


def read_study(folder: StudyFolder, study: Study[Any]) -> tuple[Sequence[Event], StudyOptions]:
    """Read the events of a study's folder, as far as they are whole, and the options that it has now.

    Raises:
        StudyFolderError: There is no study in it, or another one.
        CorruptLedgerError: The ledger is damaged.
    """
    try:
        events = read_whole_lines(folder.ledger)
    except LedgerMissingError:
        raise StudyFolderError(
            f"There is no study in {str(folder.path)!r} yet: run `ablate {study.name}` without --only-report first, or "
            "name its folder by --output."
        ) from None
    if not events:
        raise StudyFolderError(
            f"The study in {str(folder.path)!r} has measured nothing yet: run `ablate {study.name}` without "
            "--only-report."
        )
    return events, recorded_options(folder, study, events)


def recorded_options(folder: StudyFolder, study: Study[Any], events: Sequence[Event]) -> StudyOptions:
    """Return the options that a ledger states last.

    Raises:
        StudyFolderError: It is that of another study, of a search, or of a version with other options.
    """
    match events[0].payload:
        case StudyStarted(study=name) if name == study.name:
            pass
        case StudyStarted(study=name):
            raise StudyFolderError(
                f"{str(folder.path)!r} holds the study {name!r}, and {study.name!r} was asked for: name another folder "
                "by --output."
            )
        case _:
            raise StudyFolderError(f"{str(folder.path)!r} holds a run and no study: name another folder by --output.")
    stated = [e.payload.options for e in events if isinstance(e.payload, StudyStarted | StudyExtended)]
    try:
        return make_options(study.options, stated[-1])
    except StudyOptionsError as error:
        raise StudyFolderError(
            f"The study in {str(folder.path)!r} was begun by another version, with options that this one cannot use "
            f"({error}) Name another folder by --output."
        ) from None


def check_goes_on(folder: StudyFolder, study: Study[Any], before: StudyOptions, now: StudyOptions) -> bool:
    """Check that a study can go on with the options that are asked for now.

    More conditions, such as more seeds or levels, extend it. Fewer would leave measured ones out unsaid, and other
    values of what the figures depend on would put figures beside each other that cannot be compared.

    Returns:
        Whether there are more conditions than before.

    Raises:
        StudyFolderError: It cannot; the message names what differs.
    """
    was, is_now = fixed_fields(before), fixed_fields(now)
    for name, value in was.items():
        if is_now[name] != value:
            raise StudyFolderError(
                f"The study in {str(folder.path)!r} was begun with {_flag(name, value)}, and now "
                f"{_flag(name, is_now[name])} was asked for: its figures could not be compared. Ask for the same "
                "again, or name another folder by --output."
            )
    old, new = ({c.key: c for c in study.conditions(options)} for options in (before, now))
    gone = [condition for key, condition in old.items() if key not in new]
    if gone:
        raise StudyFolderError(
            f"The study in {str(folder.path)!r} has {len(old)} conditions, and {len(gone)} of them are not asked for "
            f"now, such as {shown(gone[0])}. Ask for these and more to extend it, or name another folder by --output."
        )
    return len(new) > len(old)


def _flag(name: str, value: object) -> str:
    flag = name.replace("_", "-")
    match value:
        case bool():
            return f"--{'' if value else 'no-'}{flag}"
        case None:
            return f"no --{flag}"
        case list():
            return f"--{flag} {','.join(map(str, value))}"
        case _:
            return f"--{flag} {value}"
