"""A causal language model whose attention heads are known: GPT-2 and what is built like it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from ablations.heads.errors import ModelNotLoadedError


class Head(NamedTuple):
    """One attention head, by its layer and its place in the layer, both from 0."""

    layer: int
    head: int


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model in eval mode with its tokenizer.

    Attributes:
        network: a causal language model of transformers with `transformer.h[i].attn.c_attn` and `.c_proj`.
        tokenizer: encodes and decodes.
        name: what the user called it.
    """

    network: Any
    tokenizer: Tokenizer
    name: str

    @property
    def attentions(self) -> list[Any]:
        """The attention of each layer."""
        return [block.attn for block in self.network.transformer.h]

    @property
    def layers(self) -> int:
        """The number of layers."""
        return len(self.network.transformer.h)

    @property
    def heads(self) -> int:
        """The number of heads of a layer, before anything is removed."""
        return int(self.network.config.n_head)

    @property
    def head_width(self) -> int:
        """The number of dimensions of a head."""
        return int(self.network.config.n_embd) // self.heads

    @property
    def window(self) -> int:
        """The most tokens that fit into one pass."""
        return int(self.network.config.n_positions)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.network.parameters()).device

    @property
    def all_heads(self) -> tuple[Head, ...]:
        """All heads, layer by layer."""
        return tuple(Head(layer, head) for layer in range(self.layers) for head in range(self.heads))

    def encode(self, text: str) -> list[int]:
        """Convert a text to tokens."""
        return list(self.tokenizer.encode(text).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Convert tokens to a text."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))

    def logits(self, tokens: Tensor) -> Tensor:
        """Return the logits [batch, time, vocabulary] in float32 of tokens [batch, time]."""
        return self.network(input_ids=tokens, use_cache=False).logits.float()

    def losses(self, tokens: Tensor) -> Tensor:
        """Return the negative log-likelihood [batch, time − 1] of each token but the first, in nats."""
        logits = self.logits(tokens)
        return nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")


def wrap(network: nn.Module, tokenizer: Tokenizer, name: str) -> LanguageModel:
    """Check that the heads of a model can be found, and put it into eval mode.

    Raises:
        ModelNotLoadedError: the model is not built like GPT-2.
    """
    blocks = getattr(getattr(network, "transformer", None), "h", ())
    config: Any = getattr(network, "config", None)
    wanted: tuple[Callable[[Any], bool], ...] = (
        lambda attention: getattr(attention.c_attn, "nf", 0) == 3 * config.n_embd,
        lambda attention: getattr(attention.c_proj, "nf", 0) == config.n_embd,
    )
    try:
        fits = bool(blocks) and all(test(block.attn) for block in blocks for test in wanted)
    except AttributeError:
        fits = False
    if not fits:
        raise ModelNotLoadedError(
            f"The model {name!r} is a {type(network).__name__}, whose attention heads this study cannot find: it knows "
            "models built like GPT-2, with one projection `attn.c_attn` for queries, keys and values and one "
            "`attn.c_proj` for the output. Try gpt2, distilgpt2, the folder of a GPT-2, or leave --model-name out."
        )
    return LanguageModel(network.eval(), tokenizer, name)
