"""What a real, tiny model writes: as many tokens as are counted, and no further than its end."""

from collections.abc import Iterator

import pytest
import torch

from ablations.heads.embedded import Design, untrained_model
from ablations.heads.language_model import LanguageModel
from ablations.heads.vocabulary import END
from ablations.resources.local_server.writing import Wish, write

WINDOW = 24


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return untrained_model(Design(layers=1, heads=2, head_width=4, window=WINDOW), "tiny-random")


def greedy(model: LanguageModel, prompt: str, count: int) -> Iterator[int]:
    """The most likely tokens, by an oracle that reads the whole text again."""
    tokens = model.encode(prompt)
    for _ in range(count):
        token = int(model.logits(torch.tensor([tokens[-WINDOW:]]))[0, -1].argmax())
        yield token
        tokens.append(token)


def test_one_token_is_one_byte(model: LanguageModel) -> None:
    assert len(model.encode("déjà")) == 6
    assert model.decode(model.encode("déjà")) == "déjà"


def test_what_is_written_is_what_the_model_finds_most_likely_also_beyond_its_window(model: LanguageModel) -> None:
    expected = list(greedy(model, "def f", 40))
    written = write(model, "def f", Wish(40, 0))
    assert written.text == model.decode(expected)
    assert (written.prompt_tokens, written.tokens, written.finished) == (5, 40, False)
    assert min(written.prompt_ns, written.ns) > 0


def test_a_prompt_longer_than_the_window_is_read_from_its_end(model: LanguageModel) -> None:
    long = "x" * 50 + "y" * WINDOW
    assert write(model, long, Wish(3, 0)).prompt_tokens == WINDOW
    assert write(model, long, Wish(3, 0)).text == write(model, "y" * WINDOW, Wish(3, 0)).text


def test_a_stop_ends_the_answer_and_does_not_belong_to_it(model: LanguageModel) -> None:
    whole = write(model, "def f", Wish(12, 0)).text
    stop = whole[4:6]
    written = write(model, "def f", Wish(12, 0, stops=(stop,)))
    assert (written.text, written.finished) == (whole[: whole.index(stop)], True)
    assert written.tokens < 12


def test_the_models_own_end_ends_the_answer(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    end = model.tokenizer.token_to_id(END)
    first = next(greedy(model, "def f", 1))
    plain = LanguageModel.logits

    def ending(self: LanguageModel, tokens: torch.Tensor) -> torch.Tensor:
        logits = plain(self, tokens)
        if tokens.shape[1] > 5:
            logits[:, -1, end] = 1e9
        return logits

    monkeypatch.setattr(LanguageModel, "logits", ending)
    written = write(model, "def f", Wish(9, 0))
    assert (written.text, written.tokens, written.finished) == (model.decode([first]), 2, True)


def test_a_seed_decides_what_is_drawn(model: LanguageModel) -> None:
    texts = [write(model, "def f", Wish(20, 1.0, seed=seed)).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_no_prompt_is_a_beginning_too(model: LanguageModel) -> None:
    assert write(model, "", Wish(2, 0)).prompt_tokens == 1
