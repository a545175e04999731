"""Perplexities, and figures of texts."""

import math

import pytest
import torch

from ablations.heads.errors import ConstantPerplexityError, MeasurementError
from ablations.heads.gates import gated, mask
from ablations.heads.language_model import Head
from ablations.heads.perplexity import of_generations, teacher_forced
from ablations.heads.text_figures import lexical_diversity, repetition
from tests.ablations.heads.models import hand_model, logits_by_hand, some_tokens


@torch.no_grad()
def losses_by_hand(rows: torch.Tensor) -> list[list[float]]:
    model = hand_model(layers=2)
    chances = [logits_by_hand(model, row).log_softmax(1) for row in rows]
    return [
        [-float(chance[at, row[at + 1]]) for at in range(len(row) - 1)]
        for row, chance in zip(rows, chances, strict=True)
    ]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_teacher_forced_is_exp_of_the_mean_over_tokens(batch: int) -> None:
    rows = some_tokens(rows=3)
    losses = [loss for row in losses_by_hand(rows) for loss in row]
    assert teacher_forced(hand_model(layers=2), rows, batch) == pytest.approx(math.exp(sum(losses) / 15), rel=1e-5)


def test_it_is_that_of_the_gated_model() -> None:
    model, rows = hand_model(layers=2), some_tokens(rows=3)
    dense = teacher_forced(model, rows)
    with gated(model, mask(model, [Head(0, 0)])):
        assert teacher_forced(model, rows) != pytest.approx(dense, rel=1e-3)
    assert teacher_forced(model, rows) == dense


def test_generations_count_their_own_tokens_given_the_prompt() -> None:
    """Token-weighted: a generation of three tokens weighs three times one of one."""
    model = hand_model(layers=2)
    first, second = losses_by_hand(torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 9, 1]]))
    expected = math.exp((sum(first[1:]) + second[3]) / 4)
    assert of_generations(model, [((1, 2), (3, 4, 5)), ((6, 7, 8, 9), (1,))]) == pytest.approx(expected, rel=1e-5)


def test_a_perplexity_that_does_not_depend_on_the_text_is_refused() -> None:
    model = hand_model()
    with torch.no_grad():
        model.network.lm_head.weight.zero_()
    with pytest.raises(ConstantPerplexityError, match=r"All 3 held-out windows have the same loss, 2\.3979"):
        teacher_forced(model, some_tokens(rows=3))


def test_one_that_is_no_number_is_refused() -> None:
    model = hand_model()
    with torch.no_grad():
        model.network.transformer.ln_f.bias[0] = torch.nan
    with pytest.raises(MeasurementError, match="is nan: no perplexity can be reported"):
        teacher_forced(model, some_tokens())


def test_lexical_diversity_is_unique_by_all_words() -> None:
    assert lexical_diversity(["a b A c", "x x"]) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert lexical_diversity(["a b", " \n"]) == 1
    assert lexical_diversity([" ", ""]) is None


def test_repetition_looks_back_over_a_window() -> None:
    assert repetition(["a b a b"]) == pytest.approx(2 / 4)
    assert repetition(["a b c a"], window=2) == 0
    assert repetition(["a b c a"], window=3) == pytest.approx(1 / 4)
    assert repetition(["a a", "b c d e f g"]) == pytest.approx(1 / 8)
    assert repetition([""]) is None
