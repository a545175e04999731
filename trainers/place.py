"""The distributed seam: a training process's device, its rank, and what workers exchange."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from trainers.errors import TrainerError

_THREADS_ANYWHERE, _THREADS_PER_CPU = 16, 4


@dataclass(frozen=True, slots=True)
class Place:
    """One worker among those that train together.

    Attributes:
        device: where it computes.
        rank: its number, from 0.
        world: how many workers there are.
    """

    device: torch.device
    rank: int = 0
    world: int = 1

    @classmethod
    def here(cls, device: torch.device | None = None) -> "Place":
        """This process's place in torch's process group, or that of a lone worker when there is none."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls(device or default_device())
        return cls(device or default_device(), dist.get_rank(), dist.get_world_size())

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, the only worker that writes."""
        return self.rank == 0

    def share(self, indices: Tensor) -> Tensor:
        """This worker's part of what all workers take together: every world-th, from its own rank on."""
        return indices[self.rank :: self.world]

    def mean(self, value: float) -> float:
        """The mean of a value over all workers."""
        return self.all_reduce([value])[0] / self.world

    def all_reduce(self, values: Iterable[float]) -> list[float]:
        """Sum each value over all workers, in float64."""
        total = torch.tensor(list(values), dtype=torch.float64)
        if self.world == 1:
            return total.tolist()
        total = total.to(self.device)  # NCCL moves only what is on the GPU
        dist.all_reduce(total)
        return total.tolist()

    def broadcast_buffers(self, model: nn.Module) -> None:
        """Give every worker rank 0's buffers: BatchNorm statistics differ after a step, weights do not."""
        if self.world > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)

    def broadcast(self, value: Tensor) -> Tensor:
        """Give every worker rank 0's tensor, in place."""
        if self.world > 1:
            dist.broadcast(value, src=0)
        return value

    def broadcast_text(self, text: str) -> str:
        """Give every worker rank 0's text."""
        if self.world == 1:
            return text
        raw = torch.tensor(list(text.encode()), dtype=torch.uint8)
        length = self.broadcast(torch.tensor(len(raw), device=self.device))
        if not self.is_main:
            raw = torch.empty(int(length), dtype=torch.uint8)
        return bytes(self.broadcast(raw.to(self.device)).tolist()).decode()

    def gathered(self, value: Tensor) -> list[Tensor]:
        """The tensors of all workers, in the order of their ranks, on the CPU; they have one shape."""
        if self.world == 1:
            return [value.cpu()]
        own = value.to(self.device)
        everyone = [torch.empty_like(own) for _ in range(self.world)]
        dist.all_gather(everyone, own)
        return [one.cpu() for one in everyone]


def check_threads(count: int) -> int:
    """The count, if torch can start so many threads: far too many end the process without a word.

    Raises:
        TrainerError: it cannot.
    """
    most = max(_THREADS_ANYWHERE, _THREADS_PER_CPU * (os.cpu_count() or 1))
    if not 1 <= count <= most:
        raise TrainerError(f"{count:,} threads cannot be used: 1 to {most} would work on this machine")
    return count


def default_device() -> torch.device:
    """The current GPU if there is one, else the CPU."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def computes_in_bf16(device: torch.device) -> bool:
    """Whether a GPU computes in bf16 itself, as those since Ampere do; for others torch converts back and forth."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def here_in_bf16() -> bool:
    """Whether this machine's GPUs compute in bf16 themselves; also where it has none: others may."""
    return all(computes_in_bf16(torch.device("cuda", index)) for index in range(torch.cuda.device_count()))
