"""The unpruned model as a teacher: what it answers to the images that the pruned one is trained on."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pruning.outputs import heads_of
from trainers.choices import Distillation, Precision
from trainers.place import Place
from trainers.recipe import Recipe


class Teacher:
    """Answers in eval mode, without gradients, and in a number format of its own."""

    def __init__(self, model: nn.Module, recipe: Recipe, place: Place, output: str | None) -> None:
        """Move the model to the worker's device.

        Args:
            model: the unpruned one.
            recipe: says what is learned from it, and by which numbers it is computed; resolved.
            place: this worker.
            output: the only head that is learned from; None takes all.
        """
        assert recipe.distill is not None, "a training without distillation has no teacher"
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self._model = model.to(place.device).to(memory_format=layout).eval().requires_grad_(False)
        self._output, self._kind = output, recipe.distill
        self._temperature, self.weight = recipe.distill_temperature, recipe.distill_weight
        self._device = place.device.type
        self._bf16 = (recipe.teacher_precision or recipe.precision) is Precision.BF16

    def answers(self, images: Tensor) -> tuple[Tensor, ...]:
        """The logits of each head, float32."""
        with torch.no_grad(), torch.autocast(self._device, dtype=torch.bfloat16, enabled=self._bf16):
            return tuple(head.float() for head in heads_of(self._model(images), self._output))

    def loss(self, heads: Sequence[Tensor], answers: Sequence[Tensor]) -> Tensor:
        """How far the student's heads are from the answers, in nats: the mean over images, then over heads."""
        return torch.stack(
            [self._one(head.float(), answer) for head, answer in zip(heads, answers, strict=True)]
        ).mean()

    def _one(self, student: Tensor, teacher: Tensor) -> Tensor:
        if self._kind is Distillation.HARD:
            return F.cross_entropy(student, teacher.argmax(1))
        # Times the squared temperature, so that its gradients keep their size (Hinton et al., 2015, section 2).
        softened = F.log_softmax(student / self._temperature, 1), F.log_softmax(teacher / self._temperature, 1)
        return F.kl_div(*softened, reduction="batchmean", log_target=True) * self._temperature**2
