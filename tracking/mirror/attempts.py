"""One write to MLflow: what a store that answers refuses is a gap, and only one that does not answer is an error."""

import logging
from collections.abc import Callable
from typing import Any

from tracking.mirror.gaps import Gaps, Kind, is_collision, is_connection_fault, is_file_fault
from tracking.mirror.mlflow_store import Store, summarise

_log = logging.getLogger(__name__)


class Attempts:
    """Executes writes to one experiment, and keeps what was refused.

    Attributes:
        gaps: What was refused so far, by kind.
    """

    def __init__(self, store: Store, experiment_id: str) -> None:
        self._store, self._experiment_id = store, experiment_id
        self.gaps = Gaps()

    def attempt(self, kind: Kind, seq: int, what: str, action: Callable[[], Any]) -> bool:
        """Execute one operation; return whether it succeeded. A refusal is recorded as a gap."""
        if self.gaps.is_given_up(kind):
            self.gaps.skipped(kind, seq, what)
            return False
        refusal = self.refusal(kind, action)
        if refusal is None:
            self.gaps.accepted(kind)
            return True
        reason = f"{what}: {summarise(refusal)}".replace(self._store.uri, self._store.shown_uri)
        _log.debug("MLflow refused %s", reason)
        self.gaps.refused(kind, seq, reason, for_good=is_connection_fault(refusal))
        return False

    def refusal(self, kind: Kind, action: Callable[[], Any]) -> Exception | None:
        """Execute one operation; return why it was refused.

        Raises:
            Whatever the store raised, if it is the store as a whole that cannot be used.
        """
        try:
            action()
        except Exception as error:
            if is_file_fault(error):
                raise
            if not kind.in_store:
                return error
            fault = error
        else:
            return None
        try:
            self._store.client.get_experiment(self._experiment_id)
        except Exception:  # noqa: BLE001 - as above: it does not answer at all
            raise fault from None
        if not is_connection_fault(fault) and not is_collision(fault):
            return fault
        try:
            action()  # a connection that was lost once is no refusal, nor is a row that another run wrote meanwhile
        except Exception as error:  # noqa: BLE001 - as above
            return error
        return None
