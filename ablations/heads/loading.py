"""The model of a study: the embedded one, or one that transformers can load, on its device and in its precision."""

import dataclasses
from pathlib import Path
from typing import Any

import torch
import transformers

from ablations.heads.corpus import Corpus
from ablations.heads.embedded import embedded_model
from ablations.heads.errors import ModelNotLoadedError
from ablations.heads.language_model import LanguageModel, wrap
from ablations.heads.options import EMBEDDED, HeadsOptions

_LONGEST_REASON = 200


def load_model(options: HeadsOptions, corpus: Corpus, cache_dir: Path | None) -> LanguageModel:
    """Load the model that the options name.

    Raises:
        ModelNotLoadedError: it cannot be loaded, or the device is not there.
    """
    device = _device(options.device)
    dtype = getattr(torch, options.precision)
    if options.model_name == EMBEDDED:
        model = embedded_model(corpus, cache_dir)
    else:
        model = _from_transformers(options.model_name)
    return dataclasses.replace(model, network=model.network.to(device=device, dtype=dtype))


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelNotLoadedError(
            "--device cuda was asked for, but torch finds no GPU on this machine. Use --device cpu, or leave it out."
        )
    return torch.device(name)


def _from_transformers(name: str) -> LanguageModel:
    """Load weights and tokenizer from a folder, or from the hub and its local cache; never their code, nor a pickle."""
    try:
        network = transformers.AutoModelForCausalLM.from_pretrained(
            name, dtype=torch.float32, attn_implementation="eager", use_safetensors=True, trust_remote_code=False
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise ModelNotLoadedError(_unreachable(name, error)) from error
    return wrap(network, _backend(tokenizer, name), name)


def _backend(tokenizer: Any, name: str) -> Any:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelNotLoadedError(
            f"The model {name!r} brings the tokenizer {type(tokenizer).__name__}, which has no tokenizer.json. "
            "Save it with a fast tokenizer (`AutoTokenizer.from_pretrained(…, use_fast=True).save_pretrained(folder)`)."
        )
    return backend


def _unreachable(name: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:_LONGEST_REASON]
    return (
        f"The model {name!r} cannot be loaded by transformers ({type(error).__name__}: {reason}). Without a "
        "connection to the hub only models in its local cache or in a folder can be loaded: give --model-name "
        "the path of a folder with config.json, model.safetensors and tokenizer.json, or leave it out for the "
        "embedded model, which needs no download."
    )
