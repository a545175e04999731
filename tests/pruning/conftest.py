"""Models and plans that several tests share."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from pruning.models import ModelSpec, create_model
from pruning.plan import Plan
from pruning.planning import build_plan

torch.set_num_threads(1)

RESNET = ModelSpec("resnet18_quarter", 10, (1, 32, 32))
VIT = ModelSpec("vit_quarter", 10, (3, 32, 32))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty cache, so that these tests prove their plans and leave nothing in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESPALIER_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def resnet() -> nn.Module:
    torch.manual_seed(0)
    return create_model(RESNET)


@pytest.fixture(scope="session")
def resnet_plan(resnet: nn.Module) -> Plan:
    return build_plan(resnet, RESNET)


@pytest.fixture(scope="session")
def vit() -> nn.Module:
    torch.manual_seed(0)
    return create_model(VIT)


@pytest.fixture(scope="session")
def vit_plan(vit: nn.Module) -> Plan:
    return build_plan(vit, VIT)


@pytest.fixture(scope="session")
def resnet50_plan() -> Plan:
    spec = ModelSpec("resnet50", 1000, (3, 224, 224))
    return build_plan(create_model(spec), spec, verify=False)
