"""A process computes on what it was given, and sees no other GPU."""

import os

import pytest
import torch

from trainers.devices import CPU, VISIBLE, claim_device, index_among
from trainers.errors import ResourcesError
from trainers.place import default_device


@pytest.fixture
def eight_gpus(monkeypatch: pytest.MonkeyPatch) -> list[torch.device]:
    """A machine with eight GPUs, as torch shows them to a process; the GPU that is made the current one is noted."""
    current: list[torch.device] = []

    def seen() -> int:
        visible = os.environ.get(VISIBLE)
        return 8 if visible is None else len([name for name in visible.split(",") if name])

    monkeypatch.setattr(torch.cuda, "device_count", seen)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen() > 0)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: current[-1].index if current else 0)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setenv(VISIBLE, "restored after the test")
    monkeypatch.delenv(VISIBLE)
    return current


@pytest.mark.usefixtures("eight_gpus")
def test_who_was_given_no_gpu_sees_none() -> None:
    """Also code that takes the first GPU wherever there is one then finds none."""
    assert default_device() == torch.device("cuda", 0)
    assert claim_device([]) == CPU
    assert os.environ[VISIBLE] == ""
    assert default_device() == CPU
    assert claim_device([]) == CPU, "the next trial of the same process"


@pytest.mark.parametrize(
    ("given", "visible", "index"),
    [
        (["3"], "3", 0),  # as Ray sets it for a worker of Tune
        (["3"], "0,1,2,3", 3),  # as Ray Train sets it for the workers of one node
        (["3", "5"], "5, 3", 1),
        (["3"], None, 3),  # where Ray was told to leave the variable alone
        (["GPU-ab", "GPU-cd"], "GPU-cd,GPU-ab", 1),
    ],
)
def test_a_gpu_is_found_among_those_that_are_visible(
    given: list[str], visible: str | None, index: int, eight_gpus: list[torch.device], monkeypatch: pytest.MonkeyPatch
) -> None:
    if visible is not None:
        monkeypatch.setenv(VISIBLE, visible)
    assert claim_device(given) == torch.device("cuda", index)
    assert eight_gpus == [torch.device("cuda", index)]
    assert default_device() == torch.device("cuda", index), "what asks for no device gets the same one"


@pytest.mark.parametrize(("gpu", "visible"), [("3", ""), ("3", "0,1"), ("GPU-ab", None)])
def test_a_gpu_that_the_process_does_not_see_is_named(gpu: str, visible: str | None) -> None:
    with pytest.raises(ResourcesError, match=f"was given GPU {gpu}, and {VISIBLE} is"):
        index_among(gpu, visible)


def test_a_gpu_that_torch_cannot_use_is_an_error_and_no_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setenv(VISIBLE, "0")
    with pytest.raises(ResourcesError, match=r"can use 0: .*--gpus-per-trial 0 --no-finetune-gpu"):
        claim_device(["0"])
