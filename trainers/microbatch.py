"""How many images of a batch fit into the memory at once, found by trial before the first step."""

import gc
import logging

import torch
from torch import nn

from trainers.errors import DoesNotFitError
from trainers.memory import halved, out_of_memory
from trainers.mixing import Mixed
from trainers.place import Place
from trainers.recalibrate import has_batch_norm
from trainers.stepping import Stepper, part_of
from trainers.wrapping import gpus_of, kept_buffers

_log = logging.getLogger(__name__)


def may_run_out(device: torch.device) -> bool:
    """Whether too large a batch is an error that can be caught: on a CPU the system ends the process instead."""
    return device.type == "cuda"


def found_micro_batch(stepper: Stepper, model: nn.Module, batch: Mixed, place: Place) -> int:
    """The largest part of a batch that fits into the memory of every worker: the batch, or it halved again and again.

    No weight and no buffer changes, and nothing is drawn.

    Raises:
        DoesNotFitError: not even one image fits; all workers raise it.
    """
    count = size = len(batch.images)
    with torch.random.fork_rng(devices=gpus_of(place.device)), kept_buffers(model):
        while size and not _fits(stepper, part_of(batch, 0, size)):
            size = halved(size) if size > 1 else 0
            gc.collect()
            if place.device.type == "cuda":
                torch.cuda.empty_cache()
    agreed = min(int(found) for found in place.gathered(torch.tensor(size)))
    if agreed == 0:
        raise DoesNotFitError(
            "not even a single training image fits into a worker's memory: end what else uses the GPU, choose "
            "checkpointing or a smaller --input-size, or train on another GPU"
        )
    if agreed < count and place.is_main:
        passes = -(-count // agreed)
        _log.warning(
            "a worker's %d images of a step do not fit into its memory at once, so they are taken in %d passes of %d; "
            "the batch and the learning rate stay%s",
            count,
            passes,
            agreed,
            f", but BatchNorm takes its statistics of {agreed} images" if has_batch_norm(model) else "",
        )
    return agreed


def _fits(stepper: Stepper, batch: Mixed) -> bool:
    try:
        stepper.attempt(batch)
    except (RuntimeError, MemoryError) as error:
        stepper.forget()
        if not out_of_memory(error):
            raise
        return False
    return True
