"""Run folders: one per run, found by id, prefix, path or `latest`."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from tests.synced import needs_names, note_syncs
from tests.tracking.samples import START
from tracking.errors import RunsFolderError, UnknownRunError
from tracking.runs import RunDir, RunDirs


@pytest.fixture
def runs(tmp_path: Path) -> RunDirs:
    return RunDirs(tmp_path / "deep" / "runs", clock=lambda: START)


def begun(runs: RunDirs, *labels: str) -> RunDir:
    run = runs.create(*labels)
    run.ledger.touch()
    return run


def test_an_id_sorts_by_time_and_reads_well(runs: RunDirs) -> None:
    assert runs.create("resnet18_quarter", "rules", "s0").run_id == "20261121-104233-resnet18_quarter-rules-s0"


@pytest.mark.parametrize(
    ("label", "part"),
    [
        ("torchvision:resnet50", "torchvision-resnet50"),
        ("my.module:make", "my.module-make"),
        ("../../etc/passwd", "etc-passwd"),
        ("claude x/y", "claude-x-y"),
        ("", "unnamed"),
        ("é…", "unnamed"),
        ("a" * 300, "a" * 48),
    ],
)
def test_a_label_is_never_a_path(runs: RunDirs, label: str, part: str) -> None:
    run = runs.create(label)
    assert run.run_id == f"20261121-104233-{part}"
    assert run.path.parent == runs.root


def test_runs_of_one_second_get_a_suffix(runs: RunDirs) -> None:
    ids = [runs.create("m").run_id for _ in range(3)]
    assert ids == ["20261121-104233-m", "20261121-104233-m-2", "20261121-104233-m-3"]


@needs_names
def test_every_name_on_the_way_to_a_run_is_durable(
    runs: RunDirs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut must not take the folder of a ledger whose events are acknowledged, nor one above it."""
    synced = note_syncs(monkeypatch)
    runs.create("m")
    assert synced[:3] == ["runs", "deep", tmp_path.name]
    synced.clear()
    runs.create("m")
    assert synced[:2] == ["runs", "deep"]


def test_threads_never_share_a_folder(runs: RunDirs) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: runs.create("m"), range(40)))
    assert len({run.path for run in made}) == 40
    assert (runs.root / "latest").resolve() in {run.path for run in made}
    assert not [path for path in runs.root.iterdir() if path.name.startswith(".")]


def test_latest_is_a_relative_link_to_the_newest(runs: RunDirs) -> None:
    begun(runs, "a")
    newest = begun(runs, "b")
    assert (runs.root / "latest").readlink() == Path(newest.run_id)
    assert runs.resolve("latest") == newest


@pytest.mark.parametrize("name", ["20261121-104233-b", "20261121-104233-b-rules", "latest"])
def test_a_run_goes_by_id_prefix_or_latest(runs: RunDirs, name: str) -> None:
    begun(runs, "a")
    run = begun(runs, "b", "rules")
    assert runs.resolve(name) == run


def test_a_run_goes_by_its_path(runs: RunDirs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(runs, "a")
    monkeypatch.chdir(runs.root.parent)
    assert runs.resolve(str(run.path)) == runs.resolve(f"runs/{run.run_id}") == runs.resolve("runs/latest") == run


def test_an_id_wins_over_a_longer_one_that_it_begins(runs: RunDirs) -> None:
    first, second = begun(runs, "a"), begun(runs, "a")
    assert runs.resolve(first.run_id) == first
    assert runs.resolve(second.run_id) == second


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("20261121", "2 run ids begin with it: 20261121-104233-alpha, 20261121-104233-beta"),
        ("20261121-104233-alpah", "did you mean 20261121-104233-alpha"),
        ("zzz", "the newest are"),
        ("", "the newest are"),
    ],
)
def test_an_unknown_run_is_reported_with_the_near_ones(runs: RunDirs, asked: str, message: str) -> None:
    begun(runs, "alpha")
    begun(runs, "beta")
    with pytest.raises(UnknownRunError, match=message):
        runs.resolve(asked)


@pytest.mark.parametrize("asked", ["latest", "20261121"])
def test_no_runs_yet(runs: RunDirs, asked: str) -> None:
    with pytest.raises(UnknownRunError, match="there are no runs yet"):
        runs.resolve(asked)


def test_a_latest_that_is_gone_is_reported(runs: RunDirs) -> None:
    begun(runs, "a")
    runs.create("b").path.rmdir()
    with pytest.raises(UnknownRunError, match="points to 20261121-104233-b, which does not exist"):
        runs.resolve("latest")


def test_a_folder_that_is_no_run_is_reported(runs: RunDirs, tmp_path: Path) -> None:
    with pytest.raises(UnknownRunError, match=r"contains no ledger\.jsonl"):
        runs.resolve(str(tmp_path))
    runs.create("a")
    with pytest.raises(UnknownRunError, match=r"contains no ledger\.jsonl"):
        runs.resolve("latest")
    assert runs.all() == ()


def test_a_file_in_the_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    for root in (tmp_path / "runs", tmp_path / "runs" / "deep"):
        with pytest.raises(RunsFolderError, match=r"cannot be kept in .*--runs"):
            RunDirs(root).create("a")


def test_a_folder_in_the_place_of_latest_is_reported(runs: RunDirs) -> None:
    (runs.root / "latest" / "x").mkdir(parents=True)
    with pytest.raises(RunsFolderError, match="latest"):
        runs.create("a")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_is_reported(runs: RunDirs, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(path: Path, *args: object, **kwargs: object) -> NoReturn:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunsFolderError, match=os.strerror(code)):
        runs.create("a")
