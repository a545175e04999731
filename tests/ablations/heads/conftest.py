"""A tiny model, really trained, and a folder that transformers can load it from."""

from pathlib import Path

import pytest
import transformers

from ablations.heads.corpus import Corpus, standard_library
from ablations.heads.embedded import Design, embedded_model
from ablations.heads.language_model import LanguageModel

TINY = Design(layers=2, heads=3, head_width=4, window=48, vocabulary=300, steps=40, batch=8)


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    whole = standard_library()
    return Corpus(whole.training[:8], whole.held_out[:6], f"of tests {whole.digest}")


@pytest.fixture(scope="session")
def tiny(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return embedded_model(corpus, tmp_path_factory.mktemp("tiny-cache"), TINY)


@pytest.fixture(scope="session")
def tiny_folder(tiny: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny-model")
    tiny.network.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tiny.tokenizer).save_pretrained(folder)
    return folder
