"""Top-1 and top-5 accuracy of a model on a split."""

import logging
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from pruning.outputs import logits_of
from trainers.datasets.base import Split
from trainers.memory import gpu_out_of_memory, halved, let_go
from trainers.place import Place

_log = logging.getLogger(__name__)

BATCH_SIZE = 512
TOP = 5
"""Of so few classes, all would be among the best five: then there is no such accuracy."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores over a whole split.

    Attributes:
        accuracy: correct / total, in 0…1.
        loss: mean cross-entropy in nats, without label smoothing.
        correct: images whose highest logit is their label.
        total: images scored.
        correct_top5: images whose label is among the five highest logits; None of fewer than six classes.
    """

    accuracy: float
    loss: float
    correct: int
    total: int
    correct_top5: int | None = None

    @property
    def accuracy_top5(self) -> float | None:
        """correct_top5 / total, in 0…1."""
        return None if self.correct_top5 is None else self.correct_top5 / self.total


def evaluate(
    model: nn.Module,
    split: Split,
    *,
    batch_size: int = BATCH_SIZE,
    device: torch.device | None = None,
    place: Place | None = None,
    autocast: torch.dtype | None = None,
    output: str | None = None,
) -> Evaluation:
    """Score `model` in eval mode, and leave it in the mode it had.

    Args:
        model: what to score.
        split: the images.
        batch_size: images per forward pass; where a GPU's memory runs out, they become fewer, with a warning.
        device: where to compute; None takes the model's own.
        place: one of several workers, each of which scores its share; all get the same result.
        autocast: compute in that number format; leave it None for figures to be published.
        output: the logits in what the model returns, see `pruning.outputs.logits_of`.
    """
    place = place or Place(device or _device_of(model))
    was_training = model.training
    model.eval()
    while True:
        try:
            counts = _counts(model, split, batch_size, place, autocast, output)
            break
        except RuntimeError as error:
            if batch_size == 1 or not gpu_out_of_memory(error):
                raise
        # Of this worker alone: whatever its batches, it scores the same images.
        batch_size = halved(batch_size)
        let_go()
        _log.warning("a GPU's memory ran out while images were scored: they are scored again, %d at once", batch_size)
    model.train(was_training)
    all_correct, all_loss, all_total, all_five, saw_more = place.all_reduce(counts)
    # A worker without an image has seen no logits; another one has.
    top5 = int(all_five) if saw_more else None
    return Evaluation(all_correct / all_total, all_loss / all_total, int(all_correct), int(all_total), top5)


def _counts(
    model: nn.Module, split: Split, batch_size: int, place: Place, autocast: torch.dtype | None, output: str | None
) -> tuple[float, ...]:
    """What a worker's share of the images adds up to: right, loss, images, right among five, more than five classes."""
    correct, among_five, classes, loss, total = 0, 0, 0, 0.0, 0
    # Batches of all workers together. Of the last one, a worker may have no image: its share is left out.
    whole = torch.arange(len(split)).split(batch_size * place.world)
    batches = [batch for batch in whole if len(batch) > place.rank]
    with torch.inference_mode():
        for images, labels in split.batches(batches, place=place, augment=False, seed=0):
            with torch.autocast(place.device.type, dtype=autocast, enabled=autocast is not None):
                logits = logits_of(model(images), output)
            correct += int((logits.argmax(1) == labels).sum())
            classes = logits.shape[1]
            if classes > TOP:
                among_five += int((logits.topk(TOP, dim=1).indices == labels[:, None]).sum())
            loss += float(F.cross_entropy(logits.float(), labels, reduction="sum"))
            total += len(labels)
    return correct, loss, total, among_five, classes > TOP


def _device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
