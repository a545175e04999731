"""Models and plans that several tests share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from pruning.models import ModelSpec, create_model
from pruning.plan import Plan
from pruning.planning import build_plan

torch.set_num_threads(1)

RESNET = ModelSpec("resnet18_quarter", 10, (1, 32, 32))
VIT = ModelSpec("vit_quarter", 10, (3, 32, 32))


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what these tests cache; none of it is there at their begin, so that they prove their plans."""
    return tmp_path_factory.mktemp("cache")


@contextmanager
def caching_in(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESPALIER_CACHE_DIR", str(folder))
        yield


@pytest.fixture(scope="module", autouse=True)
def own_cache(cache_folder: Path) -> Iterator[None]:
    """Cache there while a file of these tests runs, and not in the tests of other rooms that follow in this process.

    They share one cache among all processes, in which each base model is trained once.
    """
    with caching_in(cache_folder):
        yield


@pytest.fixture(scope="session")
def resnet() -> nn.Module:
    torch.manual_seed(0)
    return create_model(RESNET)


@pytest.fixture(scope="session")
def resnet_plan(resnet: nn.Module, cache_folder: Path) -> Plan:
    with caching_in(cache_folder):
        return build_plan(resnet, RESNET)


@pytest.fixture(scope="session")
def vit() -> nn.Module:
    torch.manual_seed(0)
    return create_model(VIT)


@pytest.fixture(scope="session")
def vit_plan(vit: nn.Module, cache_folder: Path) -> Plan:
    with caching_in(cache_folder):
        return build_plan(vit, VIT)


@pytest.fixture(scope="session")
def resnet50_plan() -> Plan:
    spec = ModelSpec("resnet50", 1000, (3, 224, 224))
    return build_plan(create_model(spec), spec, verify=False)
