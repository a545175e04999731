"""Measures a step of the proxy on a GPU: how long it takes, and how much memory."""

import time

import torch

from pruning.models import ModelSpec, create_model
from trainers.datasets.memory import TensorSplit
from trainers.loop import Training
from trainers.measured import MeasuredStep
from trainers.place import Place
from trainers.recipe import ProxyRecipe

_STEPS, _EPOCHS = 4, 3
"""The first epoch is not counted: libraries choose their kernels in it."""
_FEWEST = 2
"""Images; with one, BatchNorm has no deviation."""
_TRAIN, _HOLDOUT, _BYTES = 4096, 2048, 4
"""Images of a proxy without limits, and bytes of a channel of a pixel: a trial keeps its images on the GPU."""


def measure_step(spec: ModelSpec, recipe: ProxyRecipe, device: torch.device) -> MeasuredStep:
    """Train the unpruned model for a few steps on random images: no trial takes more.

    Args:
        spec: of the model. Its weights do not matter.
        recipe: of the proxy.
        device: a GPU.

    Raises:
        OutOfMemoryError: not even one trial fits.
    """
    free, _ = torch.cuda.mem_get_info(device)
    torch.cuda.reset_peak_memory_stats(device)
    step_s = _timed(spec, recipe, recipe.batch_size, device)
    taken = torch.cuda.max_memory_reserved(device) + _images_bytes(spec, recipe)
    launch_s = _timed(spec, recipe, min(_FEWEST, recipe.batch_size), device)
    torch.cuda.empty_cache()
    return MeasuredStep(taken, free, step_s, launch_s)


def _timed(spec: ModelSpec, recipe: ProxyRecipe, batch_size: int, device: torch.device) -> float:
    """Seconds of a step."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(_STEPS * batch_size, *spec.image_size, generator=generator)
    labels = torch.arange(len(images)) % spec.num_classes
    whole = recipe.training().override(epochs=_EPOCHS, batch_size=batch_size)
    split = TensorSplit(images, labels).to(device)
    training = Training(create_model(spec), split, whole, seed=0, place=Place(device), output=spec.output)
    seconds = []
    begun = time.perf_counter()
    for _ in training.epochs():  # each ends once its loss has left the GPU
        seconds.append(time.perf_counter() - begun)
        begun = time.perf_counter()
    return min(seconds[1:]) / _STEPS


def _images_bytes(spec: ModelSpec, recipe: ProxyRecipe) -> int:
    channels, height, width = spec.image_size
    images = (recipe.train_limit or _TRAIN) + (recipe.holdout_limit or _HOLDOUT)
    return images * channels * height * width * _BYTES
