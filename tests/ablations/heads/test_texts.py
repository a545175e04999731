"""The text that every machine has, and what is drawn from it."""

from pathlib import Path

import pytest
import torch

from ablations.heads.corpus import Corpus, standard_library
from ablations.heads.errors import TextError
from ablations.heads.language_model import LanguageModel
from ablations.heads.prompts import check_lengths, choose_prompts, read_prompts
from ablations.heads.samples import beginnings, windows


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for number in range(60):
        (tmp_path / f"module_{number}.py").write_text(f"# {number}\n" * 50)
    return tmp_path


def test_files_are_split_by_their_names_alone(library: Path) -> None:
    before = standard_library(library)
    assert len(before.training) + len(before.held_out) == 60
    assert len(before.held_out) > 0
    assert set(before.training).isdisjoint(before.held_out)
    (library / "module_7.py").write_text("changed")
    after = standard_library(library)
    assert (len(after.training), len(after.held_out)) == (len(before.training), len(before.held_out))


def test_the_digest_follows_content_and_names(library: Path) -> None:
    first = standard_library(library).digest
    assert standard_library(library).digest == first
    (library / "module_7.py").write_text("changed")
    second = standard_library(library).digest
    (library / "module_7.py").rename(library / "module_70.py")
    assert len({first, second, standard_library(library).digest}) == 3


def test_a_library_without_sources_is_refused(tmp_path: Path) -> None:
    (tmp_path / "os.py").write_text("")
    with pytest.raises(TextError, match=f"{tmp_path} holds 1 files .*--model-name"):
        standard_library(tmp_path)


def test_windows_follow_the_seed(tiny: LanguageModel, corpus: Corpus) -> None:
    first, again, other = (windows(tiny, corpus.held_out, 5, 40, seed) for seed in (0, 0, 1))
    assert first.shape == (5, 40)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len({tuple(row) for row in first.tolist()}) == 5


def test_windows_are_text_of_the_files(tiny: LanguageModel, corpus: Corpus) -> None:
    for row in windows(tiny, corpus.held_out, 3, 30, 0).tolist():
        piece = tiny.decode(row).strip("\ufffd")
        assert any(piece in text for text in corpus.held_out)


def test_files_that_are_too_short_are_refused(tiny: LanguageModel) -> None:
    with pytest.raises(TextError, match="2 files with 10 characters hold no 1 pieces of 40 tokens"):
        windows(tiny, ["short", "texts"], 1, 40, 0)
    with pytest.raises(TextError, match="hold no 1 beginnings"):
        beginnings(tiny, ["short", "texts"], 1, 40, 0)


def test_prompts_begin_where_a_line_does(tiny: LanguageModel, corpus: Corpus) -> None:
    found = choose_prompts(tiny, corpus.held_out, None, 4, 0)
    assert len(found) == 4
    for prompt in found:
        assert any(f"\n{prompt}" in text for text in corpus.held_out)
    assert choose_prompts(tiny, corpus.held_out, None, 4, 0) == found
    assert choose_prompts(tiny, corpus.held_out, None, 4, 1) != found


def test_the_users_prompts(tmp_path: Path, tiny: LanguageModel) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("one\n\n  \ntwo\nthree\n")
    own = read_prompts(file)
    assert own == ("one", "two", "three")
    assert choose_prompts(tiny, [], own, 5, 0) == own
    chosen = {choose_prompts(tiny, [], own, 2, seed) for seed in range(8)}
    assert len(chosen) > 1
    assert all(set(some) < set(own) for some in chosen)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"\xff\xfe", "it is not UTF-8"), (b"\n \n", "holds no prompt")]
)
def test_prompts_that_cannot_be_used(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "prompts.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TextError, match=f"prompts.txt.*{said}.*--prompt-file|{said}"):
        read_prompts(file)


def test_a_prompt_that_does_not_fit_is_refused_with_what_would(tiny: LanguageModel) -> None:
    prompt = "import " * 6
    length = len(tiny.encode(prompt))
    check_lengths(tiny, [prompt], 48 - length)
    with pytest.raises(TextError, match=rf"has {length} tokens, and 48 more .* holds 48.*at most {48 - length} --num"):
        check_lengths(tiny, [prompt], 48)
    with pytest.raises(TextError, match=r"model 'embedded' holds 48\. Choose shorter prompts"):
        check_lengths(tiny, ["import " * 10], 48)
    with pytest.raises(TextError, match="The prompt '' has 0 tokens"):
        check_lengths(tiny, [""], 1)
