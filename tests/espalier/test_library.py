"""The library on modules in memory: plans, cuts, wrappers, limits, criteria, files."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, TensorDataset

import espalier
from pruning.checkpoint import load_pruned
from pruning.counter import count_macs
from pruning.errors import (
    AllocationError,
    CheckpointError,
    CriterionError,
    InputShapeError,
    ModelCreationError,
    UnusableModuleError,
)
from tests.espalier.nets import SIZE, UNet, unet


@pytest.fixture(scope="module")
def plan() -> espalier.ModelPlan:
    return espalier.plan(unet(), SIZE)


def conv(module: nn.Module, name: str) -> nn.Conv2d:
    found = module.get_submodule(name)
    assert isinstance(found, nn.Conv2d)
    return found


def small_net() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.Flatten(), nn.Linear(128, 4)
    )


INPUT = (3, 8, 8)


def test_a_unet_is_cut_to_half_trained_saved_and_loaded(plan: espalier.ModelPlan, tmp_path: Path) -> None:
    small = espalier.prune(unet(), plan, macs="50%", importance="l2")
    counted = count_macs(small, SIZE)
    assert counted == espalier.macs(small) <= plan.macs // 2
    assert counted > 0.98 * plan.macs // 2
    images = torch.randn(2, *SIZE)
    nn.functional.cross_entropy(small.train()(images), torch.zeros(2, 16, 16, dtype=torch.long)).backward()
    assert all(parameter.grad is not None for parameter in small.parameters())
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.sub_(parameter.grad, alpha=0.01)  # type: ignore[arg-type]
    espalier.save(small, tmp_path / "small", recipe={"steps": 1})
    again = espalier.load(tmp_path / "small", into=UNet())
    assert torch.equal(again(images), small.eval()(images))
    assert espalier.macs(again) == counted
    espalier.save(again, tmp_path / "again")


def test_a_plan_says_what_it_found(plan: espalier.ModelPlan) -> None:
    assert plan.macs == count_macs(unet(), SIZE)
    assert plan.params == sum(p.numel() for p in unet().parameters())
    assert f"{plan.groups[0].name}: 8 channels" in str(plan)
    assert plan.least_macs < plan.macs // 10


def test_the_module_is_left_as_it_is(plan: espalier.ModelPlan) -> None:
    model = unet().train()
    before = copy.deepcopy(model.state_dict())
    small = espalier.prune(model, plan, macs="30%")
    assert small.training
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    "wrap",
    [nn.DataParallel, AveragedModel, lambda m: torch.compile(m, backend="eager"), torch.fx.symbolic_trace],
    ids=["DataParallel", "AveragedModel", "compile", "fx"],
)
def test_wrappers_are_taken_off(wrap: Callable[[nn.Module], nn.Module], tmp_path: Path) -> None:
    wrapped = wrap(small_net())
    small = espalier.prune(wrapped, espalier.plan(wrapped, INPUT), macs="50%")
    plain = espalier.prune(small_net(), espalier.plan(small_net(), INPUT), macs="50%")
    image = torch.randn(2, *INPUT)
    assert torch.equal(small.eval()(image), plain.eval()(image))
    espalier.save(nn.DataParallel(small), tmp_path / "small")
    assert torch.equal(espalier.load(tmp_path / "small", into=small_net())(image), plain(image))


@pytest.mark.parametrize(
    "around",
    [nn.DataParallel, parametrizations.weight_norm, nn.utils.spectral_norm, parametrizations.orthogonal],
    ids=["DataParallel", "weight_norm", "spectral_norm", "orthogonal"],
)
def test_what_is_around_a_layer_is_taken_off_a_copy(around: Callable[[nn.Module], nn.Module]) -> None:
    model = small_net()
    model[3] = around(model[3])
    model.eval()
    names, image = list(model.state_dict()), torch.randn(2, *INPUT)
    expected = model(image)
    plan = espalier.plan(model, INPUT)
    whole = espalier.prune(model, plan, macs=plan.macs - 1)
    assert type(whole.get_submodule("3")) is nn.Conv2d
    assert list(model.state_dict()) == names
    assert torch.equal(model(image), expected)
    with torch.no_grad():
        torch.testing.assert_close(espalier.planning.followed(model, None)(image), expected)


def scripted() -> nn.Module:
    return torch.jit.script(small_net())


def exported() -> nn.Module:
    return torch.export.export(small_net().eval(), (torch.randn(2, *INPUT),)).module()


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))


@pytest.mark.parametrize(
    ("make", "words"),
    [(scripted, "a script module"), (exported, "torch.export"), (lazy, "run the model once")],
    ids=["scripted", "exported", "lazy"],
)
def test_what_is_no_plain_module_is_refused_in_words(make: Callable[[], nn.Module], words: str) -> None:
    with pytest.raises(UnusableModuleError, match=words):
        espalier.plan(make(), INPUT)


def test_ignored_layers_produce_what_they_did_and_limits_hold() -> None:
    model = small_net()
    assert [group.name for group in espalier.plan(model, INPUT, ignore=["0"]).groups] == ["3"]
    assert [group.name for group in espalier.plan(model, INPUT, ignore=[model[3]]).groups] == ["0"]
    plan = espalier.plan(model, INPUT, limits={"0": 0.7, "3": 3})
    small = espalier.prune(model, plan, macs=plan.least_macs)
    assert (conv(small, "0").out_channels, conv(small, "3").out_channels) == (12, 3)
    plan = espalier.plan(model, INPUT, limits={"0": 0.3})
    rounded = espalier.prune(model, plan, macs=plan.exact.floor_macs(4), round_to=4)
    assert (conv(rounded, "0").out_channels, conv(rounded, "3").out_channels) == (8, 4)
    with pytest.raises(AllocationError, match="did you mean"):
        espalier.plan(unet(), SIZE, ignore=["midle"])
    with pytest.raises(AllocationError, match="no layer of this model"):
        espalier.plan(model, INPUT, ignore=[nn.Linear(1, 1)])
    with pytest.raises(AllocationError, match="above 0"):
        espalier.plan(model, INPUT, limits={"0": 0})


def test_limits_and_ignored_layers_are_kept_with_the_file(tmp_path: Path) -> None:
    plan = espalier.plan(small_net(), INPUT, ignore=["3"], limits={"0": 4})
    small = espalier.prune(small_net(), plan, macs="50%")
    image = torch.randn(2, *INPUT)
    again = espalier.load(espalier.save(small, tmp_path / "small"), into=small_net())
    assert torch.equal(again(image), small.eval()(image))


class Scaled(espalier.Criterion):
    name = "scaled"
    needs_batches = True

    def _scores(self, model: nn.Module, plan: object, batches: espalier.Batches) -> list[torch.Tensor]:
        assert len(batches) == 2
        return [torch.arange(group.units).float() for group in plan.groups]  # type: ignore[attr-defined]


def test_criteria_by_name_by_class_and_by_function_and_their_data() -> None:
    model, plan = small_net(), espalier.plan(small_net(), INPUT)
    loader = DataLoader(TensorDataset(torch.randn(24, *INPUT), torch.randint(4, (24,))), batch_size=4)
    espalier.prune(model, plan, macs="50%", importance="taylor", data=loader)
    small = espalier.prune(model, plan, macs="50%", importance=Scaled(), data=loader, batches=2)
    kept = conv(small, "0").out_channels
    assert torch.equal(conv(small, "0").weight, conv(model, "0").weight[16 - kept :])
    first = espalier.prune(model, plan, macs="50%", importance=lambda _, p: [-torch.arange(g.units) for g in p.groups])
    assert torch.equal(conv(first, "0").weight, conv(model, "0").weight[:kept])
    for importance, data, words in (
        ("taylor", None, "pass data="),
        (Scaled(), [{"image": 1}], "yielded a dict"),
        (3, None, "is no criterion"),
        ((lambda _m, _p: [torch.ones(3)]), None, r"shapes \[\[3\]\]"),
        ((lambda _m, p: [torch.full((g.units,), torch.nan) for g in p.groups]), None, "not finite"),
    ):
        with pytest.raises(CriterionError, match=words):
            espalier.prune(model, plan, macs="50%", importance=importance, data=data)  # type: ignore[arg-type]


def test_several_inputs_go_by_the_names_of_forward_s_arguments(tmp_path: Path) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Linear(6, 8), nn.Linear(5, 8), nn.Linear(16, 3)

        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.head(torch.cat([torch.relu(self.a(left)), torch.relu(self.b(right))], 1))
            return out

    plan = espalier.plan(Two(), {"right": (5,), "left": (6,)})
    assert plan.macs == 48 + 40 + 48
    small = espalier.prune(Two(), plan, macs="50%")
    again = espalier.load(espalier.save(small, tmp_path / "two"), into=Two())
    left, right = torch.randn(2, 6), torch.randn(2, 5)
    assert torch.equal(again(left, right), small.eval()(left, right))
    with pytest.raises(InputShapeError, match="first arguments of this model's forward are left, right"):
        espalier.plan(Two(), {"left": (6,), "rigth": (5,)})
    with pytest.raises(InputShapeError, match="without the batch"):
        espalier.plan(Two(), (6.0,))  # type: ignore[arg-type]


def test_a_cut_outlives_copies_and_pickles(plan: espalier.ModelPlan, tmp_path: Path) -> None:
    small = espalier.prune(unet(), plan, macs="50%")
    for number, other in enumerate((copy.deepcopy(small), pickle.loads(pickle.dumps(small)))):  # noqa: S301
        espalier.save(other, tmp_path / str(number))
        assert espalier.macs(other) == espalier.macs(small)


def test_what_does_not_belong_together_is_refused(plan: espalier.ModelPlan, tmp_path: Path) -> None:
    with pytest.raises(AllocationError, match="not the one that was planned"):
        espalier.prune(small_net(), plan, macs="50%")
    with pytest.raises(CheckpointError, match="not made by espalier"):
        espalier.save(unet(), tmp_path / "whole")
    folder = espalier.save(espalier.prune(unet(), plan, macs="50%"), tmp_path / "small")
    with pytest.raises(CheckpointError, match=r"does not fit this Sequential: .* groups"):
        espalier.load(folder, into=nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1)))
    with pytest.raises(CheckpointError, match="planned without a forward"):
        espalier.load(folder, into=UNet(), forward=lambda model, x: model(x))
    with pytest.raises(ModelCreationError, match=r"espalier\.load"):
        load_pruned(folder)
    for macs in ("100%", "0.0001%"):
        with pytest.raises(espalier.PruningError, match="cannot be reached"):
            espalier.prune(unet(), plan, macs=macs)
    with pytest.raises(espalier.SearchError, match="'half'"):
        espalier.prune(unet(), plan, macs="half")
