"""Successive halving over the proxy's rungs, decided from the past alone."""

import math
from dataclasses import dataclass

from search.space.history import History


@dataclass(frozen=True, slots=True)
class Halving:
    """The promotion rule of ASHA (arXiv:1810.05934), made independent of arrival order.

    A trial goes on from a rung if it is among the best 1/eta of the scores seen at that rung. ASHA compares with
    whatever has arrived, which makes two runs of one seed differ; here trial n is compared with the trials that
    `History.before(n)` holds, so its fate depends on its number and not on the machine.

    Attributes:
        eta: reduction factor; 3 keeps the best third. 1 keeps all.
        grace: how many earlier scores a rung must hold before it stops anything.
    """

    eta: float = 3.0
    grace: int = 3

    def stops(self, history: History, trial: int, rung: int, accuracy: float) -> bool:
        """Return whether a trial should go no further.

        Args:
            history: the trials so far.
            trial: its number.
            rung: that it has reached, from 0.
            accuracy: that it scored there, in [0, 1].
        """
        scores = [result.accuracies[rung] for _, result in history.before(trial) if len(result.accuracies) > rung]
        if self.eta <= 1 or len(scores) < self.grace:
            return False
        ranked = sorted([*scores, accuracy], reverse=True)
        promoted = max(1, math.ceil(len(ranked) / self.eta))
        return accuracy < ranked[promoted - 1]
