"""Tests of slicing: the right weights, the right attributes, and no storage shared with the base."""

import random

import pytest
import torch
from torch import nn

from pruning.errors import AllocationError
from pruning.plan import Plan
from pruning.proof import random_selection, randomised_copy
from pruning.slicing import Selection, slice_model


@pytest.fixture(scope="module")
def selection(resnet_plan: Plan) -> Selection:
    return random_selection(resnet_plan, random.Random(3))


def test_layers_state_their_sizes(resnet: nn.Module, resnet_plan: Plan, selection: Selection) -> None:
    pruned = slice_model(resnet, resnet_plan, selection)
    for module in pruned.modules():
        if isinstance(module, nn.Conv2d):
            outputs, inputs = module.weight.shape[:2]
            assert (module.out_channels, module.in_channels) == (outputs, inputs * module.groups)
        if isinstance(module, nn.BatchNorm2d):
            assert module.num_features == len(module.weight) == len(module.running_var)  # type: ignore[arg-type]
        if isinstance(module, nn.Linear):
            assert [module.out_features, module.in_features] == list(module.weight.shape)


def test_attention_states_its_sizes(vit: nn.Module, vit_plan: Plan) -> None:
    names = [g.name for g in vit_plan.groups]
    selection = [tuple(range(g.units)) for g in vit_plan.groups]
    selection[names.index("blocks.1.attn.qkv[heads]")] = (0, 2, 3)
    selection[names.index("blocks.1.attn.qkv[dims]")] = (1, 4, 5, 6, 7)
    pruned = slice_model(vit, vit_plan, tuple(selection))
    attention = pruned.get_submodule("blocks.1.attn")
    numbers = vars(attention)
    assert [numbers[name] for name in ("num_heads", "head_dim", "attn_dim")] == [3, 5, 15]
    qkv = attention.get_submodule("qkv")
    rows = [64 * part + 16 * head + dim for part in range(3) for head in (0, 2, 3) for dim in (1, 4, 5, 6, 7)]
    assert torch.equal(qkv.weight, vit.get_submodule("blocks.1.attn.qkv").weight[rows])  # type: ignore[index, arg-type]
    assert pruned.get_submodule("blocks.1.norm1").normalized_shape == (64,)


def test_norms_of_the_embedding_follow(vit: nn.Module, vit_plan: Plan) -> None:
    selection = (tuple(range(10, 40)), *(tuple(range(g.units)) for g in vit_plan.groups[1:]))
    pruned = slice_model(vit, vit_plan, selection)
    assert pruned.get_submodule("blocks.2.norm1").normalized_shape == (30,)
    assert pruned(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_the_base_is_untouched_and_shares_nothing(resnet: nn.Module, resnet_plan: Plan, selection: Selection) -> None:
    before = {name: tensor.clone() for name, tensor in resnet.state_dict().items()}
    pruned = slice_model(resnet, resnet_plan, selection)
    own = {tensor.untyped_storage().data_ptr() for tensor in resnet.state_dict().values()}
    assert not own & {tensor.untyped_storage().data_ptr() for tensor in pruned.state_dict().values()}
    with torch.no_grad():
        for parameter in pruned.parameters():
            parameter.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in resnet.state_dict().items())
    assert resnet.get_submodule("conv1.0").out_channels == 8


def test_the_full_selection_is_a_copy(resnet: nn.Module, resnet_plan: Plan) -> None:
    everything = tuple(tuple(range(g.units)) for g in resnet_plan.groups)
    copy = slice_model(resnet, resnet_plan, everything)
    image = torch.randn(2, 1, 32, 32)
    assert torch.equal(copy(image), resnet(image))
    own = {tensor.untyped_storage().data_ptr() for tensor in resnet.state_dict().values()}
    assert not own & {tensor.untyped_storage().data_ptr() for tensor in copy.state_dict().values()}


def test_a_pruned_module_trains(resnet: nn.Module, resnet_plan: Plan, selection: Selection) -> None:
    pruned = slice_model(resnet, resnet_plan, selection).train()
    pruned(torch.randn(4, 1, 32, 32)).sum().backward()
    assert all(parameter.grad is not None for parameter in pruned.parameters())


def test_cutting_silenced_units_changes_no_output(resnet: nn.Module, resnet_plan: Plan, selection: Selection) -> None:
    """A unit whose weights are all zero contributes nothing: cutting it must not change the output."""
    subject = randomised_copy(resnet, torch.Generator().manual_seed(0))
    pruned = slice_model(subject, resnet_plan, selection)
    state = dict(subject.named_parameters())
    with torch.no_grad():
        for name, owners in resnet_plan.parameters.items():
            for dim, place in enumerate(owners):
                kept = resnet_plan.owners[place].kept([torch.tensor(units) for units in selection])
                gone = [i for i in range(resnet_plan.owners[place].size) if i not in set(kept.tolist())]
                if name in state:
                    state[name].index_fill_(dim, torch.tensor(gone, dtype=torch.long), 0)
    image = torch.randn(2, 1, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(pruned(image), subject(image), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("wrong", [(0, 0), (0, 99), (-1,), ()])
def test_units_that_do_not_exist_are_refused(resnet: nn.Module, resnet_plan: Plan, wrong: tuple[int, ...]) -> None:
    selection = (wrong, *(tuple(range(g.units)) for g in resnet_plan.groups[1:]))
    with pytest.raises(AllocationError, match=r"group 0 \(conv1\.0\)"):
        slice_model(resnet, resnet_plan, selection)


def test_cutting_silenced_heads_and_dims_changes_no_output(vit: nn.Module, vit_plan: Plan) -> None:
    """Zero rows of the projections to q, k and v silence a head, or a dim of every head.

    Cutting them must not change the output, so the scale of the products must stay as well.
    """
    subject = randomised_copy(vit, torch.Generator().manual_seed(0)).float()
    for module in subject.modules():
        if hasattr(module, "fused_attn"):
            vars(module)["fused_attn"] = True
    kept = {"blocks.1.attn.qkv[heads]": (0, 3), "blocks.1.attn.qkv[dims]": (1, 2, 5, 9, 15)}
    selection = tuple(kept.get(g.name, tuple(range(g.units))) for g in vit_plan.groups)
    pruned = slice_model(subject, vit_plan, selection)
    rows = [64 * part + 16 * head + dim for part in range(3) for head in (0, 3) for dim in (1, 2, 5, 9, 15)]
    gone = torch.tensor([row for row in range(192) if row not in rows])
    qkv = subject.get_submodule("blocks.1.attn.qkv")
    with torch.no_grad():
        for name in ("weight", "bias"):
            qkv.get_parameter(name).index_fill_(0, gone, 0)
    image = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(pruned(image), subject(image), rtol=1e-4, atol=1e-4)


def test_attention_stays_fused_where_its_dims_stay(vit: nn.Module, vit_plan: Plan) -> None:
    vars(vit.get_submodule("blocks.0.attn"))["fused_attn"] = True
    vars(vit.get_submodule("blocks.1.attn"))["fused_attn"] = True
    kept = {"blocks.0.attn.qkv[heads]": (0, 3), "blocks.1.attn.qkv[dims]": (1, 2, 5, 9, 15)}
    selection = tuple(kept.get(g.name, tuple(range(g.units))) for g in vit_plan.groups)
    pruned = slice_model(vit, vit_plan, selection)
    assert vars(pruned.get_submodule("blocks.0.attn"))["fused_attn"] is True
    assert vars(pruned.get_submodule("blocks.1.attn"))["fused_attn"] is False
