"""Who runs where, without a word from the user and with one."""

from typing import Any

import pytest

from search.errors import ResourceError
from search.setup.config import make_config
from search.setup.needs import finetunes_at_once, part_of_range, resolve_needs
from search.setup.resources import Machines, Needs, Node
from trainers.workers import Workers

LAPTOP = Machines((Node(8, 0),))
EIGHT_GPUS = Machines((Node(64, 8),))
CPU_HEAD = Machines((Node(4, 0), Node(16, 2), Node(16, 2)), "the Ray cluster")


def needs(there: Machines, share: float = 0.25, **options: Any) -> Needs:
    return resolve_needs(make_config(options), there, share)


@pytest.mark.parametrize(
    ("there", "trials", "gpus_per_trial", "finetune", "gpu"),
    [
        (LAPTOP, 8, 0.0, 2, False),
        (EIGHT_GPUS, 32, 0.25, 8, True),
        (CPU_HEAD, 16, 0.25, 4, True),
        (Machines((Node(1, 0),)), 1, 0.0, 1, False),
        (Machines((Node(3, 1),)), 3, 0.25, 1, True),
    ],
)
def test_without_a_word_trials_share_the_gpus_and_the_fine_tune_has_them_all(
    there: Machines, trials: int, gpus_per_trial: float, finetune: int, gpu: bool
) -> None:
    """Workers follow the nodes: the cores of a head without GPUs are not counted for them."""
    assert needs(there) == Needs(trials, 1.0, gpus_per_trial, Workers(finetune, finetune), gpu)


def test_what_the_user_names_counts() -> None:
    asked = {"workers": 5, "gpus_per_trial": 0, "finetune_gpu": False, "finetune_workers": 3}
    assert needs(EIGHT_GPUS, **asked) == Needs(5, 1.0, 0.0, Workers(3, 3), finetune_gpu=False)
    assert needs(EIGHT_GPUS, gpus_per_trial=0).trial_workers == 64, "trials on CPUs, as an older ledger says"
    assert needs(EIGHT_GPUS, finetune_workers="2-8").finetune_workers == Workers(2, 8)
    assert needs(EIGHT_GPUS, gpus_per_trial=1).trial_workers == 8
    assert needs(EIGHT_GPUS, finetune_gpu=False).finetune_workers == Workers(2, 2)


@pytest.mark.parametrize(
    "asked", [{"gpus_per_trial": 0.5}, {"finetune_gpu": True}, {"finetune_workers": "9-20"}, {"workers": 9}]
)
def test_what_is_not_there_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ResourceError, match="this machine has"):
        needs(LAPTOP, **asked)


def test_in_this_process_there_is_one_of_each() -> None:
    assert needs(LAPTOP, executor="local") == Needs(1, 1.0, 0.0, Workers(1, 1), finetune_gpu=False)
    assert needs(EIGHT_GPUS, executor="local", share=1.0) == Needs(1, 1.0, 1.0, Workers(1, 1), finetune_gpu=True)


def test_only_who_keeps_both_phases_to_cpus_renounces_all_gpus() -> None:
    assert make_config({}).may_use_gpu
    assert make_config({"gpus_per_trial": 0}).may_use_gpu
    assert make_config({"finetune_gpu": False}).may_use_gpu
    assert not make_config({"gpus_per_trial": 0, "finetune_gpu": False}).may_use_gpu


@pytest.mark.parametrize(
    ("there", "workers", "gpu", "at_once", "most"),
    [
        (LAPTOP, Workers(2, 2), False, 4, 2),
        (LAPTOP, Workers(5, 5), False, 1, 5),
        (EIGHT_GPUS, Workers(8, 8), True, 1, 8),
        (EIGHT_GPUS, Workers(2, 2), True, 4, 2),
        (EIGHT_GPUS, Workers(2, 4), True, 4, 2),
        (EIGHT_GPUS, Workers(1, 8), True, 8, 2),
        (EIGHT_GPUS, Workers(4, 8), True, 2, 4),
        (CPU_HEAD, Workers(1, 1), True, 4, 1),
        (LAPTOP, Workers(16, 16), False, 1, 16),
    ],
)
def test_as_many_fine_tunes_at_once_as_there_is_room_for_their_workers(
    there: Machines, workers: Workers, gpu: bool, at_once: int, most: int
) -> None:
    """At least one: what is too small for it is refused elsewhere. Three at once divide a range, and never a number."""
    assert finetunes_at_once(there, workers, gpu=gpu) == at_once
    assert part_of_range(there, workers, gpu=gpu, among=3) == Workers(workers.least, most)
