"""Continuing prompts, and the clock."""

import math
from collections.abc import Iterator

import pytest
import torch

from ablations.heads.errors import FailedGenerationError
from ablations.heads.generation import Continued, Sampling, continue_prompts
from ablations.heads.language_model import LanguageModel
from tests.ablations.heads.models import hand_model

PROMPTS = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [10, 2]]


def written(model: LanguageModel, sampling: Sampling, batch_size: int = 1) -> list[tuple[int, ...]]:
    batches = continue_prompts(model, PROMPTS, sampling, batch_size)
    return [generated for batch in batches for generated in batch.generated]


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_temperature_zero_takes_the_most_likely_token_of_the_whole_text(batch_size: int) -> None:
    """The oracle knows no cache, no batch and no padding."""
    model = hand_model(layers=2)
    for prompt, generated in zip(PROMPTS, written(model, Sampling(5, 0, 0), batch_size), strict=True):
        tokens = list(prompt)
        for token in generated:
            logits = model.logits(torch.tensor([tokens]))[0, -1]
            assert token == int(logits[1:].argmax()) + 1  # 0 ends a text, and is never drawn
            tokens.append(token)


def test_what_is_drawn_for_a_prompt_does_not_depend_on_its_batch() -> None:
    model = hand_model(layers=2)
    alone = written(model, Sampling(6, 1.0, 3))
    assert written(model, Sampling(6, 1.0, 3), 3) == alone
    assert written(model, Sampling(6, 1.0, 4)) != alone


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_the_end_of_a_text_is_never_drawn_however_likely(temperature: float) -> None:
    """All hidden states are alike, and the row of token 0 points along them."""
    model = hand_model()
    with torch.no_grad():
        model.network.transformer.ln_f.weight.zero_()
        model.network.lm_head.weight[0] = 50 * model.network.transformer.ln_f.bias
    assert int(model.logits(torch.tensor([[1]]))[0, -1].argmax()) == 0
    assert all(0 not in generated for generated in written(model, Sampling(4, temperature, 0)))


def test_a_low_temperature_approaches_the_most_likely_token() -> None:
    model = hand_model(layers=2)
    assert written(model, Sampling(5, 1e-4, 0)) == written(model, Sampling(5, 0, 0))
    assert written(model, Sampling(5, 5.0, 0)) != written(model, Sampling(5, 0, 0))


def test_draws_follow_the_probabilities() -> None:
    """400 first tokens after one prompt: each share within four standard errors of its probability."""
    model = hand_model()
    prompts = [[1, 2]] * 400
    drawn = [batch.generated[0][0] for batch in continue_prompts(model, prompts, Sampling(1, 1.0, 0), 1)]
    chances = model.logits(torch.tensor([[1, 2]]))[0, -1, 1:].double().softmax(0).tolist()
    for token, chance in enumerate(chances, start=1):
        assert abs(drawn.count(token) / 400 - chance) < 4 * math.sqrt(chance * (1 - chance) / 400) + 1e-3


class Ticking:
    """A clock that each forward pass moves by a second, and nothing else."""

    def __init__(self, model: LanguageModel) -> None:
        self.now = 0.0
        model.network.register_forward_hook(self._tick)

    def _tick(self, *_: object) -> None:
        self.now += 1

    def __call__(self) -> float:
        return self.now


def test_times_are_those_at_which_things_happen() -> None:
    """One pass for the prompt, after which the first token is known; one more for each of the other four."""
    model = hand_model()
    (batch,) = continue_prompts(model, [[1, 2]], Sampling(5, 1.0, 0), 1, Ticking(model))
    assert (batch.prompt_s, batch.first_token_s, batch.total_s) == (1, 1, 5)


def test_the_first_token_is_known_only_once_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that moves with each reading: prompt done, then first token, then the end."""
    readings: Iterator[float] = iter([10.0, 13.0, 14.5, 20.0])
    (batch,) = continue_prompts(hand_model(), [[1]], Sampling(3, 0, 0), 1, lambda: next(readings))
    assert (batch.prompt_s, batch.first_token_s, batch.total_s) == (3.0, 4.5, 10.0)


def test_batches_come_in_order() -> None:
    batches: list[Continued] = list(continue_prompts(hand_model(), PROMPTS, Sampling(1, 0, 0), 3))
    assert [batch.prompts for batch in batches] == [((1, 2, 3), (4,), (5, 6, 7, 8, 9)), ((10, 2),)]


def test_a_prompt_without_probabilities_fails_and_is_no_text() -> None:
    model = hand_model()
    with torch.no_grad():
        model.network.transformer.ln_f.weight[0] = torch.nan
    with pytest.raises(FailedGenerationError, match="no finite numbers while it continued a prompt"):
        list(continue_prompts(model, PROMPTS, Sampling(2, 1.0, 0), 2))
