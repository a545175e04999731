"""Whether the GPUs of a cluster compute in bf16, as Ray knows them."""

import ray

_WITHOUT = frozenset({"V100", "P100", "P4", "T4", "K80"})
"""Ray's names of the types before Ampere, which computes in it."""
_PREFIX = "accelerator_type:"


def all_compute_in_bf16() -> bool:
    """Whether no living node says that it has a GPU of a type that does not."""
    resources = (name for node in ray.nodes() if node["Alive"] for name in node["Resources"])
    return all(name.removeprefix(_PREFIX) not in _WITHOUT for name in resources if name.startswith(_PREFIX))
