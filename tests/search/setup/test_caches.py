"""A cache only saves time: what is damaged or another's is made again, and without a cache the result is the same."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from pruning.importance.cache import cached_scores
from pruning.proof_cache import known_proof, remember_proof
from search.setup.sensitivity import measure_sensitivity
from tests.cli.alone import run_alone
from tests.search import support
from tests.search.setup.test_sensitivity import inputs
from tracking.events import payloads_of
from tracking.payloads import BaseReady, Profiled, Winner
from trainers.base import train_base
from trainers.datasets.digits import Digits
from trainers.recipe import Recipe


def spoil_each(path: Path, other: bytes) -> Iterator[str]:
    """Put each kind of damage in the place of a file; the caller makes it again in between."""
    content = path.read_bytes()
    damages: dict[str, Callable[[], object]] = {
        "empty": lambda: path.write_bytes(b""),
        "cut": lambda: path.write_bytes(content[: len(content) // 2]),
        "zeros": lambda: path.write_bytes(b"\0" * len(content)),
        "zeros at the end": lambda: path.write_bytes(content[:-16] + b"\0" * 16),
        "another's": lambda: path.write_bytes(other),
        "list": lambda: path.write_text("[]"),
        "deep": lambda: path.write_text("[" * 100_000),
    }
    for name, damage in damages.items():
        damage()
        yield name
    path.unlink()
    path.mkdir()
    yield "folder"
    path.rmdir() if path.is_dir() else path.unlink()
    path.symlink_to("nowhere")
    yield "broken link"


def test_damaged_scores_are_computed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    base, plan = support.base(), support.plan()
    expected = cached_scores("l2", base, plan, folder=tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    cached_scores("l1", base, plan, folder=tmp_path / "other")
    (other,) = (tmp_path / "other").glob("*.safetensors")
    for name in spoil_each(path, other.read_bytes()):
        caplog.clear()
        found = cached_scores("l2", base, plan, folder=tmp_path)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True)), name
        assert "making it again" in caplog.text, name


def test_a_damaged_profile_is_measured_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = measure_sensitivity(inputs(), tmp_path)
    (path,) = tmp_path.glob("*/measured.json")
    measure_sensitivity(inputs(30), tmp_path / "other")
    (other,) = (tmp_path / "other").glob("*/measured.json")
    for name in spoil_each(path, other.read_bytes()):
        caplog.clear()
        found = measure_sensitivity(inputs(), tmp_path)
        assert not found.cached, name
        assert (found.accuracy, found.accuracies) == (expected.accuracy, expected.accuracies), name
        assert "making it again" in caplog.text or name == "broken link", name
    assert measure_sensitivity(inputs(), tmp_path).cached


def test_a_damaged_proof_counts_as_none(tmp_path: Path) -> None:
    remember_proof(tmp_path, "other", "proof of another plan")
    remember_proof(tmp_path, "key", "proof of this plan")
    assert str(known_proof(tmp_path, "key")).startswith("proof of this plan")
    for name in spoil_each(tmp_path / "key.json", (tmp_path / "other.json").read_bytes()):
        assert known_proof(tmp_path, "key") is None, name


@contextmanager
def as_another_user() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_another_user_s_cache_is_read_where_it_can_be_and_never_needed(caplog: pytest.LogCaptureFixture) -> None:
    base, plan = support.base(), support.plan()
    recipe = Recipe(epochs=1, batch_size=256, warmup_epochs=0.5)
    with tempfile.TemporaryDirectory() as name:
        theirs = Path(name) / "cache"
        expected = cached_scores("l2", base, plan, folder=theirs / "importance")
        Path(name).chmod(0o755)
        with as_another_user():
            assert torch.equal(cached_scores("l2", base, plan, folder=theirs / "importance")[0], expected[0])
            assert not caplog.text
            cached_scores("l1", base, plan, folder=theirs / "importance")
            assert not measure_sensitivity(inputs(), theirs / "sensitivity").cached
            remember_proof(theirs / "proofs", "key", "proof")
            trained = train_base(plan.spec, Digits(), recipe, seed=0, cache_dir=theirs)
        assert not trained.path.exists()
        assert caplog.text.count("cannot be used (Permission denied): going on without it") == 4
        again = train_base(plan.spec, Digits(), recipe, seed=0, cache_dir=theirs)
    ours, stored = trained.module.state_dict(), again.module.state_dict()
    assert all(torch.equal(ours[key], stored[key]) for key in stored)
    assert trained.accuracy_holdout == again.accuracy_holdout


@pytest.mark.slow
def test_a_search_whose_cache_is_a_file_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Recipe(epochs=1, batch_size=64, warmup_epochs=0.5)
    monkeypatch.setattr("search.setup.recipes.base_recipe", lambda *_, **__: quick)
    line = ("search", "--trials", "2", "--epochs", "1", "--criteria", "l2", "--no-mlflow")
    (tmp_path / "file").write_text("no folder")
    found = []
    for name in ("file", "folder"):
        (tmp_path / f"in-{name}").mkdir()
        done = run_alone(tmp_path / f"in-{name}", *line, ESPALIER_CACHE_DIR=str(tmp_path / name))
        assert done.code == 0
        records = [payloads_of(done.events, kind)[0] for kind in (BaseReady, Profiled, Winner)]
        events = [record.model_dump(mode="json") for record in records]
        found.append([{**event, "wall_s": None, "checkpoint": None} for event in events])
    assert found[0] == found[1]
    assert (tmp_path / "file").read_text() == "no folder"
