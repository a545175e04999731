"""What could never be scheduled is refused."""

import pytest

from search.errors import ResourceError
from search.setup.resources import Needs, check_resources


def needs(trials: int = 2, cpus: float = 1, gpus: float = 0, finetune: int = 2, finetune_gpu: bool = False) -> Needs:
    return Needs(trials, cpus, gpus, finetune, finetune_gpu)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (needs(trials=3), "--workers 3 at 1 CPU each needs 3 CPUs, and this machine has 2: --workers 2 fits"),
        (needs(cpus=1.5), "--workers 2 at 1.5 CPU each needs 3 CPUs"),
        (needs(trials=1, gpus=0.5), "no worker of this kind fits"),
        (needs(finetune=3), "--finetune-workers 3"),
        (needs(finetune_gpu=True), "--finetune-workers 2 at 1 GPU each"),
    ],
)
def test_what_could_never_be_scheduled_is_refused_with_what_fits(asked: Needs, words: str) -> None:
    with pytest.raises(ResourceError) as caught:
        check_resources(asked, cpus=2, gpus=0)
    assert words in str(caught.value)


def test_what_fits_exactly_is_accepted() -> None:
    check_resources(needs(trials=4, cpus=0.5, finetune=2), cpus=2, gpus=0)
    check_resources(needs(trials=4, cpus=0.5, gpus=0.25, finetune=1, finetune_gpu=True), cpus=2, gpus=1)
