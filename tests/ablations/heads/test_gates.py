"""Gates: what a masked model computes, and that a mask which is not applied is noticed."""

import itertools
from typing import Any

import pytest
import torch

from ablations.heads.errors import MaskNotAppliedError
from ablations.heads.gates import check_gates, gated, mask, open_gates, projections_seen
from ablations.heads.language_model import Head, LanguageModel
from tests.ablations.heads.models import hand_model, logits_by_hand, some_tokens

TWO_LAYERS = [Head(layer, head) for layer in range(2) for head in range(2)]
SUBSETS = [list(gone) for size in range(5) for gone in itertools.combinations(TWO_LAYERS, size)]


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool(torch.allclose(found.double(), expected, atol=2e-5, rtol=1e-5))


@pytest.mark.parametrize("gone", SUBSETS)
@torch.no_grad()
def test_masked_logits_equal_those_computed_by_hand(gone: list[Head]) -> None:
    model, tokens = hand_model(layers=2), some_tokens()
    with gated(model, mask(model, gone)):
        found = model.logits(tokens)
    for row, expected_of in zip(found, tokens, strict=True):
        assert close(row, logits_by_hand(model, expected_of, gone))


@pytest.mark.parametrize("kept", range(4))
@torch.no_grad()
def test_all_heads_but_one_are_masked(kept: int) -> None:
    model, tokens = hand_model(layers=1, heads=4), some_tokens(rows=1)
    gone = [head for head in model.all_heads if head.head != kept]
    with gated(model, mask(model, gone)):
        found = model.logits(tokens)[0]
    assert close(found, logits_by_hand(model, tokens[0], gone))
    assert not close(found, logits_by_hand(model, tokens[0]))


@torch.no_grad()
def test_changing_the_last_token_leaves_earlier_logits() -> None:
    model, tokens = hand_model(layers=2), some_tokens()
    other = tokens.clone()
    other[:, -1] = tokens[:, -1] % 10 + 1
    for gates in (open_gates(model), mask(model, [Head(0, 1), Head(1, 0)])):
        with gated(model, gates):
            before, after = model.logits(tokens), model.logits(other)
        assert torch.equal(before[:, :-1], after[:, :-1])
        assert not torch.equal(before[:, -1], after[:, -1])


@torch.no_grad()
def test_open_gates_change_nothing_and_closed_ones_leave_no_trace() -> None:
    model, tokens = hand_model(layers=2), some_tokens()
    before = model.logits(tokens)
    with gated(model, open_gates(model)):
        assert torch.allclose(model.logits(tokens), before, atol=1e-6)
    with gated(model, mask(model, model.all_heads)):
        assert not torch.allclose(model.logits(tokens), before, atol=1e-3)
    assert torch.equal(model.logits(tokens), before)


@torch.no_grad()
def test_gates_of_each_sequence() -> None:
    model, tokens = hand_model(layers=2), some_tokens()
    gates = torch.stack([mask(model, [Head(0, 0)]), mask(model, [Head(1, 1)])])
    with gated(model, gates):
        together = model.logits(tokens)
    for row in range(2):
        with gated(model, gates[row]):
            assert torch.allclose(model.logits(tokens[row : row + 1])[0], together[row], atol=1e-5)


def test_the_check_agrees_with_a_mask_that_is_in_force() -> None:
    model = hand_model(layers=2)
    gates = mask(model, [Head(1, 0)])
    with gated(model, gates):
        check_gates(model, gates, some_tokens())


@pytest.mark.parametrize("decided", [[Head(1, 0)], []])
def test_a_mask_that_differs_from_what_was_decided_is_noticed(decided: list[Head]) -> None:
    model = hand_model(layers=2)
    in_force = mask(model, [Head(0, 1)])
    with gated(model, in_force), pytest.raises(MaskNotAppliedError, match=r"layer 0 is kept.*not applied as decided"):
        check_gates(model, mask(model, decided), some_tokens())


def test_a_mask_that_is_not_applied_is_noticed() -> None:
    model = hand_model(layers=2)
    with pytest.raises(MaskNotAppliedError, match="Head 0 of layer 1 is removed, but"):
        check_gates(model, mask(model, [Head(1, 0)]), some_tokens())


def test_a_head_that_is_silent_by_itself_is_no_fault() -> None:
    model = hand_model(layers=2)
    for weight in model.attentions[1].c_attn.parameters():
        weight.detach()[..., 12:15] = 0  # the values of head 0: 6 queries, 6 keys, then 3 of its own
    with gated(model, open_gates(model)):
        check_gates(model, open_gates(model), some_tokens())
    with gated(model, mask(model, [Head(1, 1)])), pytest.raises(MaskNotAppliedError, match="Head 1 of layer 1 is kept"):
        check_gates(model, open_gates(model), some_tokens())


@torch.no_grad()
def test_what_is_seen_has_all_gates_applied(tiny: LanguageModel) -> None:
    tokens: Any = torch.arange(10)[None]
    with projections_seen(tiny) as seen, gated(tiny, mask(tiny, [Head(0, 2)])):
        tiny.logits(tokens)
        tiny.logits(tokens)
    assert len(seen) == tiny.layers
    assert not seen[0][0][:, :, 2].any()
    assert seen[0][0][:, :, :2].any()
