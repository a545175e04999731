"""Determines which runs an ablation needs, and which of them exist already."""

from collections.abc import Mapping, Sequence

from search.arms import ArmName
from search.errors import ConfigError
from search.setup.config import RunConfig, make_config, with_destination
from tracking.errors import TrackingError
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.payloads import RunEnded, RunStarted
from tracking.reader import decode_lines, split_ledger
from tracking.runs import RunDir, RunDirs


def schedule(
    base: RunConfig, llms: Sequence[str], arms: Sequence[str], seeds: int, *, hybrid: bool = False
) -> tuple[RunConfig, ...]:
    """Return one configuration per arm and seed, which are equal in everything else.

    All arms of a seed come before the next seed, so that an interrupted study has equally many runs of every arm.

    Args:
        base: The configuration that all runs share; its seed is the first.
        llms: The models, each as the arm `llm`.
        arms: The classical arms.
        seeds: Number of seeds.
        hybrid: Whether each model is also run as the arm `hybrid`.

    Raises:
        ConfigError: An arm contradicts the rest of the configuration.
    """
    fields = base.model_dump(exclude={"proposer", "llm", "seed"})
    who = [
        *({"llm": llm} for llm in llms),
        *({"llm": llm, "proposer": ArmName.HYBRID.value} for llm in llms if hybrid),
        *({"proposer": arm} for arm in arms),
    ]
    return tuple(make_config({**fields, **arm, "seed": base.seed + n}) for n in range(seeds) for arm in who)


def earlier_run(config: RunConfig) -> tuple[RunDir, bool] | None:
    """Find an existing run of a configuration; any executor may have run it.

    A run that failed is to be resumed too, and so is one whose last line is half written, once it is repaired: what
    they have paid for is in their ledgers. Folders that tell no configuration are ignored and left in place.

    Returns:
        The newest finished run, otherwise the newest that can be resumed, and whether it is finished; None if there is
        neither.

    Raises:
        CorruptLedgerError: A run of this configuration is damaged further down. To run it anew would pay for its calls
            again, which is the user's to decide.
    """
    wanted = with_destination(config).model_dump(mode="json", exclude={"executor"})
    resumable: RunDir | None = None
    for folder in reversed(RunDirs(config.runs).all()):
        try:
            lines = split_ledger(folder.ledger)[0]
            started = payloads_of(decode_lines(folder.ledger, lines[:1]), RunStarted)
        except TrackingError:
            continue
        if not started or _dump(started[0], wanted) != wanted:
            continue
        ended = payloads_of(decode_lines(folder.ledger, lines), RunEnded)
        if ended and ended[-1].status is RunStatus.FINISHED:
            return folder, True
        resumable = resumable or folder
    return None if resumable is None else (resumable, False)


def _dump(started: RunStarted, wanted: Mapping[str, object]) -> dict[str, object] | None:
    """Return the recorded configuration with current defaults for fields it lacks; None if it is no longer valid.

    A run records the window that it used, and whether it trained on the holdout. If none is requested, any matches.
    """
    try:
        # A run that recorded no destination has the default, whatever is in the environment now.
        recorded = with_destination(make_config(started.config), {}).model_dump(mode="json", exclude={"executor"})
    except (ConfigError, TrackingError):
        return None
    return recorded | {name: None for name in ("window", "train_on_holdout") if wanted[name] is None}
