"""Heads that are removed for real."""

import itertools

import pytest
import torch

from ablations.heads.errors import MaskNotAppliedError
from ablations.heads.gates import gated, mask
from ablations.heads.generation import Sampling, continue_prompts
from ablations.heads.language_model import Head
from ablations.heads.structural import check_removal, without_closed_heads
from tests.ablations.heads.models import hand_model, logits_by_hand, some_tokens

TWO_LAYERS = [Head(layer, head) for layer in range(2) for head in range(2)]
SUBSETS = [list(gone) for size in range(5) for gone in itertools.combinations(TWO_LAYERS, size)]


@pytest.mark.parametrize("gone", SUBSETS)
@torch.no_grad()
def test_logits_equal_those_computed_by_hand(gone: list[Head]) -> None:
    model, tokens = hand_model(layers=2), some_tokens(rows=1)
    smaller = without_closed_heads(model, mask(model, gone))
    expected = logits_by_hand(model, tokens[0], gone)
    assert torch.allclose(smaller.logits(tokens)[0].double(), expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("gone", SUBSETS)
def test_what_it_writes_equals_what_the_masked_model_writes(gone: list[Head]) -> None:
    """The cache of keys and values is part of this, also where the first layer has no head left."""
    model = hand_model(layers=2)
    gates, sampling, prompts = mask(model, gone), Sampling(6, 0, 0), [[3, 4, 5], [1, 2], [7]]
    smaller = list(continue_prompts(without_closed_heads(model, gates), prompts, sampling, 2))
    with gated(model, gates):
        masked = list(continue_prompts(model, prompts, sampling, 2))
    assert [batch.generated for batch in smaller] == [batch.generated for batch in masked]


def test_the_parameters_are_really_fewer() -> None:
    model = hand_model(layers=2)
    counts = [
        sum(weight.numel() for weight in without_closed_heads(model, mask(model, gone)).network.parameters())
        for gone in ([], [Head(0, 0)], [Head(0, 0), Head(1, 1)])
    ]
    one_head = 3 * (6 * 3 + 3) + 3 * 6  # q, k and v with their biases, and the rows of the output projection
    assert [counts[0] - count for count in counts] == [0, one_head, 2 * one_head]


@torch.no_grad()
def test_other_gates_go_into_the_output_projection() -> None:
    model, tokens = hand_model(layers=2), some_tokens()
    gates = torch.tensor([[0.5, 0.0], [1.25, 0.7]])
    with gated(model, gates):
        expected = model.logits(tokens)
    assert torch.allclose(without_closed_heads(model, gates).logits(tokens), expected, atol=1e-5)


def test_the_original_is_left_as_it_was() -> None:
    model, tokens = hand_model(layers=2), some_tokens()
    before = model.logits(tokens)
    without_closed_heads(model, mask(model, model.all_heads))
    assert torch.equal(model.logits(tokens), before)


def test_a_removal_that_computes_something_else_is_noticed() -> None:
    model, tokens = hand_model(layers=2), some_tokens()
    smaller = without_closed_heads(model, mask(model, [Head(0, 0)]))
    check_removal(model, mask(model, [Head(0, 0)]), smaller, tokens)
    with pytest.raises(MaskNotAppliedError, match="differs from the masked one"):
        check_removal(model, mask(model, [Head(0, 1)]), smaller, tokens)
