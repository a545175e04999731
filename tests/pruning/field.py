"""Small networks of kinds that occur in users' code and were once cut wrongly, refused, or crashed."""

import dataclasses
from collections import deque
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Mixed(nn.Module):
    """Conv 3→16 · an operation · conv 16→8 · linear 8→5; subclasses define the operation."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(16, 8, 3, 2, 1), nn.Linear(8, 5)

    def between(self, x: torch.Tensor) -> torch.Tensor:
        """The operation on 16 channels."""
        return x

    def forward(self, x: torch.Tensor) -> Any:
        x = F.relu(self.second(self.between(F.relu(self.first(x)))))
        return self.head(x.mean((2, 3)))


class LiteralSlice(Mixed):
    """Four channels are gated, by a bound that is a literal in the code."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.sigmoid(x[:, :4]), x[:, 4:]], 1)


class LiteralWrite(Mixed):
    """Four channels are written to in place."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[:, :4] = x[:, :4] * 2
        return x


class LastFour(Mixed):
    """Four channels, counted from the end."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[:, :-4], x[:, -4:].tanh()], 1)


class LiteralNarrow(Mixed):
    """Four channels, starting with the third."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return x + F.pad(x.narrow(1, 2, 4).mean(1, keepdim=True), (0, 0))


class LiteralMask(Mixed):
    """A mask that is created in the forward pass, with a literal bound."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(x.shape[1], device=x.device, dtype=x.dtype)
        mask[:4] = 0.5
        return x * mask[None, :, None, None]


class AttributeSlice(Mixed):
    """As `LiteralSlice`, with the bound in an attribute, which can follow a cut."""

    def __init__(self) -> None:
        super().__init__()
        self.gated = 4

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.sigmoid(x[:, : self.gated]), x[:, self.gated :]], 1)


class Scaled(Mixed):
    """Scaled by a number that depends on the number of channels."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return x * x.shape[1] ** -0.5


class Branching(Mixed):
    """Computes something else if there are few channels."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x) if x.shape[1] < 16 else x


class Flip(Mixed):
    """Adds the reversed input, over pixels (3) or channels (1)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dims = [dim]

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x + torch.flip(x, self.dims)


class Tuned(nn.Module):
    """Cosine attention over 64 dims with 8 heads and a temperature of 8, which is not a width."""

    def __init__(self, temperature: int = 8) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 64, 4, 4), nn.Linear(64, 5)
        self.attention = CosineAttention(temperature)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.stem(x).flatten(2).transpose(1, 2)
        return self.head((tokens + self.attention(tokens)).mean(1))


class CosineAttention(nn.Module):
    """The attention layer of `Tuned`."""

    def __init__(self, temperature: int) -> None:
        super().__init__()
        self.heads, self.temperature = 8, temperature
        self.qkv, self.proj = nn.Linear(64, 192), nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        return self.proj(((self.temperature * scores).softmax(-1) @ v).transpose(1, 2).flatten(2))


class Margin(nn.Module):
    """A head on normalised features whose scale equals the width, 64; `literal` also writes the width as a number."""

    def __init__(self, *, literal: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 64, 3, 2, 1)
        self.scale, self.centres, self.literal = 64, nn.Parameter(torch.randn(5, 64)), literal

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.adaptive_avg_pool2d(F.relu(self.second(F.relu(self.first(x)))), 1)
        x = x.view(x.shape[0], 64) if self.literal else x.view(x.shape[0], x.shape[1])
        return self.scale * F.linear(F.normalize(x), F.normalize(self.centres))


class Pyramid(nn.Module):
    """Three convolutions whose first two results are returned too; subclasses define the structure."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1), nn.Conv2d(8, 12, 3, 2, 1)
        self.head = nn.Linear(12, 5)

    def returned(self, logits: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> Any:
        """The output of the forward pass."""
        return logits, [a, b]

    def forward(self, x: torch.Tensor) -> Any:
        a = F.relu(self.one(x))
        b = F.relu(self.two(a))
        return self.returned(self.head(F.relu(self.three(b)).mean((2, 3))), a, b)


class PyramidDict(Pyramid):
    """Returns nested dicts."""

    def returned(self, logits: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> Any:
        return {"logits": logits, "features": {"a": a, "b": b}}


@dataclasses.dataclass
class Answer:
    """Logits, and one feature map in a tuple."""

    logits: torch.Tensor
    features: tuple[torch.Tensor, ...]


class PyramidData(Pyramid):
    """Returns a dataclass."""

    def returned(self, logits: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> Any:
        return Answer(logits, (b,))


class Auxiliary(Mixed):
    """A second classifier of the 16 channels, with a hidden layer, that runs in training mode only."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.side = nn.Conv2d(16, 10, 1), nn.Conv2d(10, 5, 1)

    def forward(self, x: torch.Tensor) -> Any:
        x = F.relu(self.first(x))
        logits = self.head(F.relu(self.second(x)).mean((2, 3)))
        return (logits, self.side(F.relu(self.hidden(x))).mean((2, 3))) if self.training else logits


class TrainsSliced(Mixed):
    """Slices by a literal bound, in training mode only."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[:, :4] * 0.9, x[:, 4:]], 1) if self.training else x


class Dropping(Mixed):
    """Stochastic depth as in timm and torchvision, which fill uninitialised memory with random numbers."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        # Leaves NaNs in the memory that `torch.empty` below may get.
        torch.full((x.shape[0], 1, 1, 1), torch.nan, dtype=x.dtype, device=x.device)
        return x + F.dropout2d(x, 0.2) * torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device).bernoulli_(
            0.9
        )


class TrainsUnknown(Mixed):
    """Runs an operation without a rule, in training mode only."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.linalg.svdvals(x.flatten(2)).mean() if self.training else x


class Keeper(Mixed):
    """Stores activations in an attribute, a list, a dict, and a custom object."""

    def __init__(self) -> None:
        super().__init__()
        self.map: torch.Tensor | None = None
        self.last: deque[torch.Tensor] = deque(maxlen=2)
        self.maps: list[torch.Tensor] = []
        self.named: dict[str, torch.Tensor] = {}
        self.holder = Holder()

    def between(self, x: torch.Tensor) -> torch.Tensor:
        self.map, self.maps, self.named["map"], self.holder.map = x.mean(1), [x], x, x
        self.last.append(x)
        return x


class Holder:
    """A custom object that holds an activation."""

    map: torch.Tensor | None = None


class Encoder(nn.Module):
    """The transformer encoder of torch on patches, with 4 heads and MLPs of 64."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 32, 8, 8), nn.Linear(32, 5)
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.stem(x).flatten(2).transpose(1, 2)).mean(1))


class Listed(Mixed):
    """Selects channels by a list of indices, and scales by a tensor made from a number."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return x * x[:, [0, 1, 2]].mean(1, keepdim=True) * torch.tensor(0.5)


class Devices(Mixed):
    """Creates tensors in the forward pass without a device, as code for the CPU often does."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        ramp = torch.arange(x.shape[-1]).float() / x.shape[-1]
        return x + ramp + torch.zeros(x.shape)
