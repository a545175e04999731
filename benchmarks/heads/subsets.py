"""The loss of a two-layer model with every subset of its heads: first-layer masks × second-layer masks."""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ablations.heads.gates import gated, mask, open_gates, projections_seen
from ablations.heads.language_model import Head, LanguageModel
from ground.cache import content_key
from ground.files import write_whole

Kept = frozenset[Head]
_CLOSE = 1e-4
_FORMAT = 1


def all_losses(
    model: LanguageModel, tokens: Tensor, folder: Path, told: Callable[[int, int], None]
) -> Mapping[Kept, float]:
    """Return the mean loss in nats of every subset of heads that is kept.

    What the first layer writes is computed once for each of its masks, and the heads of the second once for each of
    those; only what follows them is computed for every subset. Each mask of the first layer is a file in the folder,
    and one that is there is not computed again.

    Args:
        model: a model with two layers.
        tokens: the text [sequences, time].
        folder: where the results are kept.
        told: called with the number of finished masks of the first layer, and of all.
    """
    assert model.layers == 2
    found: dict[Kept, float] = {}
    first_masks = list(_masks(model.heads))
    entries = folder / f"subsets-{content_key({'format': _FORMAT, 'of': _digest(model, tokens)})}"
    for number, first in enumerate(first_masks, start=1):
        entry = entries / f"{''.join(map(str, first))}.json"
        if not entry.exists():
            write_whole(entry, json.dumps(_losses_behind(model, tokens, first)))
        losses = json.loads(entry.read_text(encoding="utf-8"))
        found |= {_kept(first, second): loss for second, loss in zip(_masks(model.heads), losses, strict=True)}
        told(number, len(first_masks))
    return found


@torch.no_grad()
def check_losses(
    model: LanguageModel, tokens: Tensor, losses: Mapping[Kept, float], seed: int, count: int = 6
) -> float:
    """Compare some subsets, the empty and the full one among them, with the plain masked model.

    Returns:
        The largest difference.

    Raises:
        AssertionError: one differs by more than 1e-4.
    """
    order = torch.randperm(len(losses), generator=torch.Generator().manual_seed(seed))[:count].tolist()
    chosen = [list(losses)[place] for place in order] + [frozenset(), frozenset(model.all_heads)]
    worst = 0.0
    for kept in chosen:
        with gated(model, mask(model, set(model.all_heads) - kept)):
            expected = float(model.losses(tokens).double().mean())
        worst = max(worst, abs(expected - losses[kept]))
    assert worst < _CLOSE, f"a subset's loss differs by {worst:.3g} from that of the masked model"
    return worst


def _masks(heads: int) -> Iterator[tuple[int, ...]]:
    return itertools.product((0, 1), repeat=heads)


def _kept(first: tuple[int, ...], second: tuple[int, ...]) -> Kept:
    return frozenset(
        Head(layer, head) for layer, bits in enumerate((first, second)) for head, bit in enumerate(bits) if bit
    )


@torch.no_grad()
def _losses_behind(model: LanguageModel, tokens: Tensor, first: tuple[int, ...]) -> list[float]:
    gates = open_gates(model)
    gates[0] = torch.tensor(first)
    block = model.network.transformer.h[1]
    entered: list[Tensor] = []
    hook = block.register_forward_pre_hook(lambda _, inputs: entered.append(inputs[0]))
    try:
        with gated(model, gates), projections_seen(model) as seen:
            model.logits(tokens)
    finally:
        hook.remove()
    heads = seen[1][0]
    return [_loss_of(model, tokens, entered[0], heads, torch.tensor(second)) for second in _masks(model.heads)]


def _loss_of(model: LanguageModel, tokens: Tensor, residual: Tensor, heads: Tensor, second: Tensor) -> float:
    block = model.network.transformer.h[1]
    total = 0.0
    for part in range(len(tokens)):
        attended = block.attn.c_proj((heads[part] * second[:, None]).flatten(-2)) + residual[part]
        written = attended + block.mlp(block.ln_2(attended))
        logits = model.network.lm_head(model.network.transformer.ln_f(written[:-1]))
        total += float(nn.functional.cross_entropy(logits, tokens[part, 1:], reduction="sum"))
    return total / (len(tokens) * (tokens.shape[1] - 1))


def _digest(model: LanguageModel, tokens: Tensor) -> str:
    digest = hashlib.sha256(tokens.numpy().tobytes())
    for name, weight in model.network.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.contiguous().numpy().tobytes())
    return digest.hexdigest()


def perplexity(loss: float) -> float:
    """Return the perplexity of a mean loss in nats."""
    return math.exp(loss)
