"""Opens the ledger of a study, and writes down that the study begins, goes on or is extended."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ablations.floor.errors import AblationError
from ablations.floor.options import StudyOptions
from ablations.floor.running.folder import StudyFolder, check_goes_on, recorded_options
from ablations.floor.running.place import Place
from ablations.floor.study import Study
from search.setup.provenance import provenance_here
from search.setup.servers import check_store, remember_store
from tracking.clock import utc_now
from tracking.events import Event
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.payloads import Resumed
from tracking.repair import repair
from tracking.study_payloads import StudyEnded, StudyExtended, StudyStarted
from tracking.uris import without_secrets


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asks for.

    Attributes:
        retry_failed: Whether conditions that failed before are measured again.
    """

    study: Study[Any]
    options: StudyOptions
    folder: StudyFolder
    place: Place
    retry_failed: bool = False


def open_ledger(request: Request) -> Ledger:
    """Open the ledger, and write down that the study begins, goes on or is extended; of a finished one, nothing.

    Raises:
        StudyFolderError: The folder holds something that cannot go on with what is asked for.
        AblationError: The folder cannot be written.
        TrackingError: The ledger is damaged, or another process writes it.
    """
    path = request.folder.ledger
    try:
        request.folder.path.mkdir(parents=True, exist_ok=True)
        if path.exists():
            repair(path)
            ledger = Ledger.open(path)
        else:
            ledger = Ledger.create(path)
    except OSError as error:
        raise AblationError(
            f"The study cannot be written to {str(request.folder.path)!r}: {error.strerror}. Name another folder by "
            "--output."
        ) from None
    try:
        _begin(request, ledger)
    except BaseException:
        ledger.close()
        raise
    return ledger


def is_over(events: Sequence[Event], *, retry_failed: bool = False) -> bool:
    """Whether a study has come to its end, and nothing is to be measured again."""
    match events[-1].payload if events else None:
        case StudyEnded(status=RunStatus.FINISHED, failed=failed):
            return not (failed and retry_failed)
        case _:
            return False


def _begin(request: Request, ledger: Ledger) -> None:
    if not ledger.events:
        started = _started(request)
        remember_store(request.folder.path, started.tracking_uri)
        ledger.record(started)
        return
    _check_store(request, ledger)
    before = recorded_options(request.folder, request.study, ledger.events)
    extended = check_goes_on(request.folder, request.study, before, request.options)
    if is_over(ledger.events, retry_failed=request.retry_failed) and not extended:
        return
    ledger.record(Resumed(from_seq=ledger.events[-1].seq, provenance=provenance_here()))
    if extended:
        ledger.record(StudyExtended(options=request.options.model_dump(mode="json")))


def _check_store(request: Request, ledger: Ledger) -> None:
    """Check that the store that the ledger names is one that the user named, now or when the study began here."""
    now = without_secrets(request.place.destination().uri)
    match ledger.events[0].payload:
        case StudyStarted(tracking_uri=recorded) if request.place.mlflow:
            check_store(request.folder.run, recorded, (now,), option="--tracking-uri")


def _started(request: Request) -> StudyStarted:
    now, destination = utc_now(), request.place.destination()
    return StudyStarted(
        run_id=f"{now:%Y%m%d-%H%M%S}-{request.study.name}-{secrets.token_hex(3)}",
        study=request.study.name,
        question=request.study.question,
        started_at=now,
        options=request.options.model_dump(mode="json"),
        mlflow=request.place.mlflow,
        tracking_uri=without_secrets(destination.uri),
        experiment=destination.experiment,
        provenance=provenance_here(),
    )
