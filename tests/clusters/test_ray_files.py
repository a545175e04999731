"""cluster.yaml and clusters/onprem.yaml: Ray accepts them, no node is open, nothing of a user's travels."""

import fnmatch
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.clusters.files import AWS, ONPREM, ROOT, rays_schema, read

FILES = pytest.mark.parametrize("file", [AWS, ONPREM], ids=lambda path: path.name)
PARTS = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")


def _starts(cluster: dict[str, Any]) -> dict[str, str]:
    found = {}
    for part in ("head_start_ray_commands", "worker_start_ray_commands"):
        (found[part],) = (command for command in cluster[part] if "ray start" in command)
    return found


@FILES
def test_it_satisfies_rays_schema(file: Path) -> None:
    jsonschema.validate(read(file), rays_schema())


@FILES
def test_ray_can_prepare_it_as_ray_up_does(file: Path) -> None:
    """Ray checks its completed form, and leaves out its defaults where a local cluster names a node type."""
    ready = prepare_config(read(file))
    validate_config(ready)
    assert ready["head_node_type"] in ready["available_node_types"]


@FILES
def test_ray_is_never_started_open_to_the_network(file: Path) -> None:
    starts = _starts(read(file))
    assert all("RAY_AUTH_MODE=token ray start" in command for command in starts.values())
    assert "--dashboard-host=127.0.0.1" in starts["head_start_ray_commands"]
    assert "~/.ray/auth_token" in read(file)["file_mounts"]


def test_mlflow_listens_on_loopback_only() -> None:
    script = (ROOT / "clusters" / "mlflow.sh").read_text(encoding="utf-8")
    assert script.count("--host ") == 1
    assert "--host 127.0.0.1 " in script


@FILES
def test_nothing_that_git_ignores_travels(file: Path) -> None:
    """Runs, data, environments and databases stay where they are."""
    patterns = [pattern.strip("/") for pattern in read(file)["rsync_exclude"]]
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    beside = {"*.py[cod]", "*.egg-info", ".setup-stamp"}  # small, or in a folder that stays; benchmarks have their own
    travels = [
        name
        for name in {*ignored, "runs", "data"} - beside
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]
    assert sorted(travels) == ["benchmark-search"]


@FILES
def test_the_patterns_of_folders_spare_what_comes_back(file: Path) -> None:
    """The same patterns hold for `ray rsync-down`: a run's own folders must not be left out of it."""
    anywhere = {pattern.strip("/") for pattern in read(file)["rsync_exclude"] if not pattern.startswith("/")}
    assert anywhere.isdisjoint({"runs", "data", "build", "dist", "model", "finetune", "pruned"})


@FILES
def test_the_scripts_that_it_calls_are_there(file: Path) -> None:
    cluster = read(file)
    commands = [command for part in PARTS for command in cluster.get(part, ())]
    called = [command.split()[1] for command in commands if command.startswith("bash ")]
    assert called
    for script in called:
        assert (ROOT / script.removeprefix("~/espalier/")).is_file(), script
    assert cluster["file_mounts"]["~/espalier"] == "."


@pytest.mark.parametrize("script", ["node.sh", "mlflow.sh"])
def test_the_scripts_are_shell(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / "clusters" / script)], check=True)


def _set_up(tmp_path: Path, *arguments: str, shared: Path) -> subprocess.CompletedProcess[str]:
    """Run a copy of node.sh whose environment is there already, so that nothing is downloaded."""
    checkout = tmp_path / "espalier"
    (checkout / "clusters").mkdir(parents=True)
    (checkout / "clusters" / "node.sh").write_text((ROOT / "clusters" / "node.sh").read_text(encoding="utf-8"))
    (checkout / "launch.py").touch()
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/bin/true")
    (checkout / "Makefile").write_text("setup:\n\t@echo installing; test ! -e broken || (echo no space left; exit 1)\n")
    if "broken" in arguments:
        (checkout / "broken").touch()
    return subprocess.run(
        ["bash", str(checkout / "clusters" / "node.sh"), *(each for each in arguments if each != "broken")],
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(tmp_path), "ESPALIER_SHARED": str(shared)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_node_is_set_up_for_login_shells(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    done = _set_up(tmp_path, shared=shared)
    assert done.returncode == 0, done.stdout
    profile = (tmp_path / ".espalier-profile").read_text(encoding="utf-8")
    assert f"export PATH={tmp_path}/espalier/.venv/bin:$PATH\n" in profile
    assert "export RAY_AUTH_MODE=token\n" in profile
    assert (tmp_path / "launch.py").exists()
    for file in (".profile", ".bashrc"):
        assert ".espalier-profile" in (tmp_path / file).read_text(encoding="utf-8")


def test_a_failed_step_ends_the_set_up_with_its_words_here_and_on_the_shared_folder(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    failed = _set_up(tmp_path, "broken", shared=shared)
    assert failed.returncode != 0
    (log,) = (shared / "setup").iterdir()
    for words in (failed.stdout, log.read_text(encoding="utf-8")):
        assert "no space left" in words
        assert "failed (exit code 2) at line" in words
        assert "is set up" not in words
    assert not (tmp_path / ".espalier-profile").exists()


def test_a_node_without_the_shared_folder_is_refused(tmp_path: Path) -> None:
    refused = _set_up(tmp_path, shared=tmp_path / "nowhere")
    assert refused.returncode != 0
    assert "nowhere is no folder that" in refused.stdout
    assert "installing" not in refused.stdout


def test_the_placeholder_of_the_file_system_is_refused(tmp_path: Path) -> None:
    (command,) = read(AWS)["setup_commands"]
    refused = _set_up(tmp_path, command.split()[2], shared=tmp_path)
    assert refused.returncode != 0
    assert "is a placeholder" in refused.stdout
