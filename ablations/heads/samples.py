"""Texts drawn from whole files by a seed: windows for calibration and perplexity, and the beginnings of prompts."""

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from ablations.heads.errors import TextError
from ablations.heads.language_model import LanguageModel

_LONGEST_TOKEN = 12  # characters; a slice of so many for each token is almost always enough
_TRIES = 200


def windows(model: LanguageModel, texts: Sequence[str], count: int, time: int, seed: int | str) -> Tensor:
    """Draw windows [count, time] of tokens, each from a random place of a random file; long files are drawn more often.

    Raises:
        TextError: the files are too short.
    """
    drawn = random.Random(f"windows {seed}")  # noqa: S311  a sample, not a secret
    found: list[list[int]] = []
    for _ in range(_TRIES * count):
        if len(found) == count:
            break
        tokens = model.encode(_slice(texts, drawn, time * _LONGEST_TOKEN))
        if len(tokens) >= time:
            found.append(tokens[:time])
    if len(found) < count:
        raise TextError(
            f"{len(texts)} files with {sum(map(len, texts))} characters hold no {count} pieces of {time} tokens each. "
            "Longer files are needed."
        )
    return torch.tensor(found, device=model.device)


def beginnings(model: LanguageModel, texts: Sequence[str], count: int, time: int, seed: int | str) -> tuple[str, ...]:
    """Draw texts of `time` tokens, each from the start of a line, to be continued."""
    drawn = random.Random(f"beginnings {seed}")  # noqa: S311
    found: list[str] = []
    for _ in range(_TRIES * count):
        if len(found) == count:
            break
        _, _, text = _slice(texts, drawn, 2 * time * _LONGEST_TOKEN).partition("\n")
        tokens = model.encode(text)
        if text.strip() and len(tokens) >= time:
            found.append(model.decode(tokens[:time]))
    if len(found) < count:
        raise TextError(
            f"{len(texts)} files hold no {count} beginnings of {time} tokens each. Longer files are needed."
        )
    return tuple(found)


def _slice(texts: Sequence[str], drawn: random.Random, length: int) -> str:
    (text,) = drawn.choices(texts, weights=[len(text) for text in texts])
    start = drawn.randrange(max(1, len(text) - length))
    return text[start : start + length]
