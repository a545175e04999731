"""What an actor or a task of Ray's computes on."""

import ray
import torch

from trainers.devices import claim_device


def own_device() -> torch.device:
    """Hide the GPUs that Ray did not give to this process, and return what it computes on.

    Raises:
        ResourcesError: Ray gave it a GPU that torch cannot use.
    """
    return claim_device([str(gpu) for gpu in ray.get_gpu_ids()])
