"""Random small networks, each with a referee that decides whether a cut of it is sound."""

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.proof.blocks import (
    Attention,
    Block,
    Channels,
    ConvNorm,
    Cut,
    Dense,
    Gain,
    Gate,
    Grids,
    Grouped,
    Halves,
    Inverted,
    LiteralGate,
    Residual,
    Squeeze,
    Turned,
    UnsoundError,
    equal,
    through_conv,
)
from pruning.models import ModelSpec
from pruning.owners import evaluate
from pruning.plan import Plan
from pruning.slicing import Selection, selection_tensors

CLASSES = 5
INPUT = (3, 8, 8)
_PIXELS = 4  # of the pooled map that a flattening head sees


class Network(nn.Module):
    """A sequence of blocks and a classifier.

    Args:
        blocks: the blocks, in order.
        flat: flatten a pooled map of 2×2 pixels into the classifier, instead of averaging all pixels.
        returns: `logits`; or `list` or `dict` to return features as well, in a list or in a nested dict.
        auxiliary: add a second classifier that runs in training mode only.
    """

    def __init__(self, blocks: list[Block], *, flat: bool, returns: str, auxiliary: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.returns, self.flat = returns, flat
        width = blocks[-1].width
        self.head = nn.Linear(width * (_PIXELS if flat else 1), CLASSES)
        self.aux = nn.Conv2d(blocks[0].width, CLASSES, 1) if auxiliary else None
        for name, module in self.named_modules():
            if isinstance(module, Block):
                module.path = name

    def forward(self, x: torch.Tensor) -> Any:
        """The logits, in the form that `returns` selects; in training mode with those of the auxiliary classifier."""
        side = None
        features = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number == 0 and self.aux is not None and self.training:
                side = self.aux(x).mean((2, 3))
            features.append(x)
        pooled = F.adaptive_avg_pool2d(x, 2).flatten(1) if self.flat else x.mean((2, 3))
        logits = self.head(pooled)
        if side is not None:
            return logits, side
        if self.returns == "list":
            return logits, [features[0]]
        return {"logits": logits, "more": {"last": features[-1]}} if self.returns == "dict" else logits

    def check_cut(self, cut: Cut) -> None:
        """Check that the sliced network computes what the cut means.

        Raises:
            UnsoundError: it combines channels and weights that do not belong together, or cuts an output.
        """
        x: Channels = [0, 1, 2]
        outs = []
        for block in self.blocks:
            assert isinstance(block, Block)
            x = block.trace_channels(x, cut)
            outs.append((x, block.width))
        seen = [_PIXELS * channel + pixel for channel in x for pixel in range(_PIXELS)] if self.flat else x
        equal("logits", list(range(CLASSES)), through_conv("head", seen, cut))
        if self.aux is not None:
            equal("aux", list(range(CLASSES)), through_conv("aux", outs[0][0], cut))
        returned = {"logits": [], "list": outs[:1], "dict": outs[-1:]}[self.returns]
        for channels, width in returned:
            equal("features", list(range(width)), channels)


def spec(name: str = "random") -> ModelSpec:
    """The spec of all random networks."""
    return ModelSpec(name, CLASSES, INPUT)


def random_network(rng: random.Random, *, must: tuple[str, ...] = ()) -> Network:
    """Make a random network of two to five blocks.

    Args:
        rng: the source of randomness.
        must: kinds of blocks that it has to contain.
    """
    width = rng.choice((6, 8, 12))
    blocks: list[Block] = [ConvNorm(INPUT[0], width, rng.choice((1, 3)))]
    kinds = [*must, *(rng.choice(list(_MAKERS)) for _ in range(rng.randint(1, 4 - min(3, len(must)))))]
    rng.shuffle(kinds)
    for kind in kinds:
        blocks.append(_MAKERS[kind](rng, blocks[-1].width))
    torch.manual_seed(rng.randrange(2**31))
    return Network(
        blocks,
        flat=rng.random() < 0.3,
        returns=rng.choice(("logits", "logits", "list", "dict")),
        auxiliary=rng.random() < 0.25,
    )


def fault_of(network: Network, plan: Plan, selections: tuple[Selection, ...]) -> str | None:
    """A description of the plan's fault in the first unsound one of these cuts, None if all are sound."""
    for selection in selections:
        try:
            network.check_cut(cut_of(network, plan, selection))
        except UnsoundError as error:
            return str(error)
    return None


def cut_of(network: nn.Module, plan: Plan, selection: Selection) -> Cut:
    """The plan at one selection, in the form that blocks use."""
    chosen = selection_tensors(plan, selection)
    shapes = {name: tuple(t.shape) for name, t in (*network.named_parameters(), *network.named_buffers())}
    widths = [evaluate(owner.width(), [len(units) for units in selection]) for owner in plan.owners]
    numbers = {(cut.layer, cut.attribute): widths[cut.owner] for cut in plan.attributes}

    def kept(name: str, dim: int) -> Channels:
        owners = plan.parameters.get(name)
        if owners is None:
            return list(range(shapes[name][dim]))
        indices: Channels = plan.owners[owners[dim]].kept(chosen).tolist()
        return indices

    def number(layer: str, attribute: str) -> int:
        own = vars(network.get_submodule(layer))[attribute]
        return numbers.get((layer, attribute), own)

    return Cut(kept, number)


def _attention(rng: random.Random, width: int) -> Block:
    heads, dims = rng.choice((2, 3, 4)), rng.choice((3, 4, 6))
    return Attention(width, heads, dims, rng.choice((heads, heads, dims, width, 7)))


def _divisor(rng: random.Random, width: int) -> int:
    return rng.choice([n for n in (2, 3, 4) if width % n == 0 and width // n > 1] or [1])


def _dividing(width: int) -> int:
    return next((n for n in (2, 3, 4) if width % n == 0), 1)


_MAKERS: dict[str, Callable[[random.Random, int], Block]] = {
    "conv": lambda rng, width: ConvNorm(width, rng.choice((6, 8, 10)), 3),
    "residual": lambda rng, width: Residual(width, rng.choice((4, 6, width))),
    "inverted": lambda rng, width: Inverted(width, rng.choice((6, 8, 2 * width))),
    "grouped": lambda _rng, width: Grouped(width, 2 * width, _dividing(width)),
    "squeeze": lambda rng, width: Squeeze(width, rng.choice((2, 3, 4))),
    "gate": lambda rng, width: Gate(width, rng.randint(1, width - 1)),
    "literal": lambda rng, width: LiteralGate(width, rng.randint(1, width - 1)),
    "halves": lambda rng, width: Halves(width, rng.choice((4, 6, 8))),
    "dense": lambda rng, width: Dense(width, rng.choice((2, 4, 6))),
    "turned": lambda rng, width: Turned(width, rng.choice((1, 3))),
    "gain": lambda rng, width: Gain(width, rng.choice((width, width, 3))),
    "grids": lambda rng, width: Grids(width, rng.choice((1, _divisor(rng, width)))),
    "attention": _attention,
}
