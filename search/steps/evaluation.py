"""The step that reads the test set, once."""

import torch
from torch import nn

from pruning.checkpoint import load_pruned
from search.steps.step import Step
from tracking.events import payloads_of
from tracking.kinds import SplitName, Subject
from tracking.payloads import Evaluated, Latency
from tracking.phases import since_winner
from trainers.datasets.base import InputSize, Split
from trainers.evaluate import Evaluation, evaluate
from trainers.latency import Latency as MeasuredLatency
from trainers.latency import LatencyComparison, compare_latency


class EvaluationStep(Step):
    """Scores base and winner on the test set. A model that has its score from an earlier part is not read again."""

    def is_done(self) -> bool:
        """Return whether both models have a score that stands."""
        return self._scored() == set(Subject)

    def run(self) -> None:
        """Score what has no score yet, and measure both models' latency side by side."""
        context = self.context
        scored, spec = self._scored(), context.prepared.spec
        compute = context.executor.compute
        winner = load_pruned(context.folder.model, trusted=(spec.name,)).module.eval()
        base = context.base.module
        latency = compute(latencies_on, base, winner, spec.image_size)
        for subject, model, speed in (
            (Subject.BASE, base, latency.first),
            (Subject.WINNER, winner, latency.second),
        ):
            if subject not in scored:
                score = compute(score_on, model, context.splits.test, spec.output)
                context.ledger.record(_record_of(subject, score, speed, weights_bytes(model)))

    def _scored(self) -> set[Subject]:
        """The models whose score stands: the base's from any part of the run, the winner's since it is the winner."""
        events = self.context.ledger.events
        return {
            *(record.subject for record in payloads_of(events, Evaluated) if record.subject is Subject.BASE),
            *(record.subject for record in payloads_of(since_winner(events), Evaluated)),
        }


def latencies_on(base: nn.Module, winner: nn.Module, input_size: InputSize, device: torch.device) -> LatencyComparison:
    """Measure both models' latency side by side on a device."""
    return compare_latency(base.to(device), winner.to(device), input_size, threads=1, device=device)


def score_on(model: nn.Module, split: Split, output: str | None, device: torch.device) -> Evaluation:
    """Score a model on a device."""
    return evaluate(model.to(device), split.to(device), output=output)


def weights_bytes(model: nn.Module) -> int:
    """Return the bytes of all parameters and buffers that a checkpoint holds."""
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


def _record_of(subject: Subject, score: Evaluation, speed: MeasuredLatency, size: int) -> Evaluated:
    latency = Latency(median=speed.median_ms, p95=speed.p95_ms)
    return Evaluated(
        subject=subject,
        split=SplitName.TEST,
        latency_ms=latency,
        weights_bytes=size,
        accuracy=score.accuracy,
        loss=score.loss,
        correct=score.correct,
        total=score.total,
    )
