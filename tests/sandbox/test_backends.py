"""Every backend keeps the contract, or says why it cannot be had here."""

import os
import textwrap
from pathlib import Path

import pytest

from sandbox.backends import bwrap, docker
from sandbox.backends.base import Backend
from sandbox.backends.docker import Docker
from sandbox.job import Job, script
from sandbox.limits import Limits
from sandbox.runner import Sandbox
from tests.sandbox.conftest import needed
from tests.sandbox.contract import MANY, BackendContract


class TestBwrap(BackendContract):
    @pytest.fixture(scope="class")
    def contract_box(self, box: Sandbox) -> Sandbox:
        return box


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root has only this kind, and the class above tests it")
class TestBwrapOfOneUser(BackendContract):
    @pytest.fixture(scope="class")
    def contract_box(self, one_user_box: Sandbox) -> Sandbox:
        return one_user_box


class TestDocker(BackendContract):
    @pytest.fixture(scope="class")
    def contract_box(self) -> Sandbox:
        return needed(Docker())


class TestNoIsolation(BackendContract):
    @pytest.fixture(scope="class")
    def contract_box(self, open_box: Sandbox) -> Sandbox:
        return open_box

    def test_nothing_stays(self, open_box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        result = open_box.run(script("import os\nprint(os.getcwd())\nos.mkdir('x')\nopen('x/y', 'w')", limits=MANY))
        assert result.passed
        assert result.stdout.startswith(str(tmp_path))
        assert list(tmp_path.iterdir()) == []

    def test_a_grandchild_does_not_outlive_its_run(self, open_box: Sandbox) -> None:
        code = """
        import os, signal
        read_fd, write_fd = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(write_fd, str(os.getpid()).encode())
                signal.pause()
            os._exit(0)
        os.wait()
        print(os.read(read_fd, 20).decode())
        """
        result = open_box.run(script(textwrap.dedent(code), limits=MANY))
        assert result.passed, result
        with pytest.raises(ProcessLookupError):
            os.kill(int(result.stdout), 0)


def option(command: list[str], name: str) -> list[str]:
    """The words behind each use of an option."""
    return [command[place + 1] for place, word in enumerate(command) if word == name]


def test_root_keeps_three_capabilities_and_others_get_a_namespace_of_users() -> None:
    job = script("pass")
    as_root, as_user = (bwrap.command(job, privileged=privileged) for privileged in (True, False))
    assert option(as_root, "--cap-add") == ["CAP_SETUID", "CAP_SETGID", "CAP_KILL"]
    assert "--unshare-user" not in as_root
    assert option(as_user, "--cap-add") == []
    assert "--unshare-user" in as_user
    for command in (as_root, as_user):
        assert option(command, "--cap-drop") == ["ALL"]
        assert {"--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--new-session"} < set(command)
        assert option(command, "--remount-ro") == ["/dev", "/"]
        assert not {"--bind", "--share-net", "--setenv"} & set(command)


def test_folders_on_the_way_to_what_may_be_read_are_open_and_made_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    job = Job(files={"solution.py": ""}, readable=(tmp_path / "a", tmp_path / "b", Path("/usr/lib")))
    command = bwrap.command(job, privileged=True)
    made = option(command, "--dir")
    assert str(tmp_path) in made
    assert len(made) == len(set(made))
    assert command.index(str(tmp_path)) < command.index(str(tmp_path / "a"))
    assert option(command, "--ro-bind").count("/usr/lib") == 0, "/usr is there as a whole"


def test_what_docker_is_told(tmp_path: Path) -> None:
    job = Job(files={"solution.py": ""}, readable=(tmp_path,), gpu=True, limits=Limits(processes=7, disk_bytes=1000))
    command = docker.command(job, "espalier-x", "an-image")
    for name, value in {
        "--network": "none",
        "--cap-drop": "ALL",
        "--security-opt": "no-new-privileges",
        "--pids-limit": "11",
        "--pull": "never",
        "--name": "espalier-x",
        "--gpus": "all",
        "--log-driver": "none",
    }.items():
        assert option(command, name) == [value]
    assert "--read-only" in command
    assert option(command, "--memory") == option(command, "--memory-swap")
    assert f"type=bind,source={tmp_path},target={tmp_path},readonly" in option(command, "--mount")
    assert all(mount.endswith(",readonly") for mount in option(command, "--mount"))
    assert option(command, "--tmpfs")[0].endswith("size=1000")
    assert command[command.index("an-image") + 1 :][:4] == ["-s", "-P", "-S", "-B"]


@pytest.mark.parametrize(
    ("daemon", "image", "found", "advice"),
    [
        ("echo 'Cannot connect to the daemon' >&2; exit 1", "", "Cannot connect to the daemon", "start it"),
        ("echo 28.1", "exit 1", "no image some-image", "docker pull some-image"),
        ("echo 28.1", "echo sha256:1", "docker 28.1, image some-image", ""),
    ],
)
def test_what_docker_lacks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, daemon: str, image: str, found: str, advice: str
) -> None:
    command = tmp_path / "docker"
    command.write_text(f'#!/bin/sh\nif [ "$1" = info ]; then {daemon}; else {image or ":"}; fi\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    about = Docker("some-image").availability()
    assert found in about.found
    assert about.advice == advice
    assert about.usable == (not advice)


@pytest.mark.parametrize("backend", [bwrap.Bwrap(), Docker()], ids=lambda backend: backend.name)
def test_a_command_that_is_not_there_is_said(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    about = backend.availability()
    assert not about.usable
    assert "is not installed" in about.found
    assert "install" in about.advice


def test_a_bubblewrap_that_is_too_old_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho 'bubblewrap 0.4.1 --perms'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    about = bwrap.Bwrap().availability()
    assert not about.usable
    assert "has no --size, --as-pid-1, --remount-ro" in about.found


def test_docker_gets_the_variables_that_it_needs_and_no_secret() -> None:
    environment = {"PATH": "/bin", "HOME": "/h", "DOCKER_HOST": "tcp://h", "OPENAI_API_KEY": "sk-canary"}
    box = Docker("i")
    with box.started(script("pass"), environment) as start:
        assert start.environment == {"PATH": "/bin", "HOME": "/h", "DOCKER_HOST": "tcp://h"}
    with bwrap.Bwrap().started(script("pass"), environment) as start:
        assert start.environment == {"PYTHONHASHSEED": "0"}
