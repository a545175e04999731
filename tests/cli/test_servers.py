"""A run folder from elsewhere cannot choose the machines that keys and logins go to."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from ablations.floor.running.folder import StudyFolder
from ablations.floor.running.opening import Request, open_ledger
from ablations.floor.running.place import Place
from cli.main import main
from search.errors import UntrustedServerError
from search.launching import reopen
from search.setup.config import RunConfig, make_config
from search.setup.servers import check_store, remember_servers, remember_store, servers
from tests.ablations.floor.toy import Toy, ToyOptions
from tests.tracking.samples import run_started
from tracking.clock import utc_now
from tracking.ledger import Ledger
from tracking.runs import RunDir, RunDirs
from tracking.study_payloads import StudyStarted

SERVER = "https://gateway.example/v1"
CONFIGS: tuple[dict[str, Any], ...] = (
    {"llm": "gpt-4", "llm_base_url": SERVER},
    {"llm": f"vllm:x@{SERVER}"},
    {"llm": f"ollama:x@{SERVER}"},
    {"ray_address": "10.1.2.3:6379"},
    {"mlflow": True, "tracking_uri": "https://mlflow.example"},
    {"mlflow": True, "tracking_uri": "postgresql://u@db.example/runs"},
)


def recorded(config: dict[str, Any], runs: Path = Path("runs")) -> RunDir:
    """A run folder whose ledger holds this configuration."""
    folder = RunDirs(runs).create("net", "rules", "s0")
    started = run_started(folder.run_id)
    with Ledger.create(folder.ledger) as ledger:
        ledger.record(started.model_copy(update={"config": {"trials": 2, "mlflow": False, **config}}))
    return folder


@pytest.fixture(autouse=True)
def nothing_is_connected_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("search.launching.prepare", reached)
    monkeypatch.setattr("search.launching.check_answers", lambda address: None)


class ReachedError(Exception):
    """The checks let the run pass."""


def reached(*_: object, **__: object) -> None:
    raise ReachedError


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_foreign_ledger_connects_to_nothing(config: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(config)
    (address,) = servers(make_config(config))
    assert main(["resume", str(folder.path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert repr(address) in said
    assert said.endswith(f"python launch.py resume {folder.path} --trust-server {address}")
    with pytest.raises(ReachedError):
        reopen(folder, trusted=(address,))
    with pytest.raises(ReachedError):
        reopen(folder)  # named once for this run, named for good


def test_one_s_own_run_goes_on_without_a_word_and_only_at_its_place(tmp_path: Path) -> None:
    config = {"llm": "gpt-4", "llm_base_url": SERVER}
    folder = recorded(config)
    remember_servers(folder.path, make_config(config))  # as `begin` does
    with pytest.raises(ReachedError):
        reopen(folder)
    copied = shutil.copytree(folder.path, tmp_path / "copied" / folder.run_id)
    with pytest.raises(UntrustedServerError):
        reopen(RunDir(copied))


def test_a_cluster_that_the_command_names_is_named() -> None:
    folder = recorded({"ray_address": "10.1.2.3:6379"})
    with pytest.raises(ReachedError):
        reopen(folder, elsewhere={"ray_address": "10.9.9.9:6379"})


def test_sync_asks_for_the_store_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    uri = "https://mlflow.example"
    folder = recorded({"mlflow": True, "tracking_uri": uri})
    monkeypatch.setattr("cli.sync.sync", reached)
    assert main(["sync", str(folder.path)]) == 2
    assert f"--trust-server {uri}" in " ".join(capsys.readouterr().err.split())
    for line in (["--trust-server", uri], ["--tracking-uri", uri]):
        assert main(["sync", str(folder.path), *line]) == 1  # it went as far as the sync that is replaced here
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://user:password@mlflow.example")
    check_store(folder, uri)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"llm": "gpt-4"},
        {"llm": "ollama:x@http://127.0.0.1:11434"},
        {"llm": "vllm:x", "llm_base_url": "http://[::1]:8000/v1"},
        {"llm": "scripted:there.json"},
        {"ray_address": "auto"},
        {"ray_address": "127.0.0.1:6379"},
        {"mlflow": True, "tracking_uri": "sqlite:////there/mlflow.db"},
        {"mlflow": True, "tracking_uri": "http://localhost:5000"},
    ],
    ids=str,
)
def test_this_machine_and_vendors_own_servers_need_no_word(config: dict[str, Any]) -> None:
    assert not list(servers(RunConfig.model_validate(config)))


def studied(folder: Path, uri: str) -> StudyFolder:
    """The folder of a study whose ledger names this store."""
    options = ToyOptions()
    with Ledger.create(folder / "ledger.jsonl") as ledger:
        ledger.record(
            StudyStarted(
                run_id="20260101-000000-toy-abcdef", study="toy", question=Toy.question, started_at=utc_now(),
                options=options.model_dump(mode="json"), mlflow=True, tracking_uri=uri, experiment="e",
            )
        )  # fmt: skip
    return StudyFolder(folder)


def test_a_study_from_elsewhere_chooses_no_store_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = "https://mlflow.example"
    folder = studied(tmp_path, uri)
    assert main(["sync", str(tmp_path)]) == 2
    assert f"--trust-server {uri}" in " ".join(capsys.readouterr().err.split())
    asked = Request(Toy(), ToyOptions(), folder, Place.model_validate({"executor": "local"}))
    with pytest.raises(UntrustedServerError, match=f"--tracking-uri {uri}"):
        open_ledger(asked)
    named = Place.model_validate({"executor": "local", "tracking_uri": uri})
    open_ledger(Request(Toy(), ToyOptions(), folder, named)).close()
    remember_store(tmp_path, uri)
    open_ledger(asked).close()
