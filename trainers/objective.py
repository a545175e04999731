"""The loss of a batch: against its labels, and against what the unpruned model answers."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.choices import Precision
from trainers.mixing import Mixed
from trainers.recipe import Recipe
from trainers.teacher import Teacher


class Objective:
    """What a training minimises."""

    def __init__(self, forward: nn.Module, recipe: Recipe, device: torch.device, teacher: Teacher | None) -> None:
        """Keep what a loss needs.

        Args:
            forward: returns the heads that are trained.
            recipe: resolved.
            device: where it computes.
            teacher: None trains on labels alone.
        """
        self._forward, self._teacher = forward, teacher
        self._smoothing, self._device = recipe.label_smoothing, device.type
        self._bf16 = recipe.precision is Precision.BF16

    def loss(self, batch: Mixed) -> Tensor:
        """The mean loss of images, in nats."""
        images = batch.images
        answers = None if self._teacher is None else self._teacher.answers(images)
        with torch.autocast(self._device, dtype=torch.bfloat16, enabled=self._bf16):
            heads = self._forward(images)
            own = self._of_labels(heads, batch.labels)
            if batch.weight < 1:
                own = batch.weight * own + (1 - batch.weight) * self._of_labels(heads, batch.others)
            if self._teacher is None or answers is None:
                return own
            share = self._teacher.weight
            return (1 - share) * own + share * self._teacher.loss(heads, answers)

    def _of_labels(self, heads: Sequence[Tensor], targets: Tensor) -> Tensor:
        losses = [F.cross_entropy(head.float(), targets, label_smoothing=self._smoothing) for head in heads]
        return torch.stack(losses).mean()
