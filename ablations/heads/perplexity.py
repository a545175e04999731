"""Perplexities: of held-out text under a model, and of what another model has written."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ablations.heads.errors import ConstantPerplexityError, MeasurementError
from ablations.heads.language_model import LanguageModel


@torch.no_grad()
def teacher_forced(model: LanguageModel, windows: Tensor, batch: int = 4) -> float:
    """Return exp of the mean negative log-likelihood of all tokens but each window's first.

    Args:
        model: the model, under whatever gates are in force.
        windows: held-out text [count, time].
        batch: windows per pass.

    Raises:
        ConstantPerplexityError: all windows have the same likelihood, so it does not come from the text.
        MeasurementError: the result is no finite number.
    """
    losses = torch.cat([model.losses(part).double().cpu() for part in windows.split(batch)])
    if len(losses) > 1 and bool((losses == losses[0]).all()):
        raise ConstantPerplexityError(
            f"All {len(losses)} held-out windows have the same loss, {float(losses[0].mean()):.6g}, though their texts "
            "differ: this perplexity does not depend on the text, and nothing of this condition is reported."
        )
    return _perplexity(float(losses.sum()), losses.numel())


@torch.no_grad()
def of_generations(dense: LanguageModel, generations: Sequence[tuple[Sequence[int], Sequence[int]]]) -> float:
    """Return the perplexity of generated tokens under the dense model, given their prompts.

    Args:
        dense: the model that judges.
        generations: prompt and continuation of each, as tokens.
    """
    total, count = 0.0, 0
    for prompt, generated in generations:
        losses = dense.losses(torch.tensor([[*prompt, *generated]], device=dense.device))
        total += float(losses[0, len(prompt) - 1 :].double().sum())
        count += len(generated)
    return _perplexity(total, count)


def _perplexity(total: float, count: int) -> float:
    mean = total / count
    if not math.isfinite(mean) or mean > math.log(1e12):
        raise MeasurementError(
            f"The mean negative log-likelihood of {count} tokens is {mean}: no perplexity can be reported. Try "
            "--precision float32."
        )
    return math.exp(mean)
