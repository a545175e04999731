"""A cell of the benchmark: one model at one budget with one seed, its base, its trials and its fine-tunes."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from torch import nn

from pruning.counter import count_macs
from search.control.report import Report
from search.control.session import SearchSession
from search.execution.local import serve
from search.proposers.registry import CLASSICAL
from search.setup.config import RunConfig
from search.setup.preparation import Prepared, prepare
from search.setup.rules import session_rules
from search.setup.search_ground import SearchGround, load_base, make_ground
from search.space.history import TrialSpec
from tracking.ledger import Ledger
from tracking.payloads import Rung
from trainers.evaluate import evaluate
from trainers.loop import Training
from trainers.place import Place, default_device
from trainers.proxy import proxy_rungs
from trainers.rung_score import RungScore


@dataclass(frozen=True, slots=True)
class Trained:
    """A pruned model after the fine-tune.

    Attributes:
        accuracy: on the test images, 0…1.
        macs: by an independent count of the module.
        wall_s: seconds of the fine-tune.
    """

    accuracy: float
    macs: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class Timed:
    """A trial's score at a rung, and the seconds of compute from the trial's start to it."""

    score: RungScore
    seconds: float


@dataclass(frozen=True, slots=True)
class Cell:
    """The ground that all arms of a cell share, and what is made of it: trials and fine-tuned models."""

    ground: SearchGround

    @classmethod
    def of(cls, config: RunConfig, base_epochs: int | None = None) -> "Cell":
        """Prepare a cell as a run does; base, scores and sensitivity are read from the cache if they are there."""
        prepared = prepare(config)
        splits = prepared.splits()
        ground = make_ground(prepared, splits, load_base(prepared, splits, epochs=base_epochs))
        return cls(ground.with_sensitivity(ground.measure_sensitivity()))

    @property
    def prepared(self) -> Prepared:
        """The checked configuration."""
        return self.ground.prepared

    @property
    def target_macs(self) -> int:
        """The most MACs that a pruned model may have."""
        return self.prepared.budget.target_macs

    def cut(self, criterion: str, allocation: tuple[int, ...]) -> nn.Module:
        """Slice the base to an allocation, keeping the most important units by the criterion."""
        return self.ground.cut(criterion, allocation)[0]

    def rungs(self, criterion: str, allocation: tuple[int, ...]) -> Iterator[Timed]:
        """The proxy's scores as a trial actor computes them; the time includes slicing the model."""
        began = time.perf_counter()
        module, seed = self.cut(criterion, allocation), self.prepared.config.seed
        output = self.prepared.spec.output
        for score in proxy_rungs(module, self.ground.data, self.prepared.proxy_recipe, seed=seed, output=output):
            yield Timed(score, time.perf_counter() - began)

    def finetune(self, module: nn.Module, seed: int | None = None) -> Trained:
        """Fine-tune `module` in place and evaluate it on the test images.

        Args:
            module: a pruned model.
            seed: of the order and the augmentation of the images; None takes the configuration's.
        """
        recipe, output = self.prepared.recipe, self.prepared.spec.output
        seed, place = self.prepared.config.seed if seed is None else seed, Place(default_device())
        began = time.perf_counter()
        training = Training(module, self.ground.splits.train, recipe, seed=seed, place=place, output=output)
        for _ in training.epochs():
            pass
        wall_s = time.perf_counter() - began
        accuracy = evaluate(module.eval(), self.ground.splits.test, place=place, output=output).accuracy
        return Trained(accuracy, count_macs(module, self.prepared.spec.input_size), wall_s)


def search_cell(
    cell: Cell, arm: str, ledger: Ledger, scored: Callable[[TrialSpec], Iterable[Timed]] | None = None
) -> SearchSession:
    """Run the search of one arm, one trial after another in this process.

    Session, proposer and proxy are those of a run, and their decisions depend on the trials' numbers and never on the
    clock: the proposals and scores are those of `launch.py search` with one worker or two.

    Args:
        cell: what all arms share.
        arm: the name of the arm.
        ledger: an open ledger, which records the search.
        scored: gives a trial's scores; None computes them by the proxy.
    """
    prepared, space = cell.prepared, cell.ground.space
    session = SearchSession(space, CLASSICAL[arm](space), session_rules(prepared), ledger, prepared.window)
    session.begin()
    served = itertools.count(1)

    def reports(spec: TrialSpec) -> Iterator[Report]:
        strategy, allocation = spec.proposal.strategy, spec.allocation
        scores = scored(spec) if scored else cell.rungs(strategy.importance, allocation)
        return _reports(spec, scores, next(served))

    serve(session, reports)
    return session


def _reports(spec: TrialSpec, scores: Iterable[Timed], served: int) -> Iterator[Report]:
    started = datetime.now(UTC)
    report = Report(spec.trial, "benchmark", 0, started, started, 0.0, served)
    for timed in scores:
        yield replace(
            report,
            now=started + timedelta(seconds=timed.seconds),
            compute_s=timed.seconds,
            rung=Rung(trial=spec.trial, **asdict(timed.score)),
        )
