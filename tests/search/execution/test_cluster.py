"""A cluster that does not answer, and the private session's settings."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import ray
from ray._private import services

from ground.rooms import HOME
from search.errors import ResourceError
from search.execution.cluster import prepare_environment, ray_session
from search.execution.finding import job_that_finds_our_rooms
from search.setup.resources import Needs, this_machine
from trainers.workers import Workers


def test_a_cluster_that_does_not_answer_is_told_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*, address: str, **_: object) -> None:
        raise ConnectionError(f"Failed to connect to Ray cluster at {address}")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", unreachable)
    with pytest.raises(ResourceError, match=r"no cluster answers at --ray-address 10\.0\.0\.1:6379"):
        ray_session("10.0.0.1:6379", Needs(2, 1, 0, Workers(2, 2), False)).__enter__()


def test_a_session_that_does_not_start_is_one_paragraph_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*, address: str, _temp_dir: str, **_: object) -> None:
        assert address == "local", "RAY_ADDRESS leads it nowhere else"
        Path(_temp_dir).mkdir(mode=0o777)
        assert Path(_temp_dir).parent.stat().st_mode & 0o777 == 0o700
        raise RuntimeError("The current node timed out during startup.")

    monkeypatch.setattr("search.execution.scratch.scratch_root", lambda: tmp_path)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with pytest.raises(ResourceError, match=r"timed out during startup.*--executor local"):
        ray_session(None, Needs(1, 1, 0, Workers(1, 1), False)).__enter__()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", [None, "10.0.0.1:6379"])
def test_inside_another_session_it_is_that_one(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    """As a study has one for all of its runs."""
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    for name in ("init", "shutdown"):
        monkeypatch.setattr(ray, name, lambda *_, **__: pytest.fail("it is another one's"))
    entered = []
    with ray_session(address, Needs(1, 1, 0, Workers(1, 1), False)):
        entered.append(address)
    assert entered == [address]


@pytest.mark.parametrize("failures", [1, 3, None])
def test_a_start_that_failed_is_tried_again_and_leaves_no_process(
    failures: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On a busy machine: Ray then raises a bare Exception. None: each time, until there is no time left."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*, _temp_dir: str, **_: object) -> None:
        if failures is None or len(started) < failures:
            line = [sys.executable, "-c", "import signal; signal.pause()", f"--session={_temp_dir}/logs"]
            started.append(subprocess.Popen(line))
            raise Exception("The current node timed out during startup.")  # noqa: TRY002  as Ray does

    monkeypatch.setattr("search.execution.scratch.scratch_root", lambda: tmp_path)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", start)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr("search.execution.nodes.cluster_now", this_machine)
    opened = ray_session(None, Needs(1, 1, 0, Workers(1, 1), False))
    if failures is None:
        monkeypatch.setattr("search.execution.cluster._START_S", 0.0)
        with pytest.raises(ResourceError, match=r"tried 1 times \(.*timed out during startup.*--executor local"):
            opened.__enter__()
    else:
        with opened:
            pass
        assert caplog.text.count("starting it again") == 1
    assert len(started) == failures or failures is None
    assert not any(psutil.pid_exists(process.pid) for process in started)
    assert list(tmp_path.iterdir()) == []


def test_processes_of_a_private_session_get_no_secret_of_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ray starts its processes by this class, some with an environment of their own and some with ours."""
    told: list[str] = []
    script = "import os; print(*[os.environ.get(name) for name in ('MY_OWN_SECRET', 'ESPALIER_CACHE_DIR')])"

    def start(**_: object) -> None:
        for environment in (None, dict(os.environ)):
            process = services.ConsolePopen([sys.executable, "-c", script], env=environment, stdout=-1)
            told.append(process.communicate()[0].decode().strip())

    for name in ("MY_OWN_SECRET", "ESPALIER_CACHE_DIR"):
        monkeypatch.setenv(name, "told")
    monkeypatch.setattr("search.execution.scratch.scratch_root", lambda: tmp_path)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", start)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 1.0}}])
    before = services.ConsolePopen
    with ray_session(None, Needs(1, 1, 0, Workers(1, 1), False)):
        assert told == ["None told"] * 2
    assert services.ConsolePopen is before


def test_a_private_session_asks_for_a_token_and_a_setting_of_the_user_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "restored after the test")
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_DEDUP_LOGS", "1")
    prepare_environment(local=True)
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    assert os.environ["RAY_DEDUP_LOGS"] == "1"


def test_a_users_folder_stays_importable_behind_our_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ray's processes insert each entry at the front. The whole job runs beside namesakes too, see `launch_once`."""

    def inserted_by_ray() -> list[str]:
        job = job_that_finds_our_rooms()
        job._py_driver_sys_path.append(str(tmp_path))
        job._serialize()
        return list(reversed(job._get_proto_job_config().py_driver_sys_path))

    monkeypatch.setattr(sys, "path", [str(HOME)])
    assert inserted_by_ray() == [str(tmp_path)], "as ever where nobody has a name of ours"
    (tmp_path / "search.py").touch()
    assert inserted_by_ray() == [str(HOME), str(tmp_path)]
