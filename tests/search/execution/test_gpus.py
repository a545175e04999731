"""Ray gives out GPUs that a machine does not have: where trials and fine-tune workers land, on nodes that join late."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.cluster import CONNECTION
from tests.cli.launched import ROOT

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Landed:
    """What a program on a cluster said, and where its actors and workers were."""

    said: str
    trials: list[Mapping[str, Any]]
    workers: list[Mapping[str, Any]]
    base: list[Mapping[str, Any]]
    verb: list[Mapping[str, Any]]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    """A search and a fine-tune on a head without GPUs, which a node with eight joins; see `gpu_cluster.py`."""
    folder = tmp_path_factory.mktemp("landed")
    # Ray gives out no GPU that this variable hides: a user may have set it, and Ray sets it in a process that trained.
    visible = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    with tempfile.TemporaryDirectory(prefix="esp-", ignore_cleanup_errors=True) as scratch:
        (Path(scratch) / "ray").mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "tests.search.execution.gpu_cluster", str(folder), "0"],
            cwd=ROOT,
            env={**visible, **{name: os.environ[name] for name in CONNECTION}, "RAY_TMPDIR": scratch},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in (folder / "landed.jsonl").read_text().splitlines()]
    kinds = ("trial", "tuned", "base", "verb")
    return Landed(done.stdout, *([each for each in told if each["kind"] == kind] for kind in kinds))


def test_the_node_was_waited_for_in_words(landed: Landed) -> None:
    assert "waiting for 2 workers and 2 workers: 4 CPUs, 0 GPUs so far" in landed.said


def test_trials_share_gpus_of_the_node_that_has_them(landed: Landed) -> None:
    assert len(landed.trials) == 2
    assert len({each["pid"] for each in landed.trials}) == 2
    assert {each["node_gpus"] for each in landed.trials} == {8.0}
    assert len({each["given"][0] for each in landed.trials}) == 1, "two halves are one GPU"
    assert all(each["sees"] == each["given"][0] for each in landed.trials)
    assert "best True" in landed.said


def test_the_base_is_trained_on_a_gpu_and_kept_by_the_driver(landed: Landed) -> None:
    assert [(each["node_gpus"], len(each["given"])) for each in landed.base] == [(8.0, 1)]
    assert "base trained: [1, 2], kept True" in landed.said


def test_two_fine_tunes_run_side_by_side_with_a_gpu_each(landed: Landed) -> None:
    """Each waits for the other one before it begins; there is room for four, for the node has four CPUs."""
    assert len(landed.workers) == 2
    assert {each["node_gpus"] for each in landed.workers} == {8.0}
    assert len({each["given"][0] for each in landed.workers}) == 2
    assert "room for 4, trained [('first', 1), ('second', 1)], the same bits True" in landed.said


def test_those_of_the_verb_have_too_without_a_word(landed: Landed) -> None:
    assert len(landed.verb) == 2
    assert {each["node_gpus"] for each in landed.verb} == {8.0}
    assert len({each["given"][0] for each in landed.verb}) == 2
    assert "training on 2 workers, each with a GPU" in landed.said
    assert "the verb ends with 0" in landed.said


def test_a_gpu_that_torch_cannot_use_is_refused_in_words(landed: Landed) -> None:
    """As it is here: they exist for Ray alone."""
    assert "refused: this process was given GPU 0 of those that it sees, and torch" in landed.said
    assert "computed on" not in landed.said


def test_a_folder_that_the_node_does_not_see_is_refused_in_words(landed: Landed) -> None:
    assert "not shared: /proc/self/cwd/own is not shared: the node 127.0.0.1 (" in landed.said
    refusal = " ".join(landed.said.rpartition("the verb ends with 2")[0].split())
    assert "/proc/self/cwd/own is not shared: the node 127.0.0.1 (" in refusal.rpartition("trained by 2")[2]
