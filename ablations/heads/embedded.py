"""The embedded model: a small GPT-2, trained here on Python's own library, kept in the cache folder."""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from ablations.heads.corpus import Corpus
from ablations.heads.language_model import LanguageModel, wrap
from ablations.heads.options import EMBEDDED
from ablations.heads.vocabulary import END, learn_vocabulary
from ground.cache import cache_folder, content_key, locked_if_usable, warn_damaged, warn_unusable
from ground.files import folder_replaced

_FORMAT = 1
_WEIGHTS, _TOKENIZER, _RECORD = "model.safetensors", "tokenizer.json", "record.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Design:
    """Shape and training of the embedded model.

    Attributes:
        layers: its blocks.
        heads: the heads of each.
        head_width: the dimensions of each head.
        window: the tokens of one training sequence, and the most that fit into one pass.
        vocabulary: the number of tokens: few, so that a token alone says little and the heads are needed.
        spread: the standard deviation of the initial weights; GPT-2's own 0.02 is for much wider models.
        steps: optimiser steps.
        batch: sequences per step.
        peak_rate: AdamW's learning rate after warm-up; it falls along a cosine to a tenth.
        seed: decides initial weights and the order of the text.
    """

    layers: int = 2
    heads: int = 6
    head_width: int = 16
    window: int = 256
    vocabulary: int = 384
    spread: float = 0.08
    steps: int = 2500
    batch: int = 4
    peak_rate: float = 3e-3
    seed: int = 0


def embedded_model(corpus: Corpus, cache_dir: Path | None = None, design: Design | None = None) -> LanguageModel:
    """Train the embedded model, or read it from the cache if it was trained on the same text before.

    Args:
        corpus: the files that it learns from.
        cache_dir: the cache; None takes the user's cache folder.
        design: its shape and training.
    """
    design = design or Design()
    key = {"format": _FORMAT, "design": asdict(design), "corpus": corpus.digest}
    entry = cache_folder(cache_dir) / "heads" / f"embedded-{content_key(key)}"
    with locked_if_usable(entry) as may_write:
        found = _read(entry, design)
        if found is not None:
            return found
        _log.info("training the embedded language model (%d steps)", design.steps)
        model, loss = _train(corpus, design)
        if may_write:
            try:
                _store(model, entry, {**key, "training_loss": loss, "torch": torch.__version__})
            except OSError as error:
                warn_unusable(entry.parent, error)
        return model


def untrained_model(design: Design, name: str) -> LanguageModel:
    """Make the same network with random weights and one token per byte, for where only its work counts.

    Args:
        design: its shape; of its training only the seed counts.
        name: what it is called.
    """
    tokenizer = learn_vocabulary((), 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(design.seed)
        return wrap(_untrained(design, tokenizer.get_vocab_size()), tokenizer, name)


def _read(entry: Path, design: Design) -> LanguageModel | None:
    if not entry.exists():
        return None
    try:
        tokenizer = Tokenizer.from_str((entry / _TOKENIZER).read_text(encoding="utf-8"))
        network = _untrained(design, tokenizer.get_vocab_size())
        state = load_file(entry / _WEIGHTS)
        network.load_state_dict({**state, "lm_head.weight": state["transformer.wte.weight"]})
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        warn_damaged(entry, error)
        return None
    except Exception as error:
        # tokenizers raises bare `Exception` for a damaged file.
        if type(error) is not Exception:
            raise
        warn_damaged(entry, error)
        return None
    return wrap(network, tokenizer, EMBEDDED)


def _store(model: LanguageModel, entry: Path, record: dict[str, Any]) -> None:
    state = {name: value.contiguous() for name, value in model.network.state_dict().items() if name != "lm_head.weight"}
    with folder_replaced(entry) as draft:
        save_file(state, draft / _WEIGHTS)
        (draft / _TOKENIZER).write_text(model.tokenizer.to_str(), encoding="utf-8")
        (draft / _RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


def _untrained(design: Design, vocabulary: int) -> Any:
    config = transformers.GPT2Config(
        vocab_size=vocabulary,
        n_positions=design.window,
        n_embd=design.heads * design.head_width,
        n_layer=design.layers,
        n_head=design.heads,
        initializer_range=design.spread,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation="eager",
    )
    return transformers.GPT2LMHeadModel(config)


def _train(corpus: Corpus, design: Design) -> tuple[LanguageModel, float]:
    tokenizer = learn_vocabulary(corpus.training, design.vocabulary)
    stream = _stream(corpus.training, tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(design.seed)
        model = wrap(_untrained(design, tokenizer.get_vocab_size()), tokenizer, EMBEDDED)
        return model, _fit(model, stream, design)


def _stream(texts: Sequence[str], tokenizer: Tokenizer) -> Tensor:
    end = tokenizer.token_to_id(END)
    return torch.tensor([token for found in tokenizer.encode_batch(list(texts)) for token in (end, *found.ids)])


def _fit(model: LanguageModel, stream: Tensor, design: Design) -> float:
    """Train with AdamW on random windows of the stream; return the mean loss of the last tenth of the steps."""
    weights = list(model.network.parameters())
    optimiser = torch.optim.AdamW(weights, lr=design.peak_rate, betas=(0.9, 0.95), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, design.steps))
    losses = []
    for _ in range(design.steps):
        starts = torch.randint(len(stream) - design.window, (design.batch,))
        tokens = torch.stack([stream[start : start + design.window] for start in starts.tolist()])
        loss = model.losses(tokens).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    last = losses[-max(1, design.steps // 10) :]
    return math.fsum(last) / len(last)


def _rate(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
