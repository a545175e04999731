"""One step of the optimiser over a batch, in as many passes as the memory asks for."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trainers.errors import RecipeError
from trainers.mixing import Mixed
from trainers.objective import Objective
from trainers.wrapping import kept_buffers

_OF_ONE = "Expected more than 1 value per channel"
"""How torch says it."""


class Stepper:
    """Adds up the gradients of a batch and takes a step."""

    def __init__(
        self,
        forward: nn.Module,
        optimizer: torch.optim.Optimizer,
        objective: Objective,
        *,
        grad_clip: float | None,
        recomputes: bool,
    ) -> None:
        """Keep what a step needs.

        Args:
            forward: the model as it is trained, perhaps under DDP.
            optimizer: of its weights.
            objective: what is minimised.
            grad_clip: the largest norm of the gradient.
            recomputes: whether activations are computed again in the backward pass, see `trainers.wrapping`.
        """
        self._forward, self._optimizer, self._objective = forward, optimizer, objective
        self._grad_clip, self._recomputes = grad_clip, recomputes

    def take(self, batch: Mixed, lr: float, micro_batch: int) -> Tensor:
        """Take a step; returns the batch's mean loss, still on the device.

        With several passes, a layer that looks at a whole batch, as BatchNorm does, looks at one pass's images.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        loss = self._add_up(batch, micro_batch)
        if self._grad_clip is not None:
            nn.utils.clip_grad_norm_(self._forward.parameters(), self._grad_clip)
        self._optimizer.step()
        return loss

    def attempt(self, batch: Mixed) -> None:
        """Compute one pass's gradients as in a step, and forget them: to see whether the memory suffices.

        Other workers are not waited for, since one of them may fail. What the optimiser will keep is counted in.

        Raises:
            RuntimeError: it does not suffice; or another error of torch's.
        """
        with self._alone():
            loss = self._objective.loss(batch)
            loss.backward()
        kept = [torch.empty_like(p) for p in self._forward.parameters() if p.requires_grad for _ in range(self._states)]
        del kept, loss
        self._optimizer.zero_grad(set_to_none=True)

    @property
    def _states(self) -> int:
        """Tensors of a weight's size that the optimiser keeps of it and has not made yet."""
        return 0 if self._optimizer.state else 1 + isinstance(self._optimizer, torch.optim.AdamW)

    def forget(self) -> None:
        """Free the gradients of a pass that failed."""
        self._optimizer.zero_grad(set_to_none=True)

    def _add_up(self, batch: Mixed, micro_batch: int) -> Tensor:
        self._optimizer.zero_grad(set_to_none=True)
        count = len(batch.images)
        if micro_batch >= count:
            return self._pass(batch, 1.0)
        total = torch.zeros((), dtype=torch.float64, device=batch.images.device)
        for begin, end in even_parts(count, micro_batch):
            with nullcontext() if end == count else self._alone():
                total += self._pass(part_of(batch, begin, end), (end - begin) / count)
        return total

    def _pass(self, batch: Mixed, share: float) -> Tensor:
        """Add a pass's part of the gradient; returns its part of the mean loss."""
        try:
            loss = self._objective.loss(batch)
        except ValueError as error:
            if _OF_ONE not in str(error):
                raise
            raise RecipeError(
                f"a pass has {len(batch.images)} image, and BatchNorm trains on no single one: choose a batch_size of "
                "at least 2 for each worker, and a micro_batch that leaves no pass with one"
            ) from error
        if share < 1:
            loss = loss * share
        # A layer that is computed again takes its batch's statistics in again.
        with kept_buffers(self._forward) if self._recomputes else nullcontext():
            loss.backward()
        return loss.detach()

    def _alone(self) -> AbstractContextManager[None]:
        """Within a block, gradients are not exchanged with other workers."""
        return _unsynced(self._forward) if isinstance(self._forward, DistributedDataParallel) else nullcontext()


@contextmanager
def _unsynced(forward: DistributedDataParallel) -> Iterator[None]:
    with forward.no_sync():
        yield


def even_parts(count: int, most: int) -> Iterator[tuple[int, int]]:
    """Where parts of at most so many begin and end, as few as can be and as equal as can be: none of them is tiny."""
    parts = -(-count // most)
    size, larger = divmod(count, parts)
    begin = 0
    for number in range(parts):
        end = begin + size + (number < larger)
        yield begin, end
        begin = end


def part_of(batch: Mixed, begin: int, end: int) -> Mixed:
    """Images of a batch, with their labels."""
    part = slice(begin, end)
    return Mixed(batch.images[part], batch.labels[part], batch.others[part], batch.weight)
