"""The run that dies: small, the same each time, and begun in a process that has everything imported and planned.

Nothing that a run writes is made smaller: ledger, checkpoints, state, outputs and calls are those of a real run. What
only takes time is done once and remembered: plans, scores of trials, pictures and latencies.
"""

import functools
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import torch
from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet
from torch import nn

import pruning.checkpoint
import search.execution.local
import search.outcome.outputs
import search.setup.preparation
import search.steps.evaluation
import search.steps.export
import search.steps.step
import trainers.job
from ground.files import replaced
from pruning.counter import count_macs
from pruning.planning import build_plan
from search.control.report import Report
from search.execution.trial import TrialContext
from search.launching import begin, is_complete, resume
from search.outcome.report import report_template
from search.run import RunOutcome
from search.setup.config import RunConfig, make_config
from search.setup.preparation import prepare
from search.setup.provenance import provenance_here
from search.setup.search_ground import load_base, make_ground
from tracking.errors import HalfWrittenLedgerError
from tracking.kinds import RunStatus
from tracking.payloads import Rung
from tracking.reader import read_ledger
from tracking.repair import repair
from tracking.runs import RunDirs
from trainers.datasets.base import InputSize, Splits
from trainers.datasets.digits import Digits
from trainers.datasets.memory import TensorSplit
from trainers.datasets.registry import DATASETS
from trainers.latency import Latency, LatencyComparison

TRIALS, RUNGS = 6, 3
IMAGES = 40
"""Of each split: what is trained and scored is a matter of milliseconds."""


@register_model
def crash_points_tiny(**options: Any) -> nn.Module:
    """Four blocks of 8 or 16 channels."""
    options = {name: value for name, value in options.items() if not name.startswith(("pretrained", "cache_dir"))}
    block: Any = BasicBlock  # timm's annotation asks for an instance where it takes the class
    return ResNet(block, (1, 1, 1, 1), channels=(8, 8, 16, 16), stem_width=8, **options)


class FewDigits(Digits):
    """The first images of each split of the digits."""

    name: ClassVar[str] = "digits"

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """Read them once in a process."""
        return _few_digits(seed, input_size)


@functools.cache
def _few_digits(seed: int, input_size: InputSize | None) -> Splits:
    whole = Digits().splits(None, seed=seed, input_size=input_size)
    few = torch.arange(IMAGES)
    parts = [part.take(few) for part in (whole.train, whole.holdout, whole.test) if isinstance(part, TensorSplit)]
    return Splits(whole.info, *parts)


class RememberedWorker:
    """Stands for the worker that would train: a trial's scores follow from its allocation."""

    def __init__(self, context: TrialContext, name: str, device: object) -> None:
        self._name, self._served = name, 0

    def begin(self, config: Mapping[str, Any]) -> None:
        """Take up a trial."""
        digest = hashlib.sha256(repr((config["allocation"], config["importance"])).encode()).digest()
        self._trial, self._served, self._rungs = int(config["trial"]), self._served + 1, itertools.count()
        self._score = int.from_bytes(digest[:3], "big") / 2**24

    def step(self) -> Report:
        """Report the next rung."""
        rung, now = next(self._rungs), datetime.now(UTC)
        score = self._score * (rung + 1) / RUNGS
        record = Rung(trial=self._trial, rung=rung, epochs=2**rung, accuracy=score, loss=1 - score)
        return Report(self._trial, self._name, os.getpid(), now, now, compute_s=0.0, served=self._served, rung=record)


@dataclass(frozen=True)
class Stage:
    """What a run is told that differs from story to story.

    Attributes:
        url: of the scripted server.
        max_tokens_total: the cap of a run.
    """

    url: str
    max_tokens_total: int

    def config(self, runs: Path) -> RunConfig:
        """The configuration of the run."""
        return make_config(
            {
                "model": "crash_points_tiny",
                "input_size": 8,
                "llm": "gpt-scripted",
                "llm_base_url": f"{self.url}/v1",
                "llm_per_call": 1,
                "llm_ahead": 0,
                "llm_max_tokens": 1000,
                "max_tokens_total": self.max_tokens_total,
                "trials": TRIALS,
                "criteria": ("l2",),
                "target_macs": "30%",
                "epochs": 2,
                "seed": 1,
                "mlflow": False,
                "executor": "local",
                "runs": runs,
            }
        )


def play(stage: Stage, root: Path) -> int:
    """Do what a user would: begin a run, or go on with the one that is there.

    Returns:
        The exit code, as the command has it.
    """
    runs = root / "runs"
    there = [run for run in RunDirs(runs).all() if run.ledger.stat().st_size]
    if there:
        try:
            read_ledger(there[-1].ledger)
        except HalfWrittenLedgerError:
            repair(there[-1].ledger)
        there = [run for run in there if run.ledger.stat().st_size]
    if not there:
        return _code(begin(stage.config(runs)).execute())
    if is_complete(there[-1]):
        return 0
    return _code(resume(str(there[-1].path), runs))


def _code(outcome: RunOutcome) -> int:
    return 130 if outcome.summary.status is RunStatus.INTERRUPTED else 0


def warm(stage: Stage, folder: Path) -> None:
    """Do once what every story shares: train the base, plan, and compile what is compiled."""
    child = os.fork()
    if child == 0:
        # Training starts threads that a forked process would lack: not here, where all of them come from.
        try:
            begin(stage.config(folder / "warm")).execute()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    prepared = prepare(stage.config(folder / "runs"))
    splits = prepared.splits()
    ground = make_ground(prepared, splits, load_base(prepared, splits))
    with torch.inference_mode():
        count_macs(ground.base.module, prepared.spec.input_size)
    report_template()
    # Git, packages and processor are asked once in a process: here, and not in each session.
    provenance_here()
    assert prepared.client is not None
    prepared.client.close()
    shutil.rmtree(folder / "warm", ignore_errors=True)


@contextmanager
def set_up(cache: Path) -> Iterator[None]:
    """Make ready, in this process and its children, what every story shares.

    Args:
        cache: the folder of base and scores.
    """
    torch.set_num_threads(1)
    plan = _remembered(build_plan)
    with ExitStack() as stack:
        stack.enter_context(
            patch.dict(os.environ, {"ESPALIER_CACHE_DIR": str(cache), "OPENAI_API_KEY": "none", "NO_PROXY": "*"})
        )
        stack.enter_context(patch.dict(DATASETS, {"digits": FewDigits}))
        for module, name, substitute in (
            (search.execution.local, "TrialWorker", RememberedWorker),
            (search.setup.preparation, "build_plan", plan),
            (pruning.checkpoint, "build_plan", plan),
            (trainers.job, "build_plan", plan),
            (search.setup.preparation, "check_output", lambda *_: None),
            (search.steps.evaluation, "compare_latency", lambda *_, **__: _LATENCY),
        ):
            stack.enter_context(patch.object(module, name, substitute))
        stack.enter_context(patch.object(search.execution.local, "_POLL_S", 0.001))
        for name in ("plot_trade_off", "plot_units", "plot_stage_shares"):
            stack.enter_context(patch.object(search.outcome.outputs, name, _pictured))
        yield


def _remembered(build: Callable[..., Any]) -> Callable[..., Any]:
    """Build a plan once for each architecture."""
    held: dict[object, Any] = {}

    def remembered(model: Any, spec: Any, **options: Any) -> Any:
        if spec not in held:
            held[spec] = build(model, spec, **options)
        return held[spec]

    return remembered


def _pictured(*arguments: Any) -> None:
    """Write a picture as the plots do, and draw none."""
    with replaced(arguments[-1], durable=True) as draft:
        draft.write_bytes(b"picture")


_PASS = Latency(1.0, 1.0, 1.0, 1, 1, 1, "cpu", False)
_LATENCY = LatencyComparison(_PASS, _PASS, 1.0)
