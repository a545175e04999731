"""Which runs an ablation needs, and which of them are there already."""

from collections.abc import Mapping, Sequence

from search.arms import ArmName
from search.errors import ConfigError
from search.setup.config import RunConfig, make_config
from tracking.errors import TrackingError
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.payloads import RunEnded, RunStarted
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs


def schedule(
    base: RunConfig, llms: Sequence[str], arms: Sequence[str], seeds: int, *, hybrid: bool = False
) -> tuple[RunConfig, ...]:
    """One configuration for each arm and seed, equal in everything else; all arms of a seed before the next seed, so
    that a study that is cut short has as much of every arm. `hybrid`: each model also as the arm of that name.

    Raises:
        ConfigError: an arm contradicts the rest of the configuration.
    """
    fields = base.model_dump(exclude={"proposer", "llm", "seed"})
    who = [
        *({"llm": llm} for llm in llms),
        *({"llm": llm, "proposer": ArmName.HYBRID.value} for llm in llms if hybrid),
        *({"proposer": arm} for arm in arms),
    ]
    return tuple(make_config({**fields, **arm, "seed": base.seed + n}) for n in range(seeds) for arm in who)


def earlier_run(config: RunConfig) -> tuple[RunDir, bool] | None:
    """The newest run of this configuration that is finished or can be resumed, and whether it is finished. Which
    executor ran it makes no difference.

    Runs that failed, and folders that cannot be read, are passed over: they stay where they are.
    """
    wanted = config.model_dump(mode="json", exclude={"executor"})
    resumable: RunDir | None = None
    for folder in reversed(RunDirs(config.runs).all()):
        try:
            events = read_ledger(folder.ledger)
        except TrackingError:
            continue
        started, ended = payloads_of(events, RunStarted), payloads_of(events, RunEnded)
        if not started or _dump(started[0], wanted) != wanted:
            continue
        if ended and ended[-1].status is RunStatus.FINISHED:
            return folder, True
        if resumable is None and not (ended and ended[-1].status is RunStatus.FAILED):
            resumable = folder
    return None if resumable is None else (resumable, False)


def _dump(started: RunStarted, wanted: Mapping[str, object]) -> dict[str, object] | None:
    """The recorded configuration, with today's defaults for fields it did not know; None if it means nothing now.

    A run records the window as it came out; where none is asked for, any will do.
    """
    try:
        recorded = make_config(started.config).model_dump(mode="json", exclude={"executor"})
    except ConfigError:
        return None
    return recorded if wanted["window"] is not None else recorded | {"window": None}
