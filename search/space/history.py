"""The trials so far and their results, with the window that makes a concurrent search reproducible."""

from collections.abc import Iterator
from dataclasses import dataclass

from search.space.results import TrialResult
from search.space.strategy import Proposal
from tracking.kinds import TrialState


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """A trial: a proposal with the exact allocation that an actor will cut.

    Attributes:
        trial: Its number, from 0, in the order of the proposals.
        proposal: The proposal that it is made from.
        allocation: Units kept in each group of the plan.
        macs: Exact MACs of the allocation.
        params: Number of parameters of the allocation.
        requested_macs: MACs of the request, before projection.
        in_band: Whether the request lies in the band; if not, it counts as a revision.
    """

    trial: int
    proposal: Proposal
    allocation: tuple[int, ...]
    macs: int
    params: int
    requested_macs: int
    in_band: bool


class History:
    """Trials by number, and their results as they arrive.

    Trials end in an order that depends on the machine. A decision about trial *n* may therefore read only the trials up
    to *n - window* (`before`), and the search starts trial *n* only when those have ended. The same seed then gives the
    same proposals and the same early stops, however the trials were scheduled.
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
        """Add the next trial."""
        assert spec.trial == len(self._specs), "trials are numbered in the order of the proposals"
        self._specs.append(spec)

    def end(self, result: TrialResult) -> None:
        """Add the result of a trial."""
        assert result.trial < len(self._specs), "a result belongs to a proposed trial"
        self._results[result.trial] = result

    def result(self, trial: int) -> TrialResult | None:
        """Return the result of a trial; None if it has not ended."""
        return self._results.get(trial)

    @property
    def running(self) -> tuple[TrialSpec, ...]:
        """The trials that were proposed and have not ended."""
        return tuple(spec for spec in self._specs if spec.trial not in self._results)

    @property
    def ended(self) -> tuple[tuple[TrialSpec, TrialResult], ...]:
        """Every ended trial with its result, in the order of their numbers."""
        return tuple((spec, self._results[spec.trial]) for spec in self._specs if spec.trial in self._results)

    def ready_for(self, trial: int) -> bool:
        """Whether all trials that a decision about `trial` may read have ended."""
        return all(earlier in self._results for earlier in range(max(0, trial - self.window + 1)))

    def before(self, trial: int) -> tuple[tuple[TrialSpec, TrialResult], ...]:
        """Return the ended trials that a decision about `trial` may read: those up to `trial - window`."""
        return tuple(pair for pair in self.ended if pair[0].trial <= trial - self.window)

    def readable(self) -> tuple[tuple[TrialSpec, TrialResult], ...]:
        """Return the ended trials that the proposer of the next trial may read."""
        return self.before(len(self))

    def as_of(self, trial: int) -> "History":
        """Return the history as it was for the decision about `trial`.

        It does not contain `trial` and later ones; earlier trials whose results were not readable are still running.
        """
        view = History(self.window)
        for spec in self._specs[:trial]:
            view.add(spec)
        for _, result in self.before(trial):
            view.end(result)
        return view

    def best(self) -> tuple[TrialSpec, TrialResult] | None:
        """Return the completed trial with the highest accuracy; on ties with fewer MACs, then the earlier one."""
        return best_of(self.ended)


def best_of(ended: tuple[tuple[TrialSpec, TrialResult], ...]) -> tuple[TrialSpec, TrialResult] | None:
    """Return the best completed trial among these; a trial that was stopped early was trained less and cannot win."""
    return next(iter(ranked(ended)), None)


def ranked(ended: tuple[tuple[TrialSpec, TrialResult], ...]) -> tuple[tuple[TrialSpec, TrialResult], ...]:
    """Return the completed trials among these, the best first, in the order by which `best_of` chooses."""
    completed = [pair for pair in ended if pair[1].state is TrialState.COMPLETED]
    return tuple(
        sorted(completed, key=lambda pair: (pair[1].accuracy or 0.0, -pair[0].macs, -pair[0].trial), reverse=True)
    )
