"""Continues a prompt token by token. The whole window is read again for each token: slow, and real work."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ablations.heads.language_model import LanguageModel
from ablations.heads.vocabulary import END


@dataclass(frozen=True, slots=True)
class Wish:
    """How to write.

    Attributes:
        most_tokens: the most to write.
        temperature: divides the logits; 0 takes the most likely token.
        seed: decides what is drawn; None draws differently each time.
        stops: texts that end the answer, which do not belong to it.
    """

    most_tokens: int
    temperature: float
    seed: int | None = None
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, with what Ollama counts.

    Attributes:
        text: the answer.
        finished: whether the model ended it, and not the limit of tokens.
        prompt_tokens: tokens of the prompt that were read: its last ones, where it is longer than the window.
        prompt_ns: nanoseconds until they were read.
        tokens: tokens written.
        ns: nanoseconds for writing them.
    """

    text: str
    finished: bool
    prompt_tokens: int
    prompt_ns: int
    tokens: int
    ns: int


def write(model: LanguageModel, prompt: str, wish: Wish) -> Written:
    """Continue a prompt."""
    began = time.perf_counter_ns()
    read = model.encode(prompt)[-model.window :] or [_end_of(model)]
    draw = _drawing(wish)
    logits = _next(model, read)
    evaluated = time.perf_counter_ns()
    tokens: list[int] = []
    text, finished = "", False
    while len(tokens) < wish.most_tokens and not finished:
        if tokens:
            logits = _next(model, [*read, *tokens])
        tokens.append(draw(logits))
        text, finished = _so_far(model, tokens, wish.stops)
    ended = time.perf_counter_ns()
    return Written(text, finished, len(read), evaluated - began, len(tokens), ended - evaluated)


def _so_far(model: LanguageModel, tokens: Sequence[int], stops: Sequence[str]) -> tuple[str, bool]:
    """The answer up to its end or the first stop, and whether there is one."""
    ended = tokens[-1] == _end_of(model)
    text = model.decode(tokens[:-1] if ended else tokens)
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    return (text[: min(found)], True) if found else (text, ended)


def _end_of(model: LanguageModel) -> int:
    end = model.tokenizer.token_to_id(END)
    assert end is not None, "every vocabulary of this project has it"
    return end


@torch.inference_mode()
def _next(model: LanguageModel, tokens: Sequence[int]) -> Tensor:
    """The logits of the next token."""
    return model.logits(torch.tensor([tokens[-model.window :]], device=model.device))[0, -1].double()


def _drawing(wish: Wish) -> Callable[[Tensor], int]:
    if wish.temperature == 0:
        return lambda logits: int(logits.argmax())
    generator = torch.Generator()
    generator.seed() if wish.seed is None else generator.manual_seed(wish.seed)
    return lambda logits: int(torch.multinomial((logits / wish.temperature).softmax(0), 1, generator=generator))
