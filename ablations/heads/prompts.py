"""The prompts of a condition: a user's, or beginnings from held-out files."""

import random
from collections.abc import Sequence
from pathlib import Path

from ablations.heads.errors import TextError
from ablations.heads.language_model import LanguageModel
from ablations.heads.samples import beginnings

_TOKENS = 24


def read_prompts(path: Path) -> tuple[str, ...]:
    """Read one prompt per line; empty lines are left out.

    Raises:
        TextError: the file cannot be read, or holds no prompt.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise TextError(
            f"The prompts cannot be read from {str(path)!r} ({reason}). --prompt-file takes a text file with one "
            "prompt per line."
        ) from error
    prompts = tuple(line for line in lines if line.strip())
    if not prompts:
        raise TextError(
            f"The file {str(path)!r} holds no prompt. --prompt-file takes a text file with one prompt per line."
        )
    return prompts


def choose_prompts(
    model: LanguageModel, held_out: Sequence[str], own: Sequence[str] | None, most: int, seed: int
) -> tuple[str, ...]:
    """Choose at most `most` prompts by a seed.

    Args:
        model: whose tokens count.
        held_out: texts to draw beginnings from where there are no prompts of the user's.
        own: the user's prompts.
        most: how many are wanted.
        seed: decides which.
    """
    if own is None:
        return beginnings(model, held_out, most, _TOKENS, seed)
    if len(own) <= most:
        return tuple(own)
    return tuple(random.Random(f"prompts {seed}").sample(list(own), most))  # noqa: S311


def check_lengths(model: LanguageModel, prompts: Sequence[str], num_tokens: int) -> None:
    """Check that every prompt and its continuation fit into the model's window.

    Raises:
        TextError: one does not, or has no token.
    """
    for prompt in prompts:
        length = len(model.encode(prompt))
        if length == 0 or length + num_tokens > model.window:
            raise TextError(
                f"The prompt {prompt[:60]!r} has {length} tokens, and {num_tokens} more are to follow, but the model "
                f"{model.name!r} holds {model.window}. {_what_would_fit(length, model.window)}"
            )


def _what_would_fit(length: int, window: int) -> str:
    if length == 0:
        return "Leave empty prompts out."
    if length >= window:
        return "Choose shorter prompts."
    return f"Choose at most {window - length} --num-tokens, or shorter prompts."
