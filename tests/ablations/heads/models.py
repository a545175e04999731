"""Small models for tests, and GPT-2 written out once more, head by head, as the oracle."""

import math
from collections.abc import Collection
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn

from ablations.heads.language_model import Head, LanguageModel, wrap

VOCABULARY = 11


def hand_model(layers: int = 1, heads: int = 2, width: int = 3, seed: int = 0) -> LanguageModel:
    """Make a model with random weights, large enough that every head matters."""
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=16, n_embd=heads * width, n_layer=layers, n_head=heads, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0, attn_implementation="eager",
    )  # fmt: skip
    network = transformers.GPT2LMHeadModel(config)
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=drawn) * 0.6)
    words = Tokenizer(WordLevel({f"w{number}": number for number in range(VOCABULARY)}, unk_token="w0"))
    return wrap(network, words, "by hand")


def some_tokens(rows: int = 2, time: int = 6, seed: int = 0) -> Tensor:
    """Draw tokens of the hand model's vocabulary."""
    return torch.randint(1, VOCABULARY, (rows, time), generator=torch.Generator().manual_seed(seed))


def logits_by_hand(model: LanguageModel, tokens: Tensor, gone: Collection[Head] = ()) -> Tensor:
    """Compute the logits of one sequence in float64, one head and one query after the other."""
    net: Any = model.network.transformer
    x = net.wte.weight[tokens].double() + net.wpe.weight[: len(tokens)].double()
    for layer, block in enumerate(net.h):
        x = x + _attention(block.attn, _norm(block.ln_1, x), model.heads, [h for (at, h) in gone if at == layer])
        hidden = _norm(block.ln_2, x) @ block.mlp.c_fc.weight.double() + block.mlp.c_fc.bias.double()
        bent = 0.5 * hidden * (1 + torch.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)))
        x = x + bent @ block.mlp.c_proj.weight.double() + block.mlp.c_proj.bias.double()
    return _norm(net.ln_f, x) @ model.network.lm_head.weight.double().T


def _attention(attention: Any, x: Tensor, heads: int, gone: list[int]) -> Tensor:
    size = x.shape[1] // heads
    q, k, v = (x @ attention.c_attn.weight.double() + attention.c_attn.bias.double()).split(x.shape[1], dim=1)
    out = attention.c_proj.bias.double().repeat(len(x), 1)
    for head in range(heads):
        at = slice(head * size, (head + 1) * size)
        for query in range(len(x) if head not in gone else 0):
            scores = torch.stack([q[query, at] @ k[key, at] / math.sqrt(size) for key in range(query + 1)])
            seen = scores.softmax(0) @ v[: query + 1, at]
            out[query] = out[query] + seen @ attention.c_proj.weight.double()[at]
    return out


def _norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    spread = (x.var(1, unbiased=False, keepdim=True) + norm.eps).sqrt()
    return (x - x.mean(1, keepdim=True)) / spread * norm.weight.double() + norm.bias.double()
