"""What names of models stand for: short names, hubs, and known names that are meant by a wrong one."""

import re

import timm
import torchvision

import pruning.zoo  # noqa: F401  registers our own models with timm
from ground.names import near_misses

_SIZES = re.compile(r"(_(patch|window|p|w)?\d+)+")
_USUAL = ("224", "patch16")
"""What people mean who leave it out: the size of the images first, then that of the patches."""


def full_name(name: str) -> str:
    """The name that a short one stands for: `deit_tiny` is `deit_tiny_patch16_224`. Any other name stays as it is.

    A name is short if exactly one known name, or one for 224 pixels, or one for those in patches of 16, has nothing
    after it but sizes.
    """
    bare, dot, tag = name.partition(".")
    if not bare or timm.is_model(bare) or bare in torchvision.models.list_models():
        return name
    longer = [known for known in timm.list_models(f"{bare}_*") if _SIZES.fullmatch(known.removeprefix(bare))]
    for part in ("", *_USUAL):
        longer = [known for known in longer if part in known.removeprefix(bare)] or longer
        if len(longer) == 1:
            return longer[0] + dot + tag
    return name


def near_models(name: str) -> tuple[str, ...]:
    """Up to five known names that begin with this one, the shortest first; after them those of similar spelling."""
    known = sorted({*timm.list_models(), *torchvision.models.list_models()})
    begun = sorted((one for one in known if name and one.startswith(name)), key=lambda one: (len(one), one))
    near = near_misses(name, known, most=5)
    return tuple(dict.fromkeys((*begun[:5], *near)))[:5]
