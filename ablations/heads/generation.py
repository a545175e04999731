"""Continuing prompts, token by token, with the times at which things really happened."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ablations.heads.errors import FailedGenerationError
from ablations.heads.language_model import LanguageModel

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        num_tokens: tokens per prompt; the end-of-text token is never drawn, so that all continuations are equally long.
        temperature: divides the logits; 0 takes the most likely token.
        seed: with a prompt's number, decides what is drawn for it, whatever batch it is in.
    """

    num_tokens: int
    temperature: float
    seed: int


@dataclass(frozen=True, slots=True)
class Continued:
    """A batch of continued prompts; durations in seconds, of the whole batch.

    Attributes:
        prompts: the tokens of each prompt.
        generated: the new tokens of each.
        prompt_s: until the prompts were processed.
        first_token_s: until the first new token was known here, prompt processing included.
        total_s: until the last was.
    """

    prompts: tuple[tuple[int, ...], ...]
    generated: tuple[tuple[int, ...], ...]
    prompt_s: float
    first_token_s: float
    total_s: float


def continue_prompts(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    batch_size: int,
    clock: Clock = time.perf_counter,
) -> Iterator[Continued]:
    """Continue all prompts in batches, as they come.

    Raises:
        FailedGenerationError: the model gave no probabilities for a prompt.
    """
    for start in range(0, len(prompts), batch_size):
        batch = [tuple(prompt) for prompt in prompts[start : start + batch_size]]
        numbers = range(start, start + len(batch))
        yield _continue_batch(model, batch, [_generator(sampling.seed, number) for number in numbers], sampling, clock)


def _generator(seed: int, number: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**63)


@torch.no_grad()
def _continue_batch(
    model: LanguageModel,
    prompts: list[tuple[int, ...]],
    generators: list[torch.Generator],
    sampling: Sampling,
    clock: Clock,
) -> Continued:
    tokens, attended = _left_padded(prompts, model.device)
    _synchronise(model.device)
    began = clock()
    cache, logits = _pass(model, tokens, attended, None)
    _synchronise(model.device)
    prompt_done = clock()
    columns = [_draw(model, logits, generators, sampling)]
    first_known = clock()  # drawn on this side of the device, so the token is here
    for _ in range(sampling.num_tokens - 1):
        last = columns[-1][:, None].to(model.device)
        attended = torch.cat([attended, attended.new_ones(len(prompts), 1)], dim=1)
        cache, logits = _pass(model, last, attended, cache)
        columns.append(_draw(model, logits, generators, sampling))
    ended = clock()
    rows = torch.stack(columns, dim=1).tolist()
    generated = tuple(tuple(row) for row in rows)
    return Continued(tuple(prompts), generated, prompt_done - began, first_known - began, ended - began)


def _left_padded(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    longest = max(map(len, prompts))
    tokens = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    attended = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return tokens, torch.tensor(attended, device=device)


def _pass(model: LanguageModel, tokens: Tensor, attended: Tensor, cache: Any) -> tuple[Any, Tensor]:
    positions = (attended.cumsum(1) - 1).clamp_min(0)[:, -tokens.shape[1] :]
    answer = model.network(
        input_ids=tokens, attention_mask=attended, position_ids=positions, past_key_values=cache, use_cache=True
    )
    return answer.past_key_values, answer.logits[:, -1].float()


def _draw(model: LanguageModel, logits: Tensor, generators: Sequence[torch.Generator], sampling: Sampling) -> Tensor:
    """Draw a token for each row, on the CPU, where its generator is."""
    found = logits.cpu()
    if not bool(torch.isfinite(found).all()):
        raise FailedGenerationError(
            f"The model {model.name!r} gave logits that are no finite numbers while it continued a prompt: the whole "
            "condition fails, and no figure is made of it. Try --precision float32, or fewer heads removed."
        )
    end = model.network.config.eos_token_id
    if end is not None:
        found[:, end] = -torch.inf
    if sampling.temperature == 0:
        return found.argmax(1)
    chances = (found.double() / sampling.temperature).softmax(1).cumsum(1)
    at = torch.stack([torch.rand(1, generator=generator, dtype=torch.float64) for generator in generators])
    return torch.searchsorted(chances, at * chances[:, -1:], right=True).squeeze(1).clamp_max(found.shape[1] - 1)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
