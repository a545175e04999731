"""Memory that runs out: how to recognise it, and one retry with a smaller batch."""

import gc
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import torch


class OfRung(Protocol):
    """A score that knows its rung. The proxy's own type is not imported: its loop asks this file, too."""

    @property
    def rung(self) -> int:
        """Counted from 0."""


_S = TypeVar("_S", bound=OfRung)
_CPU_WORDS = ("can't allocate memory", "not enough memory")
_GPU_WORDS = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""Of libraries that allocate past torch."""


def out_of_memory(error: BaseException) -> bool:
    """Whether a GPU or the CPU had no memory left; torch reports the latter as a plain RuntimeError."""
    if isinstance(error, MemoryError) or gpu_out_of_memory(error):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_WORDS)


def gpu_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU had no memory left."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _GPU_WORDS)


def halved(images: int) -> int:
    """Half as many images at once, rounded up."""
    return (images + 1) // 2


def let_go() -> None:
    """Give the GPU's memory back that nothing holds any more; not within an `except`, whose error holds some."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def with_less_memory(start: Callable[[int], Iterator[_S]], batch_size: int) -> Iterator[tuple[_S, str | None]]:
    """Score rungs, and if memory runs out start once more with half the batch.

    The learning rate stays: half a batch is an emergency, not another recipe.

    Args:
        start: begins the trial with a batch size, from its first rung.
        batch_size: images per step.

    Yields:
        Each score with how it was reached: None, or a sentence about the retry. A rung that was scored before memory
        ran out is not repeated.

    Raises:
        RuntimeError: memory ran out twice, or the batch cannot be halved. Any other error passes through.
        MemoryError: likewise.
    """
    scored = 0
    try:
        for score in start(batch_size):
            scored += 1
            yield score, None
        return
    except (RuntimeError, MemoryError) as error:
        if batch_size < 2 or not out_of_memory(error):
            raise
        why = f"out of memory at batch size {batch_size}, so once more at {batch_size // 2}: {_first_line(error)}"
    # Not in the handler: until it ends, the error's frames keep the tensors alive.
    let_go()
    try:
        for score in start(batch_size // 2):
            if score.rung >= scored:
                yield score, why
    except (RuntimeError, MemoryError) as error:
        error.add_note(why)
        raise


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
