"""The embedded model and its cache, and models that users name."""

import logging
import shutil
from pathlib import Path

import pytest
import torch
import transformers

from ablations.heads.corpus import Corpus
from ablations.heads.embedded import Design, embedded_model
from ablations.heads.errors import ModelNotLoadedError
from ablations.heads.gates import gated, mask
from ablations.heads.language_model import LanguageModel, wrap
from ablations.heads.loading import load_model
from ablations.heads.options import HeadsOptions
from ablations.heads.perplexity import teacher_forced
from ablations.heads.samples import windows

QUICK = Design(layers=1, heads=2, head_width=4, window=16, vocabulary=260, steps=2, batch=2)


@pytest.fixture
def small(corpus: Corpus) -> Corpus:
    return Corpus(corpus.training[:1], corpus.held_out[:1], corpus.digest)


def same(one: LanguageModel, other: LanguageModel) -> bool:
    states = (one.network.state_dict(), other.network.state_dict())
    return all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_it_is_trained_once_and_read_after_that(small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = embedded_model(small, tmp_path, QUICK)
    monkeypatch.setattr("ablations.heads.embedded._train", lambda *_: pytest.fail("trained again"))
    second = embedded_model(small, tmp_path, QUICK)
    assert same(first, second)
    assert second.encode("import os") == first.encode("import os")
    assert second.network.lm_head.weight is second.network.transformer.wte.weight


def test_training_is_deterministic_and_leaves_chance_alone(small: Corpus, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    first, second = (embedded_model(small, tmp_path / name, QUICK) for name in "ab")
    assert same(first, second)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_a_damaged_entry_is_made_again(
    small: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    first = embedded_model(small, tmp_path, QUICK)
    (damaged,) = tmp_path.rglob(file)
    damaged.write_bytes(damaged.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        assert same(embedded_model(small, tmp_path, QUICK), first)
    assert "making it again" in caplog.text


def test_another_text_or_design_is_another_entry(small: Corpus, tmp_path: Path) -> None:
    embedded_model(small, tmp_path, QUICK)
    embedded_model(Corpus(small.training, small.held_out, "another"), tmp_path, QUICK)
    embedded_model(small, tmp_path, Design(**{**_fields(QUICK), "seed": 1}))
    assert len(list(tmp_path.rglob("model.safetensors"))) == 3


def _fields(design: Design) -> dict[str, int]:
    return {
        name: getattr(design, name) for name in ("layers", "heads", "head_width", "window", "vocabulary", "batch")
    } | {"steps": design.steps}


def test_its_vocabulary_spells_anything(tiny: LanguageModel) -> None:
    text = "def f(x):\n\treturn 'é→\u20ac🙂'\n"
    assert tiny.decode(tiny.encode(text)) == text


def test_it_has_learned_something(tiny: LanguageModel, corpus: Corpus) -> None:
    """Even 40 steps are far better than chance, which has as perplexity the size of the vocabulary."""
    assert teacher_forced(tiny, windows(tiny, corpus.held_out, 8, 48, 0)) < 0.6 * tiny.tokenizer.get_vocab_size()


def test_a_folder_of_the_users(tiny: LanguageModel, tiny_folder: Path, corpus: Corpus) -> None:
    loaded = load_model(HeadsOptions(model_name=str(tiny_folder), device="cpu"), corpus, None)
    tokens = torch.arange(20)[None]
    with gated(loaded, mask(loaded, [])):
        assert torch.allclose(loaded.logits(tokens), tiny.logits(tokens), atol=1e-6)
    assert loaded.encode("class A: pass") == tiny.encode("class A: pass")
    assert (loaded.layers, loaded.heads, loaded.window) == (2, 3, 48)


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_precision(tiny: LanguageModel, tiny_folder: Path, corpus: Corpus, precision: str) -> None:
    options = HeadsOptions.model_validate({"model_name": str(tiny_folder), "device": "cpu", "precision": precision})
    loaded = load_model(options, corpus, None)
    assert loaded.network.dtype is getattr(torch, precision)
    found = loaded.logits(torch.arange(20)[None])
    assert found.dtype is torch.float32
    assert torch.allclose(found, tiny.logits(torch.arange(20)[None]), atol=0.3)


def test_a_folder_that_is_no_model_is_told_in_one_paragraph(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(ModelNotLoadedError) as caught:
        load_model(HeadsOptions(model_name=str(tmp_path / "nothing")), corpus, None)
    assert f"{str(tmp_path / 'nothing')!r} cannot be loaded" in str(caught.value)
    assert "needs no download" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_only_pickle_can_read_are_refused(tiny_folder: Path, tmp_path: Path, corpus: Corpus) -> None:
    shutil.copytree(tiny_folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelNotLoadedError, match="safetensors"):
        load_model(HeadsOptions(model_name=str(tmp_path), device="cpu"), corpus, None)


def test_a_model_of_another_kind_is_refused(tiny: LanguageModel) -> None:
    config = transformers.LlamaConfig(
        vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2
    )
    with pytest.raises(
        ModelNotLoadedError, match=r"'mine' is a LlamaForCausalLM, whose attention heads .* cannot find"
    ):
        wrap(transformers.LlamaForCausalLM(config), tiny.tokenizer, "mine")


def test_a_gpu_that_is_not_there(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelNotLoadedError, match="--device cuda was asked for, but torch finds no GPU"):
        load_model(HeadsOptions(device="cuda"), corpus, None)
