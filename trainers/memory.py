"""Memory that runs out: told from other faults, and met once with a smaller batch."""

import gc
from collections.abc import Callable, Iterator

import torch

from trainers.proxy import RungScore

_CPU_WORDS = ("can't allocate memory", "not enough memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether a GPU or the CPU had no memory left; torch says the latter by a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_WORDS)


def with_less_memory(
    start: Callable[[int], Iterator[RungScore]], batch_size: int
) -> Iterator[tuple[RungScore, str | None]]:
    """The rungs of `start(batch_size)`; where memory runs out, once more from the beginning with half the batch.

    Each score comes with how it was got: None, or what happened in words. A rung that was told before memory ran out
    is not told again. The learning rate stays: half a batch is an emergency, not another recipe.

    Raises:
        The second fault, or the first if it was another one or the batch cannot be halved.
    """
    told = 0
    try:
        for score in start(batch_size):
            told += 1
            yield score, None
        return
    except (RuntimeError, MemoryError) as error:
        if batch_size < 2 or not out_of_memory(error):
            raise
        why = f"out of memory at batch size {batch_size}, so once more at {batch_size // 2}: {_first_line(error)}"
    # Here and not in the handler: until it is left, the error's frames hold the tensors.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        for score in start(batch_size // 2):
            if score.rung >= told:
                yield score, why
    except (RuntimeError, MemoryError) as error:
        error.add_note(why)
        raise


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
