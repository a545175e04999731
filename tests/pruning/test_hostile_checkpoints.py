"""Checkpoints whose hashes are right and whose content is not: each is one paragraph, and none takes the memory."""

import hashlib
import json
import random
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from pruning.checkpoint import ARCHITECTURE, WEIGHTS, _document_hash, load_pruned, read_architecture, save_pruned
from pruning.errors import CheckpointError, PruningError
from pruning.foreign import open_foreign
from pruning.models import ModelSpec
from pruning.plan import Plan
from pruning.proof import random_selection
from pruning.slicing import slice_model

Document = dict[str, Any]


@pytest.fixture
def folder(resnet: nn.Module, resnet_plan: Plan, tmp_path: Path) -> Path:
    selection = random_selection(resnet_plan, random.Random(0))
    return save_pruned(slice_model(resnet, resnet_plan, selection), resnet_plan, selection, tmp_path / "out")


def rewrite(folder: Path, edit: Callable[[Document], object], weights: bytes | None = None) -> None:
    """Change a checkpoint and make its hashes right again."""
    if weights is not None:
        (folder / WEIGHTS).write_bytes(weights)
    document = json.loads((folder / ARCHITECTURE).read_text())
    document["weights_sha256"] = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    edit(document)
    document["sha256"] = _document_hash(document)
    (folder / ARCHITECTURE).write_text(json.dumps(document))


def refused(folder: Path) -> str:
    with pytest.raises(PruningError) as caught:
        load_pruned(folder)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


def setting(path: str, value: object) -> Callable[[Document], object]:
    def edit(document: Document) -> None:
        *outer, last = path.split(".")
        for name in outer:
            document = document[name]
        document[last] = value

    return edit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 200_000, "recursion"),
        ('{"recipe": ' * 50_000, "recursion"),
        ('{"schema": ' + "9" * 5000 + "}", "4300 digits"),
        ('{"schema": 1e999}', "schema"),
        ("", "not JSON"),
        ("null", "valid dict"),
        ("\ufeff{}", "BOM"),
    ],
)
def test_what_json_can_do(folder: Path, text: str, words: str) -> None:
    (folder / ARCHITECTURE).write_text(text)
    assert words in refused(folder)


def test_no_depth_is_more_than_a_document_that_cannot_be_read(folder: Path) -> None:
    """Just below the depth at which parsing gives up, its own hash cannot be computed."""
    limit = sys.getrecursionlimit()
    document = json.loads((folder / ARCHITECTURE).read_text())
    told = []
    for depth in range(limit - 150, limit + 10):
        deep = json.dumps(document | {"recipe": {"deep": "here"}}).replace('"here"', "[" * depth + "]" * depth)
        (folder / ARCHITECTURE).write_text(deep)
        with pytest.raises(CheckpointError) as caught:
            read_architecture(folder)
        told.append("recursion" in str(caught.value))
    assert told == sorted(told), "too deep from some depth on; its hash is wrong before"
    assert {*told} == {False, True}


@pytest.mark.parametrize("value", [10**6, 10**9, 10**12, 10**30, -1, 1e30, "many"])
def test_classes_that_the_weights_cannot_have_are_refused_before_the_base_is_made(
    folder: Path, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pruning.checkpoint.create_model", lambda spec: pytest.fail("the base was created"))
    rewrite(folder, setting("spec.num_classes", value))
    assert "classes" in refused(folder)


@pytest.mark.parametrize(
    "size", [[1, -5, 32], [1, 0, 0], [0, 32, 32], [1, 10**9, 10**9], [10**9, 32, 32], [1, 10**30, 9]]
)
def test_sizes_beyond_any_image_are_refused(folder: Path, size: list[int]) -> None:
    rewrite(folder, setting("spec.input_size", size))
    assert "input_size" in refused(folder)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.name", "x" * 100_000),
        ("spec.name", "\ud800"),
        ("spec.name", ""),
        ("spec.output", "x" * 100_000),
        ("allocation", [1]),
        ("allocation", [10**30] * 14),
        ("selection", []),
        ("macs", 10**30),
        ("params", -1),
    ],
)
def test_contradictions_are_refused(folder: Path, path: str, value: object) -> None:
    rewrite(folder, setting(path, value))
    assert refused(folder)


@pytest.mark.parametrize("units", [[], [-1], [0, 0], [10**9], [10**30]])
def test_units_that_there_are_not_are_refused(folder: Path, units: list[int]) -> None:
    def edit(document: Document) -> None:
        document["selection"][0], document["allocation"][0] = units, len(units)

    rewrite(folder, edit)
    assert "does not fit" in refused(folder)


def header(value: object, data: bytes = b"") -> bytes:
    text = json.dumps(value).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: struct.pack("<Q", 2**63) + whole[8:],
        lambda whole: b"\0" * len(whole),
        lambda whole: header({"x": {"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 0]}}),
        lambda whole: header({"x": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}, b"\0"),
        lambda whole: save({name: tensor.to(torch.int64) for name, tensor in load(whole).items()}),
        lambda whole: save({name: tensor.to(torch.complex64) for name, tensor in load(whole).items()}),
        lambda whole: save(dict(list(load(whole).items())[1:])),
    ],
)
def test_weights_that_are_none(folder: Path, spoil: Callable[[bytes], bytes]) -> None:
    rewrite(folder, lambda document: None, spoil((folder / WEIGHTS).read_bytes()))
    assert WEIGHTS in refused(folder)


def test_a_file_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("pruning.checkpoint.file_hash", denied)
        assert "cannot be read: Permission denied" in refused(folder)
    monkeypatch.setattr(Path, "read_text", denied)
    assert "cannot be read: Permission denied" in refused(folder)


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04" + b"\0" * 100, b"\x80\x04" + b"(" * 10_000, b"\0" * 999]
)
def test_published_files_that_are_none(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError):
        open_foreign(tmp_path / name, ModelSpec("resnet18_quarter", 10, (1, 32, 32)), trust_pickle=False)
