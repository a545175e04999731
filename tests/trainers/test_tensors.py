"""Tensors on a full disk."""

import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from tests.full_disk import full_after
from trainers.tensors import write_tensors


def test_what_the_system_refuses_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    with full_after(2**16), pytest.raises(OSError, match="File too large") as caught:
        write_tensors({"a": torch.zeros(2**18)}, path)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    with pytest.raises(FileNotFoundError):
        write_tensors({"a": torch.zeros(1)}, tmp_path / "none" / "weights")


def test_another_error_of_the_format_stays_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise SafetensorError("Error while serializing: no such dtype")

    monkeypatch.setattr("trainers.tensors.save_file", fail)
    with pytest.raises(SafetensorError, match="no such dtype"):
        write_tensors({}, tmp_path / "weights")
