"""Tests of the proof: a plan that omits anything is refused."""

import dataclasses
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pruning.errors import UnsupportedModelError
from pruning.models import ModelSpec
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.proof import permutation_error, prove
from pruning.rules.pointwise import same_shape
from pruning.rules.table import RULES
from pruning.slicing import slice_model
from tests.pruning.field import Flip
from tests.pruning.toys import Chain, Residual, Spectral


def test_a_right_plan_changes_no_output(resnet: nn.Module, resnet_plan: Plan, vit: nn.Module, vit_plan: Plan) -> None:
    assert permutation_error(resnet_plan, resnet) < 1e-12
    assert permutation_error(vit_plan, vit) < 1e-12


@pytest.mark.parametrize(
    "forgotten",
    [
        "layer2.0.bn1.running_var",
        "layer2.0.bn2.bias",
        "layer2.1.conv2.weight",
        "layer2.0.downsample.1.weight",
        "fc.weight",
    ],
)
def test_one_forgotten_tensor_is_found(resnet: nn.Module, resnet_plan: Plan, forgotten: str) -> None:
    rest = {name: owners for name, owners in resnet_plan.parameters.items() if name != forgotten}
    broken = dataclasses.replace(resnet_plan, parameters=rest)
    assert permutation_error(broken, resnet) > 1e-4
    with pytest.raises(UnsupportedModelError, match="of a sliced model"):
        prove(broken, resnet)


@pytest.mark.parametrize("forgotten", ["pos_embed", "blocks.0.attn.qkv.bias", "blocks.3.norm2.weight", "norm.bias"])
def test_one_forgotten_tensor_of_a_transformer_is_found(vit: nn.Module, vit_plan: Plan, forgotten: str) -> None:
    rest = {name: owners for name, owners in vit_plan.parameters.items() if name != forgotten}
    assert permutation_error(dataclasses.replace(vit_plan, parameters=rest), vit) > 1e-4


def test_the_failing_layer_is_named(resnet: nn.Module, resnet_plan: Plan) -> None:
    rest = {n: owners for n, owners in resnet_plan.parameters.items() if n != "layer3.1.bn1.weight"}
    with pytest.raises(UnsupportedModelError, match=r"layer3\.1\.bn1"):
        prove(dataclasses.replace(resnet_plan, parameters=rest), resnet)


def test_a_wrong_price_is_found(resnet: nn.Module, resnet_plan: Plan) -> None:
    broken = dataclasses.replace(resnet_plan, macs_polynomial=resnet_plan.variant_polynomial)
    with pytest.raises(UnsupportedModelError, match="counting MACs"):
        prove(broken, resnet)


def test_a_forgotten_attribute_is_found(vit: nn.Module, vit_plan: Plan) -> None:
    rest = tuple(cut for cut in vit_plan.attributes if cut.attribute != "num_heads")
    with pytest.raises(UnsupportedModelError, match="of a sliced model"):
        prove(dataclasses.replace(vit_plan, attributes=rest), vit)


class _Rounded:
    """Oracles whose first random instance amplifies rounding."""

    def __init__(self, *_: object, seed: int, **__: object) -> None:
        self._error = 1e-8 if seed == 0 else 1e-12

    def permutation_error(self, groups: object = None) -> float:
        return self._error

    permutation_error_after_cut = permutation_error

    def rubbish_error(self) -> float:
        return self._error


def test_rounding_that_one_instance_amplifies_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = build_plan(Residual(), ModelSpec("toy", 2, (3, 8, 8)), verify=False)
    monkeypatch.setattr("pruning.proof.Oracles", _Rounded)
    assert "error 1e-12" in prove(plan, Residual())


@pytest.mark.parametrize(("first", "later"), [(1e-5, 1e-12), (1e-8, 1e-8)])
def test_more_than_rounding_and_rounding_in_every_instance_are_faults(
    monkeypatch: pytest.MonkeyPatch, first: float, later: float
) -> None:
    plan = build_plan(Residual(), ModelSpec("toy", 2, (3, 8, 8)), verify=False)

    def made(*_: object, seed: int, **__: object) -> _Rounded:
        oracles = _Rounded(seed=seed)
        oracles._error = first if seed == 0 else later
        return oracles

    monkeypatch.setattr("pruning.proof.Oracles", made)
    with pytest.raises(UnsupportedModelError, match="the output changed by"):
        prove(plan, Residual())


def test_a_proof_is_given_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path))
    spec = ModelSpec("toy", 2, (3, 8, 8))
    first = build_plan(Residual(), spec)
    monkeypatch.setattr("pruning.planning.prove", lambda *_: pytest.fail("proved again"))
    assert build_plan(Residual(), spec).proof == f"{first.proof} (proved before on this machine)"
    next((tmp_path / "proofs").iterdir()).write_text("{torn")
    monkeypatch.setattr("pruning.planning.prove", lambda *_: "anew")
    assert build_plan(Residual(), spec).proof == "anew"


def test_another_size_or_another_network_is_proved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path))
    build_plan(Residual(), ModelSpec("toy", 2, (3, 8, 8)))
    build_plan(Residual(), ModelSpec("toy", 2, (3, 9, 9)))
    build_plan(Chain(), ModelSpec("toy", 5, (3, 8, 8)))
    assert len(list((tmp_path / "proofs").iterdir())) == 3


class Doubled(Residual):
    """Applies an operation with this argument, and holds tensors that are not weights and are never cut."""

    def __init__(self, argument: float = 1.0, table: float = 0.0, loose: float = 0.0) -> None:
        super().__init__()
        self.argument = argument
        self.table: torch.Tensor
        self.register_buffer("table", torch.full((8, 8), table))
        self.loose = torch.tensor(loose)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.elu(x, self.argument) + self.table + self.loose)


@pytest.mark.parametrize("other", [{"argument": 2.0}, {"table": 1.0}, {"loose": 1.0}])
def test_whatever_is_not_a_weight_is_part_of_the_key(
    other: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path))
    spec = ModelSpec("toy", 2, (3, 8, 8))
    for model in (Doubled(), Doubled(), Doubled(**other)):
        build_plan(model, spec)
    assert len(list((tmp_path / "proofs").iterdir())) == 2


def test_a_proof_of_one_reordering_does_not_hold_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reversing pixels and reversing channels are operations of the same name.

    Even if the rule overlooked the difference, the second network must not pass by the proof of the first.
    """
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path))
    spec = ModelSpec("toy", 5, (3, 16, 16))
    with mock.patch.dict(RULES, {"flip": same_shape}):
        assert "proved before" not in build_plan(Flip(3), spec).proof
        with pytest.raises(UnsupportedModelError, match="permutation of units"):
            build_plan(Flip(1), spec)


def test_the_origin_of_a_tensor_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Twice(Residual):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            return self.head((x + self.leave(F.relu(self.enter(x)))).mean((2, 3)))

    class Once(Residual):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.stem(x)
            y = self.leave(F.relu(self.enter(x)))
            return self.head((y + y).mean((2, 3)))

    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path))
    for model in (Twice(), Once()):
        build_plan(model, ModelSpec("toy", 2, (3, 8, 8)))
    assert len(list((tmp_path / "proofs").iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path / "file"))
    assert "permutation" in build_plan(Residual(), ModelSpec("toy", 2, (3, 8, 8))).proof


def test_a_network_that_an_operation_without_a_rule_fixes_whole_is_refused_by_its_name() -> None:
    with pytest.raises(UnsupportedModelError, match=r"no channels.*no rule follows") as error:
        build_plan(Spectral(), ModelSpec("toy", 2, (3, 8, 8)))
    assert error.value.operation == "aten._linalg_svd.default"


def test_a_network_with_nothing_to_cut_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="no channels"):
        build_plan(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2)), ModelSpec("toy", 2, (3, 8, 8)))


def test_cut_channels_that_are_silenced_instead_give_the_same_output() -> None:
    """Another oracle: a channel with zero weights contributes nothing, so cutting it changes nothing."""
    torch.manual_seed(0)
    model = Residual().double().eval()
    plan = build_plan(model, ModelSpec("toy", 2, (3, 8, 8)))
    selection = ((0, 3), (1, 2, 5))
    image = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    small = slice_model(model, plan, selection)(image)
    with torch.no_grad():
        for parameter, silent in ((model.stem, [1, 2]), (model.enter, [0, 3, 4]), (model.leave, [1, 2])):
            parameter.weight[silent] = 0
            parameter.bias[silent] = 0  # type: ignore[index]
    torch.testing.assert_close(model(image), small, rtol=1e-12, atol=1e-12)
