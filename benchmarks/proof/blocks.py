"""Building blocks of random networks that can check a cut without a plan.

Besides `forward` each block has `trace_channels`, which follows the *names* of channels through a sliced model. A
tensor is represented by the list of the unpruned tensor's channels that it still holds, in order; a weight by the
indices that the plan keeps of each of its dimensions. Where a block combines a channel with a weight that did not
belong to it before the cut, the plan is unsound. This check is exact and does not use groups, owners, traces or proofs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

# The channels that a tensor still holds, by their number in the unpruned tensor.
Channels = list[int]


class UnsoundError(Exception):
    """A sliced model combines channels and weights that do not belong together; the message says where."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A plan at one selection.

    Attributes:
        kept: parameter or buffer name and dimension → the indices that stay.
        number: layer and attribute → its value in the sliced model.
    """

    kept: Callable[[str, int], Channels]
    number: Callable[[str, str], int]


class Block(nn.Module):
    """A part of a network; subclasses implement `_compute` and `_trace`.

    Attributes:
        path: its name in the network, set when the network is built.
        width: number of output channels.
    """

    path: str = ""
    width: int

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        return self._compute(x)

    def trace_channels(self, x: Channels, cut: Cut) -> Channels:
        """The output channels of the sliced block for the input channels `x`.

        Raises:
            UnsoundError: the block combines channels and weights that do not belong together.
        """
        return self._trace(x, cut)

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        raise NotImplementedError

    def name(self, part: str) -> str:
        """The full name of a part."""
        return f"{self.path}.{part}"


def equal(where: str, a: object, b: object) -> None:
    """Require that both are equal.

    Raises:
        UnsoundError: they differ.
    """
    if a != b:
        raise UnsoundError(f"{where}: {a} meets {b}")


def through_conv(name: str, x: Channels, cut: Cut) -> Channels:
    """Trace a dense convolution or a linear layer with its bias."""
    equal(name, x, cut.kept(f"{name}.weight", 1))
    out = cut.kept(f"{name}.weight", 0)
    equal(f"{name}.bias", out, cut.kept(f"{name}.bias", 0))
    return out


def through_norm(name: str, x: Channels, cut: Cut, parts: tuple[str, ...]) -> Channels:
    """Trace a normalisation: every one of its parts must belong to the channel that it is applied to."""
    for part in parts:
        equal(f"{name}.{part}", x, cut.kept(f"{name}.{part}", 0))
    return x


BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


class ConvNorm(Block):
    """Convolution, batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.width = outputs
        self.conv, self.norm = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.BatchNorm2d(outputs)

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.norm(self.conv(x)))

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        return through_norm(self.name("norm"), through_conv(self.name("conv"), x, cut), cut, BATCH_NORM)


class Residual(Block):
    """`x + conv(relu(conv(x)))`, with a scale for each channel of the branch."""

    def __init__(self, inputs: int, middle: int) -> None:
        super().__init__()
        self.width = inputs
        self.enter, self.leave = nn.Conv2d(inputs, middle, 3, padding=1), nn.Conv2d(middle, inputs, 1)
        self.scale = nn.Parameter(torch.ones(1, inputs, 1, 1))

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.scale * self.leave(F.relu(self.enter(x)))

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        y = through_conv(self.name("leave"), through_conv(self.name("enter"), x, cut), cut)
        equal(self.name("scale"), y, cut.kept(self.name("scale"), 1))
        equal(self.path, x, y)
        return x


class Inverted(Block):
    """Inverted residual: 1×1, depthwise 3×3 and 1×1 convolutions, added to the input."""

    def __init__(self, inputs: int, middle: int) -> None:
        super().__init__()
        self.width = inputs
        self.enter, self.leave = nn.Conv2d(inputs, middle, 1), nn.Conv2d(middle, inputs, 1)
        self.deep = nn.Conv2d(middle, middle, 3, padding=1, groups=middle)

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.leave(F.relu(self.deep(F.relu(self.enter(x)))))

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        y = through_conv(self.name("enter"), x, cut)
        equal(self.name("deep"), y, cut.kept(self.name("deep.weight"), 0))
        equal(self.name("deep.bias"), y, cut.kept(self.name("deep.bias"), 0))
        equal(self.name("deep.groups"), len(y), cut.number(self.name("deep"), "groups"))
        equal(self.path, x, through_conv(self.name("leave"), y, cut))
        return x


class Grouped(Block):
    """A grouped convolution."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.width = outputs
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups)
        self._inside, self._outside, self._groups = inputs // groups, outputs // groups, groups

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.conv(x))

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        groups = cut.number(self.name("conv"), "groups")
        out = cut.kept(self.name("conv.weight"), 0)
        equal(self.name("conv.bias"), out, cut.kept(self.name("conv.bias"), 0))
        for into, made in zip(_even(x, groups), _even(out, groups), strict=True):
            homes = {i // self._inside for i in into} | {o // self._outside for o in made}
            equal(self.name("conv"), 1, len(homes))
            equal(self.name("conv.weight"), [i % self._inside for i in into], cut.kept(self.name("conv.weight"), 1))
        return out


def _even(channels: Channels, parts: int) -> list[Channels]:
    if parts < 1 or len(channels) % parts:
        raise UnsoundError(f"{len(channels)} channels in {parts} groups")
    size = len(channels) // parts
    return [channels[i * size : (i + 1) * size] for i in range(parts)]


class Squeeze(Block):
    """Squeeze and excitation, written with views."""

    def __init__(self, inputs: int, middle: int) -> None:
        super().__init__()
        self.width = inputs
        self.reduce, self.expand = nn.Linear(inputs, middle), nn.Linear(middle, inputs)

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        count, channels, _, _ = x.shape
        scale = self.expand(F.relu(self.reduce(F.adaptive_avg_pool2d(x, 1).view(count, channels))))
        return x * torch.sigmoid(scale).view(count, channels, 1, 1)

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        equal(self.path, x, through_conv(self.name("expand"), through_conv(self.name("reduce"), x, cut), cut))
        return x


class Gate(Block):
    """Gates the first channels and passes the others; an attribute holds the number of gated channels."""

    def __init__(self, inputs: int, gated: int) -> None:
        super().__init__()
        self.width, self.gated = inputs, gated

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.sigmoid(x[:, : self.gated]), x[:, self.gated :]], 1)

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        first = sum(channel < self.gated for channel in x)
        equal(self.name("gated"), first, min(len(x), cut.number(self.path, "gated")))
        return x


class LiteralGate(Block):
    """As `Gate`, with the number of gated channels in the code instead of an attribute."""

    def __init__(self, inputs: int, gated: int) -> None:
        super().__init__()
        self.width, self._gated = inputs, gated
        bound = gated  # in the closure's code, as in `x[:, :4]`
        self._first = lambda x: (x[:, :bound], x[:, bound:])

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        first, rest = self._first(x)
        return torch.cat([torch.sigmoid(first), rest], 1)

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        equal(self.path, sum(channel < self._gated for channel in x), min(len(x), self._gated))
        return x


class Halves(Block):
    """A convolution to twice as many channels, whose halves are multiplied."""

    def __init__(self, inputs: int, half: int) -> None:
        super().__init__()
        self.width = half
        self.conv = nn.Conv2d(inputs, 2 * half, 1)

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.conv(x).chunk(2, 1)
        return a * torch.sigmoid(b)

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        a, b = _even(through_conv(self.name("conv"), x, cut), 2)
        equal(self.path, [channel + self.width for channel in a], b)
        return a


class Dense(Block):
    """Concatenates new channels to its input."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.width, self._inputs = inputs + growth, inputs
        self.conv = nn.Conv2d(inputs, growth, 3, padding=1)

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, F.relu(self.conv(x))], 1)

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        return [*x, *(self._inputs + channel for channel in through_conv(self.name("conv"), x, cut))]


class Turned(Block):
    """Adds its input and the reversed input, over channels or over pixels."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.width, self.dims = inputs, (dim,)

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x + torch.flip(x, self.dims)

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        if self.dims == (1,):
            equal(self.path, [self.width - 1 - channel for channel in x], x[::-1])
        return x


class Gain(Block):
    """Multiplies by an integer that is unrelated to the width, next to a view that states the width."""

    def __init__(self, inputs: int, gain: int) -> None:
        super().__init__()
        self.width, self.channels, self.gain = inputs, inputs, gain

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        return (x.reshape(x.shape[0], self.channels, -1) * self.gain / 16).view_as(x)

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        equal(self.name("gain"), self.gain, cut.number(self.path, "gain"))
        equal(self.name("channels"), len(x), cut.number(self.path, "channels"))
        return x


class Grids(Block):
    """A group norm."""

    def __init__(self, inputs: int, groups: int) -> None:
        super().__init__()
        self.width, self._groups = inputs, groups
        self.norm = nn.GroupNorm(groups, inputs)

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.norm(x))

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        equal(self.name("norm.num_channels"), len(x), cut.number(self.name("norm"), "num_channels"))
        for index, part in enumerate(_even(x, self._groups)):
            equal(self.path, {index}, {channel // (self.width // self._groups) for channel in part})
        return through_norm(self.name("norm"), x, cut, ("weight", "bias"))


class Attention(Block):
    """Layer norm, attention over pixels with an integer temperature, and projection, added to the input."""

    def __init__(self, inputs: int, heads: int, dims: int, temperature: int) -> None:
        super().__init__()
        self.width, self.heads, self.temperature = inputs, heads, temperature
        self.norm, self.proj = nn.LayerNorm(inputs), nn.Linear(heads * dims, inputs)
        self.qkv = nn.Linear(inputs, 3 * heads * dims)
        self._heads, self._dims = heads, dims

    def _compute(self, x: torch.Tensor) -> torch.Tensor:
        count, _, height, width = x.shape
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        q, k, v = self.qkv(tokens).view(count, height * width, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        mixed = (self.temperature * scores).softmax(-1) @ v
        return x + self.proj(mixed.transpose(1, 2).flatten(2)).transpose(1, 2).view_as(x)

    def _trace(self, x: Channels, cut: Cut) -> Channels:
        through_norm(self.name("norm"), x, cut, ("weight", "bias"))
        rows = through_conv(self.name("qkv"), x, cut)
        equal(self.name("temperature"), self.temperature, cut.number(self.path, "temperature"))
        size = self._heads * self._dims
        parts = [[row - i * size for row in part] for i, part in enumerate(_even(rows, 3))]
        equal(self.name("qkv of q and k"), parts[0], parts[1])
        equal(self.name("qkv of q and v"), parts[0], parts[2])
        within = [
            ({row // self._dims for row in head}, [row % self._dims for row in head])
            for head in _even(parts[0], cut.number(self.path, "heads"))
        ]
        for homes, dims in within:
            equal(self.name("heads"), 1, len(homes))
            equal(self.name("dims"), within[0][1], dims)
        equal(self.path, x, through_conv(self.name("proj"), parts[2], cut))
        return x
