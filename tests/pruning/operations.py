"""Networks with one operation between two convolutions, and the units of the groups that each must have."""

from collections.abc import Callable

import torch
from torch import nn
from torch.ao.quantization import QuantStub
from torch.nn import functional as F
from torchvision.ops import DeformConv2d

Operation = Callable[..., torch.Tensor]


class Between(nn.Module):
    """Conv 3→16 (stride 2) · an operation · conv `made`→8 (stride 2) · linear 8→5, on 16×16 images."""

    def __init__(self, operation: Operation, *, made: int = 16, parts: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(made, 8, 3, 2, 1), nn.Linear(8, 5)
        self.operation, self.parts = operation, parts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.first(x))
        x = self.operation(x) if self.parts is None else self.operation(self.parts, x)
        return self.head(F.relu(self.second(x)).mean((2, 3)))


class Unpooled(nn.Module):
    """Pools with the places of the maxima, and puts the values back there."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small, places = F.max_pool2d(x, 2, return_indices=True)
        return F.max_unpool2d(small, places, [2, 2])


class Deformed(nn.Module):
    """A deformable convolution 16→12 whose 18 offsets another convolution computes."""

    def __init__(self) -> None:
        super().__init__()
        self.offset, self.deform = nn.Conv2d(16, 18, 3, padding=1), DeformConv2d(16, 12, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.deform(x, self.offset(x))


class Recurrent(nn.Module):
    """Reads 16 channels of each column, in both directions, with two layers of 6 units: 12 channels of each column."""

    def __init__(self, layer: Callable[..., nn.Module] = nn.LSTM) -> None:
        super().__init__()
        self.layer = layer(16, 6, 2, batch_first=True, bidirectional=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.mean(2).transpose(1, 2))[0].transpose(1, 2)[:, :, None]


class Stepped(nn.Module):
    """A cell of 6 units that reads 16 channels of two columns, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(16, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = x.new_zeros(len(x), 6)
        for column in range(2):
            state = self.cell(x.mean(2)[..., column], state)
        return state[..., None, None]


class Queried(nn.Module):
    """Five learned queries attend to each other, and then gate the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.queries, self.gate = nn.Parameter(torch.randn(5, 6)), nn.Linear(6, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q = self.queries[None, None].expand(len(x), -1, -1, -1)
        y = F.scaled_dot_product_attention(q, q, q, scale=0.5).mean((1, 2))
        return x * self.gate(y)[..., None, None]


class Borrowed(nn.Module):
    """Calls a function with the weights of a layer, which never runs itself."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norm = self.norm
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


class Gated(nn.Module):
    """Attention over pixels whose 4 heads each have a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = 4, nn.Conv2d(16, 48, 1), nn.Conv2d(16, 16, 1)
        self.mask = nn.Parameter(torch.randn(4, 64, 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(-2, -1).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v, self.mask, scale=0.5)
        return self.out(y.transpose(-2, -1).flatten(1, 2).unflatten(-1, (8, 8)))


class Written(nn.Module):
    """Lengths that its code writes: of a repeated number, of two halves, of a state that it makes, and of groups.

    Only one operation states each of them. A training pass puts another tensor in its buffer's place.
    """

    mean: torch.Tensor
    filter: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.width, self.part, self.depth, self.lanes = 16, 8, 6, 10
        self.register_buffer("mean", torch.zeros(1, 16, 1, 1))
        self.register_buffer("filter", torch.randn(10, 1, 3, 3))
        self.shift = nn.Parameter(torch.randn(1, 1, 1, 1))
        self.state, self.last, self.mark = nn.Conv2d(8, 6, 1), nn.Conv2d(14, 10, 1), QuantStub()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean((0, 2, 3), keepdim=True)
        x = self.mark(x - self.mean)
        x = x + self.shift.repeat(1, self.width, 1, 1)
        a, b = x.split((self.part, self.part), 1)
        state = x.new_zeros(len(x), self.depth, *x.shape[2:])
        for _ in range(2):
            state = torch.tanh(self.state(b) + state)
        x = self.last(torch.cat([a, state], 1))
        return F.conv2d(x, self.filter, padding=1, groups=self.lanes)


class Crossed(nn.Module):
    """Attention of 16 channels to each other, over as many tokens, in 2 heads whose width is that of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = 2, nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, tokens, width = x.shape
        parts = self.qkv(x).reshape(count, tokens, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 4, 1).unbind(0)
        y = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT).softmax(-1) @ v
        return x + self.out(y.permute(0, 3, 1, 2).reshape(count, tokens, width))


def _over_tokens(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Adds what a layer makes of 4×4 tokens to all pixels of each."""
    tokens = layer(F.adaptive_avg_pool2d(x, 4).flatten(2).mT).mT
    return x + F.interpolate(tokens.unflatten(2, (4, 4)), scale_factor=2)


def _windows(x: torch.Tensor) -> torch.Tensor:
    """Windows as channels, weighed and put together again; and the means of windows along one dimension."""
    columns = F.unfold(x, 2, stride=2).unflatten(1, (-1, 4))
    whole = F.fold((columns * columns.sum(2, keepdim=True)).flatten(1, 2), x.shape[2:], 2, stride=2)
    return whole + x.unfold(2, 2, 2).mean(-1).repeat_interleave(2, 2)


def _weights(*shapes: tuple[int, ...]) -> nn.Module:
    return nn.ParameterList([nn.Parameter(torch.randn(shape)) for shape in shapes])


def _channels_last(layer: Operation, x: torch.Tensor) -> torch.Tensor:
    return layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _fourier(x: torch.Tensor) -> torch.Tensor:
    spectrum = torch.fft.rfft2(x)
    return torch.fft.irfft2(torch.complex(spectrum.real, spectrum.imag.relu()), s=x.shape[-2:])


def _grid(x: torch.Tensor) -> torch.Tensor:
    places = x.mean(1)[..., None].expand(-1, -1, -1, 2).tanh()
    return F.grid_sample(x, places, align_corners=False)


def _added(x: torch.Tensor) -> torch.Tensor:
    flat = x.flatten(2)
    return torch.baddbmm(flat, flat, flat.transpose(1, 2) @ flat).view_as(x)


# The network, and the units of its groups in order.
FREE: dict[str, tuple[Callable[[], nn.Module], list[int]]] = {
    "a group norm with a group per channel": (lambda: Between(nn.GroupNorm(16, 16)), [16, 8]),
    "pixel shuffle": (lambda: Between(nn.PixelShuffle(2), made=4), [4, 8]),
    "pixel unshuffle": (lambda: Between(nn.PixelUnshuffle(2), made=64), [16, 8]),
    "channel shuffle": (lambda: Between(nn.ChannelShuffle(4)), [4, 8]),
    "amax": (lambda: Between(lambda x: x * x.amax(1, keepdim=True)), [16, 8]),
    "max over channels": (lambda: Between(lambda x: x * x.max(1, keepdim=True)[0].sigmoid()), [16, 8]),
    "min over channels": (lambda: Between(lambda x: x - x.min(1, keepdim=True).values), [16, 8]),
    "maxout": (lambda: Between(lambda x: x.unflatten(1, (-1, 2)).max(2)[0], made=8), [8, 8]),
    "the larger of two": (lambda: Between(lambda x: torch.max(x, 0.5 - x)), [16, 8]),
    "RMS norm": (lambda: Between(_channels_last, parts=nn.RMSNorm(16)), [16, 8]),
    "GLU": (lambda: Between(nn.GLU(1), made=8), [8, 8]),
    "padding same": (lambda: Between(nn.Conv2d(16, 16, 3, padding="same", dilation=2)), [16, 16, 8]),
    "bicubic": (lambda: Between(lambda x: F.interpolate(x, scale_factor=2, mode="bicubic")), [16, 8]),
    "antialiased": (lambda: Between(lambda x: F.interpolate(x, size=4, mode="bilinear", antialias=True)), [16, 8]),
    "unpooling": (lambda: Between(Unpooled()), [16, 8]),
    "baddbmm": (lambda: Between(_added), [16, 8]),
    "tril of pixels": (lambda: Between(torch.tril), [16, 8]),
    "rotation": (lambda: Between(lambda x: torch.rot90(x, 1, (2, 3))), [16, 8]),
    "log sigmoid": (lambda: Between(nn.LogSigmoid()), [16, 8]),
    "a Fourier transform of pixels": (lambda: Between(_fourier), [16, 8]),
    "grid sampling": (lambda: Between(_grid), [16, 8]),
    "a deformable convolution": (lambda: Between(Deformed(), made=12), [16, 12, 8]),
    "attention with a mask per head": (lambda: Between(Gated()), [16, 4, 4, 16, 8]),
    "learned queries of fused attention": (lambda: Between(Queried()), [16, 6, 8]),
    "a weight that is cast to its own type": (
        lambda: Between(lambda p, x: x * p[0].to(x.dtype)[:, None, None], parts=_weights((16,))),
        [16, 8],
    ),
    "weights of a norm in a function": (lambda: Between(Borrowed()), [16, 8]),
    "einsum of three": (
        lambda: Between(
            lambda p, x: torch.einsum("bchw,ck,ko->bohw", x, p[0], p[1]),
            parts=_weights((16, 6), (6, 16)),
        ),
        [16, 6, 16, 8],
    ),
    "einsum with an ellipsis": (
        lambda: Between(
            lambda p, x: torch.einsum("...chw,co->...ohw", x, p[0]),
            made=12,
            parts=_weights((16, 12)),
        ),
        [16, 12, 8],
    ),
    "an outer product": (
        lambda: Between(lambda x: x * torch.einsum("bh,bw->bhw", x.mean((1, 3)), x.mean((1, 2)))[:, None]),
        [16, 8],
    ),
    "lengths that code writes, and stubs of quantisation": (lambda: Between(Written(), made=10), [8, 6, 10, 8]),
    "as many tokens as channels": (lambda: Between(_over_tokens, parts=Crossed()), [2, 8, 8]),
    "a convolution over single tokens": (lambda: Between(_over_tokens, parts=nn.Conv1d(16, 16, 1)), [16, 8]),
    "windows as channels": (lambda: Between(_windows), [16, 8]),
    "a bilinear layer": (
        lambda: Between(
            lambda layer, x: _channels_last(lambda y: layer(y, y), x), parts=nn.Bilinear(16, 16, 12), made=12
        ),
        [16, 12, 8],
    ),
    "a product with a vector": (
        lambda: Between(
            lambda p, x: x * (x.mean((2, 3)) @ p[0])[:, None, None, None],
            parts=_weights((16,)),
        ),
        [16, 8],
    ),
}
# The network, the units of its groups, and the units that are fixed, with a part of the reason.
FIXED: dict[str, tuple[Callable[[], nn.Module], list[int], dict[str, tuple[int, str]]]] = {
    "positions of maxima": (
        lambda: Between(lambda x: x * x.max(1, keepdim=True)[1]),
        [8],
        {"first": (16, "positions")},
    ),
    "tril of channels": (
        lambda: Between(lambda x: torch.tril(x.transpose(1, 3)).transpose(1, 3)),
        [8],
        {"first": (16, "triangle")},
    ),
    "a window over channels": (
        lambda: Between(
            lambda conv, x: x * conv(x.mean((2, 3))[:, None])[:, 0, :, None, None],
            parts=nn.Conv1d(1, 1, 3, padding=1),
        ),
        [8],
        {"first": (16, "a window moves along it")},
    ),
    "pools over channels": (
        lambda: Between(lambda x: x * F.adaptive_max_pool1d(x.mean(2).mT, 4).mean((1, 2))[:, None, None, None]),
        [8],
        {"first": (16, "a window moves along it")},
    ),
    "halves by the model's own number": (
        lambda: Between(lambda x: torch.cat([x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :].relu()], 1)),
        [8],
        {"first": (8, "would do something else"), "first#2": (8, "would do something else")},
    ),
    "an operation without a rule": (
        lambda: Between(lambda x: x * torch.linalg.svdvals(x.flatten(2)).mean()),
        [8],
        {"first": (16, "no rule")},
    ),
    "scattering": (
        lambda: Between(lambda x: x.scatter(1, x.argmax(1, keepdim=True), 1.0)),
        [8],
        {"first": (16, "")},
    ),
    "numbers of positions": (
        lambda: Between(lambda x: x + torch.arange(x.shape[1]).view(-1, 1, 1)),
        [8],
        {"first": (16, "depend on the position")},
    ),
    "an LSTM": (
        lambda: Between(Recurrent(), made=12),
        [16, 8],
        {"operation.layer": (6, "feeds them back")},
    ),
    "a GRU": (
        lambda: Between(Recurrent(nn.GRU), made=12),
        [16, 8],
        {"operation.layer": (6, "feeds them back")},
    ),
    "a recurrent cell": (
        lambda: Between(Stepped(), made=6),
        [16, 8],
        {"operation.cell": (6, "feeds them back")},
    ),
}
