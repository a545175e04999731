"""What could never be scheduled is refused."""

import pytest

from search.errors import ResourceError
from search.setup.resources import Machines, Needs, Node, check_resources
from trainers.workers import Workers


def needs(trials: int = 2, cpus: float = 1, gpus: float = 0, finetune: int = 2, finetune_gpu: bool = False) -> Needs:
    return Needs(trials, cpus, gpus, Workers(finetune, finetune), finetune_gpu)


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
        check_resources(asked, Machines((Node(2, 0),)))
    assert words in str(caught.value)


def test_what_fits_exactly_is_accepted() -> None:
    check_resources(needs(trials=4, cpus=0.5, finetune=2), Machines((Node(2, 0),)))
    check_resources(needs(trials=4, cpus=0.5, gpus=0.25, finetune=1, finetune_gpu=True), Machines((Node(2, 1),)))


@pytest.mark.parametrize(
    ("node", "each", "slots"),
    [
        (Node(8, 0), (1, 0), 8),
        (Node(8, 0), (1, 1), 0),
        (Node(64, 8), (1, 0.3333), 24),  # three on each GPU
        (Node(64, 8), (1, 0.4), 16),  # the fifth of a GPU that is left is no use, nor are two of them
        (Node(4, 8), (1, 0.5), 4),
        (Node(64, 8), (1, 2), 4),
        (Node(1, 0), (1 / 3, 0), 3),
    ],
)
def test_a_worker_has_its_share_of_one_gpu(node: Node, each: tuple[float, float], slots: int) -> None:
    assert node.slots(*each) == slots


def test_no_worker_spans_two_nodes() -> None:
    """A head without GPUs lends its cores to nobody's GPU, and half a core here and there is none."""
    there = Machines((Node(16, 0), Node(2, 4), Node(2, 4)), "the Ray cluster")
    assert there.slots(1, 1) == 4
    with pytest.raises(ResourceError, match=r"does not fit on the nodes of the Ray cluster \(3 nodes, 20 CPUs, 8 GPUs"):
        check_resources(needs(trials=1, finetune=5, finetune_gpu=True), there)
    check_resources(needs(trials=1, finetune=4, finetune_gpu=True), there)


def test_of_a_range_of_workers_the_least_must_fit() -> None:
    range_of = Needs(1, 1, 0, Workers(2, 8), finetune_gpu=False)
    check_resources(range_of, Machines((Node(2, 0),)))
    with pytest.raises(ResourceError, match="--finetune-workers 2 at 1 CPU each needs 2 CPUs"):
        check_resources(range_of, Machines((Node(1, 0),)))
