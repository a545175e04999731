"""Tests of the proof: a plan that omits anything is refused."""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pruning.errors import UnsupportedModelError
from pruning.models import ModelSpec
from pruning.oracles import Oracles
from pruning.plan import AttributeCut, Plan
from pruning.planning import build_plan
from pruning.proof import oracle_error, permutation_error, prove
from pruning.rounding import AMPLIFIED, ROUNDING, TOLERANCE, NearlyEqualError
from pruning.rules.pointwise import same_shape
from pruning.rules.table import RULES
from pruning.settling import probes
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


class Heads(nn.Module):
    """Attention of so many heads, as its layer says."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(8, 3 * 2 * heads), nn.Linear(2 * heads, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        y = (q @ k.transpose(-2, -1)).softmax(-1) @ v
        return x + self.out(y.transpose(1, 2).flatten(2))


class SeveralHeads(nn.Module):
    def __init__(self, heads: int) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 2)
        self.blocks = nn.Sequential(*(Heads(heads) for _ in range(5)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x).flatten(2).transpose(1, 2)).mean(1))


@pytest.mark.parametrize("heads", [2, 3, 6])
def test_a_number_that_follows_another_group_of_as_many_units_is_found(heads: int) -> None:
    """Where both groups are cut to equally many, the wrong one gives the right number."""
    model = SeveralHeads(heads)
    plan = build_plan(model, ModelSpec("toy", 2, (3, 8, 8)), verify=False)
    prove(plan, model)
    places = [place for place, cut in enumerate(plan.attributes) if cut.attribute == "heads"]
    for place, other in itertools.combinations(places, 2):
        wrong = list(plan.attributes)
        wrong[place] = dataclasses.replace(wrong[place], owner=wrong[other].owner)
        with pytest.raises(UnsupportedModelError, match="of a sliced model"):
            prove(dataclasses.replace(plan, attributes=tuple(wrong)), model)


class _Rounded:
    """Oracles whose first random instance amplifies rounding, with what disturbed weights change in each of them."""

    def __init__(self, *_: object, seed: int, measured: float = 0.0, **__: object) -> None:
        self._error, self._measured = 1e-8 if seed == 0 else 1e-12, measured

    def permutation_error(self, groups: object = None) -> float:
        return self._error

    permutation_error_after_cut = permutation_error

    def rounding(self) -> float:
        return self._measured

    rounding_after_cut = rounding

    def rubbish_error(self) -> float:
        return self._error


def test_rounding_that_one_instance_amplifies_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = build_plan(Residual(), ModelSpec("toy", 2, (3, 8, 8)), verify=False)
    monkeypatch.setattr("pruning.proof.Oracles", _Rounded)
    assert "error 1e-12" in prove(plan, Residual())


def _with_oracles(monkeypatch: pytest.MonkeyPatch, first: float, later: float, measured: Sequence[float]) -> Plan:
    """The plan of a toy, whose oracles change the output by so much, and disturbed weights by so much."""

    def made(*_: object, seed: int, **__: object) -> _Rounded:
        oracles = _Rounded(seed=seed, measured=measured[seed])
        oracles._error = first if seed == 0 else later
        return oracles

    plan = build_plan(Residual(), ModelSpec("toy", 2, (3, 8, 8)), verify=False)
    monkeypatch.setattr("pruning.proof.Oracles", made)
    return plan


@pytest.mark.parametrize(
    ("first", "later", "measured"),
    [
        (1e-5, 1e-12, (0.0,) * 4),
        (1e-5, 1e-5, (1e-5,) * 4),  # no measure allows for so much, and no instance shows less
        (1e-2, 1e-12, (1.0,) * 4),
        (1e-8, 1e-8, (1e-11,) * 4),
        (1e-8, 1e-8, (1e-11, 1e-8, 1e-11, 1e-11)),  # one instance is not enough
    ],
)
def test_more_than_rounding_and_rounding_in_every_instance_are_faults(
    monkeypatch: pytest.MonkeyPatch, first: float, later: float, measured: Sequence[float]
) -> None:
    plan = _with_oracles(monkeypatch, first, later, measured)
    with pytest.raises(UnsupportedModelError, match="the output changed by"):
        prove(plan, Residual())


def test_rounding_in_every_instance_is_no_fault_where_disturbed_weights_change_as_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = _with_oracles(monkeypatch, 1e-8, 1e-7, (1e-9, 1e-11, 1e-8, 1e-11))
    assert "error 1e-07" in prove(plan, Residual())


def test_an_instance_that_amplifies_rounding_too_much_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = _with_oracles(monkeypatch, 1e-5, 1e-12, (1e-6,) * 4)
    assert "error 1e-12" in prove(plan, Residual())


class Wild(nn.Module):
    """Eleven layers, each of which makes differences several times as large."""

    def __init__(self, gain: int = 8) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, 2)
        self.mix = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(11))
        self.gain = gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for mix in self.mix:
            x = torch.sin(self.gain * mix(x))
        return self.head(x.mean((2, 3)))


def test_a_network_that_amplifies_rounding_is_accepted_and_a_fault_in_it_is_not() -> None:
    """Both kinds of oracle differ by more than the tolerance; a fault changes everything."""
    model, spec = Wild(), ModelSpec("toy", 2, (3, 8, 8))
    plan = build_plan(model, spec, verify=False)
    cut = probes(plan, 1)[1]
    oracles = Oracles(plan, model, cut)
    assert TOLERANCE < oracles.permutation_error() < ROUNDING
    assert TOLERANCE < oracles.rubbish_error() < ROUNDING
    assert TOLERANCE < oracle_error(plan, model, cut, training=False) < ROUNDING
    wilder = Oracles(plan, Wild(20), cut)
    assert ROUNDING < wilder.permutation_error() < AMPLIFIED
    with pytest.raises(NearlyEqualError):
        wilder.rubbish_error()
    first, other = (plan.parameters[f"mix.{layer}.weight"][0] for layer in (0, 10))
    for wrong in (
        dataclasses.replace(plan, parameters={**plan.parameters, "mix.10.bias": (first,)}),
        dataclasses.replace(plan, parameters={**plan.parameters, "mix.0.bias": (other,)}),
        dataclasses.replace(plan, attributes=(*plan.attributes, AttributeCut("", "gain", None, first))),
    ):
        with pytest.raises(UnsupportedModelError):
            oracle_error(wrong, model, cut, training=False)


class Cast(Residual):
    """Computes its middle as many norms do, in float32, where small differences before it round to one bit or another.

    What the model makes and holds is of that type, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.eye(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = (1e6 * x - (1e6 - 1) * x).float() @ self.table @ torch.eye(8, dtype=torch.float32)
        x = F.relu(self.enter(x.to(self.enter.weight.dtype)))
        return self.head(torch.softmax(self.leave(x), 1, dtype=torch.float32).to(self.head.weight.dtype).mean((2, 3)))


def test_what_a_model_casts_to_less_precision_is_proved_in_float64() -> None:
    plan = build_plan(Cast(), ModelSpec("toy", 2, (3, 8, 8)), verify=False)
    assert oracle_error(plan, Cast(), probes(plan, 1)[1], training=False, seeds=(0,)) < TOLERANCE


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
