import os

import pytest
import ray

from search.cluster import Needs, check_resources, prepare_environment, ray_session
from search.errors import ResourceError


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


def test_a_cluster_that_does_not_answer_is_told_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*, address: str, **_: object) -> None:
        raise ConnectionError(f"Failed to connect to Ray cluster at {address}")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", unreachable)
    with pytest.raises(ResourceError, match=r"no cluster answers at --ray-address 10\.0\.0\.1:6379"):
        ray_session("10.0.0.1:6379", needs()).__enter__()


def test_a_private_session_asks_for_a_token_and_a_setting_of_the_user_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "restored after the test")
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_DEDUP_LOGS", "1")
    prepare_environment(local=True)
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert os.environ["RAY_DEDUP_LOGS"] == "1"
