"""What has been proposed and what came of it, with the look-back that makes a concurrent search repeatable."""

from collections.abc import Iterator
from dataclasses import dataclass

from search.space.results import TrialResult
from search.space.strategy import Proposal
from tracking.kinds import TrialState


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """A proposal made concrete: exactly what a trial actor will cut.

    Attributes:
        trial: its number, counted from 0 in the order of proposing.
        allocation: units kept in each group of the plan.
        macs: exact MACs of that allocation.
        params: parameters of that allocation.
        requested_macs: MACs of what was asked for, before projection.
        in_band: whether the request itself lay in the band; if not, it counts as a revision.
    """

    trial: int
    proposal: Proposal
    allocation: tuple[int, ...]
    macs: int
    params: int
    requested_macs: int
    in_band: bool


class History:
    """Trials by number, and their results as they come in.

    Trials end in whatever order the machine pleases. Whoever decides about trial *n* may therefore read only the
    trials up to *n - window* (`before`), and the search starts *n* only once those have ended: the same seed then
    gives the same proposals and the same early stops, however the trials were scheduled.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._specs: list[TrialSpec] = []
        self._results: dict[int, TrialResult] = {}

    def __len__(self) -> int:
        return len(self._specs)

    def __iter__(self) -> Iterator[TrialSpec]:
        return iter(self._specs)

    def __getitem__(self, trial: int) -> TrialSpec:
        return self._specs[trial]

    def add(self, spec: TrialSpec) -> None:
        assert spec.trial == len(self._specs), "trials are numbered in the order of proposing"
        self._specs.append(spec)

    def end(self, result: TrialResult) -> None:
        assert result.trial < len(self._specs), "a result belongs to a proposed trial"
        self._results[result.trial] = result

    def result(self, trial: int) -> TrialResult | None:
        return self._results.get(trial)

    @property
    def running(self) -> tuple[TrialSpec, ...]:
        """Trials that were proposed and have not ended."""
        return tuple(spec for spec in self._specs if spec.trial not in self._results)

    @property
    def ended(self) -> tuple[tuple[TrialSpec, TrialResult], ...]:
        """Every ended trial with its result, by number."""
        return tuple((spec, self._results[spec.trial]) for spec in self._specs if spec.trial in self._results)

    def ready_for(self, trial: int) -> bool:
        """Whether all that `before(trial)` needs has ended."""
        return all(earlier in self._results for earlier in range(max(0, trial - self.window + 1)))

    def before(self, trial: int) -> tuple[tuple[TrialSpec, TrialResult], ...]:
        """The ended trials that a decision about `trial` may read: those numbered `trial - window` or less."""
        return tuple(pair for pair in self.ended if pair[0].trial <= trial - self.window)

    def readable(self) -> tuple[tuple[TrialSpec, TrialResult], ...]:
        """What the proposer of the next trial may read."""
        return self.before(len(self))

    def as_of(self, trial: int) -> "History":
        """What was known to whoever decided about `trial`: later trials are not there, unreadable ones still run."""
        view = History(self.window)
        for spec in self._specs[:trial]:
            view.add(spec)
        for _, result in self.before(trial):
            view.end(result)
        return view

    def best(self) -> tuple[TrialSpec, TrialResult] | None:
        """The completed trial with the highest accuracy; ties go to fewer MACs, then to the earlier trial."""
        return best_of(self.ended)


def best_of(ended: tuple[tuple[TrialSpec, TrialResult], ...]) -> tuple[TrialSpec, TrialResult] | None:
    """The best completed trial among those given; a trial stopped early was not trained as long and cannot win."""
    completed = [pair for pair in ended if pair[1].state is TrialState.COMPLETED]
    if not completed:
        return None
    return max(completed, key=lambda pair: (pair[1].accuracy or 0.0, -pair[0].macs, -pair[0].trial))
