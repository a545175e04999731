"""The doctor finds what is wrong before a search does, and says what to do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cli.checks
import cli.doctor
from cli.checks import Check, State, check_disk, check_machine, check_mlflow, check_ray, check_sandbox, worst
from cli.doctor import Limits, check_llm
from cli.main import main
from llm_clients.kinds import AnswerMode
from llm_clients.scripted.script import FaultName, Script
from llm_clients.scripted.server import ScriptedServer
from sandbox.backends.base import Availability
from sandbox.backends.bwrap import Bwrap
from sandbox.runner import Sandbox
from tests.llm_clients.support import failing
from tests.tracking.samples import written_run
from tracking.runs import RunDirs

CANARY = "sk-canary-0123456789abcdef"
NUMBER = {"number": 2}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting Ray takes seconds, and has its own test."""
    monkeypatch.setattr(cli.doctor, "check_ray", lambda address: Check("Ray", State.OK, "not looked at"))


def asked(script: Script, environment: dict[str, str] | None = None, name: str = "vllm:tiny") -> Check:
    with ScriptedServer(script) as server:
        return check_llm(name, f"{server.url}/v1", Path("runs"), environment or {})


def test_a_model_that_can_be_used() -> None:
    check = asked(Script(model="scripted-x", answers=(NUMBER,)))
    assert check.state is State.OK
    assert "scripted-x answered" in check.found
    assert "structure by native" in check.found


def test_how_structure_has_to_be_asked_for() -> None:
    check = asked(Script(answers=(NUMBER,), structured=frozenset({AnswerMode.PROMPT}), takes_temperature=False))
    assert "structure by prompt; takes no temperature" in check.found


@pytest.mark.parametrize(
    ("fault", "found", "advice"),
    [
        (FaultName.UNAUTHORISED, "unauthorised: Incorrect API key", "the key is wrong"),
        (FaultName.UNKNOWN_MODEL, "Names that would work: scripted", "name one of the models"),
        (FaultName.NO_CREDIT, "Insufficient credits", "add credit"),
        (FaultName.DIE, "unreachable", "check that the server is up"),
    ],
)
def test_what_is_wrong_and_what_to_do(fault: FaultName, found: str, advice: str) -> None:
    check = asked(failing(fault))
    assert check.state is State.FAILED
    assert found in check.found
    assert advice in check.advice


def test_a_model_that_talks_nonsense_is_not_ready() -> None:
    check = asked(Script(answers=("blah",)))
    assert (check.state, check.found[:8]) == (State.FAILED, "invalid:")


def test_a_model_that_thinks_for_long_is_given_the_time_and_the_tokens_of_a_search() -> None:
    slow = Script(answers=(NUMBER,), latency_s=0.3)
    with ScriptedServer(slow) as server:
        place: tuple[str, str, Path, dict[str, str]] = ("vllm:tiny", f"{server.url}/v1", Path("runs"), {})
        assert check_llm(*place).state is State.OK
        given_up = check_llm(*place, limits=Limits(timeout_s=0.1))
        assert given_up.state is State.FAILED
        assert "--llm-timeout" in given_up.advice
    # prompt and the 4,000 tokens that a search asks for do not fit
    tight = asked(Script(answers=(NUMBER,), context=40))
    assert "4,000 tokens of answer do not fit" in tight.found


@pytest.mark.parametrize(
    ("fault", "found", "advice"),
    [
        (FaultName.NOT_FOUND, "wrong_address", "--llm-base-url"),
        (FaultName.REGION, "forbidden", "from another place"),
        (FaultName.DAILY_QUOTA, "out_of_quota", "credit"),
        (FaultName.THOUGHT_CUT, "truncated", "--llm-max-tokens"),
    ],
)
def test_what_the_field_brings_and_what_to_do(fault: FaultName, found: str, advice: str) -> None:
    check = asked(failing(fault))
    assert (check.state, check.found.partition(":")[0]) == (State.FAILED, found)
    assert advice in check.advice


def test_a_missing_key_names_its_variable() -> None:
    check = check_llm("claude-sonnet-4-5", None, Path("runs"), {})
    assert (check.state, check.advice) == (State.FAILED, "export ANTHROPIC_API_KEY=…")


def test_no_key_and_no_password_is_shown() -> None:
    check = asked(Script(answers=(1,), key="another"), {"OPENAI_API_KEY": CANARY}, "gpt-canary")
    assert check.state is State.FAILED
    assert CANARY not in str(check)
    assert "hunter2" not in str(check_llm("vllm:x@http://me:hunter2hunter2@127.0.0.1:1/v1", None, Path("runs"), {}))


def test_a_recorded_run_and_one_that_is_not_there(tmp_path: Path) -> None:
    run = written_run(tmp_path / "runs", llm="claude-x")
    check = check_llm(f"replay:{run.run_id}", None, tmp_path / "runs", {})
    assert check.state is State.FAILED
    assert "recorded call 1 cannot be read" in check.found, "the sample's one call is not a real one"
    assert check_llm("replay:none", None, tmp_path / "runs", {}).state is State.FAILED


def test_a_store_that_is_there_one_that_will_be_and_one_that_cannot_be(tmp_path: Path) -> None:
    assert "the first run makes it" in check_mlflow(f"sqlite:///{tmp_path}/mlflow.db").found
    (tmp_path / "broken.db").write_text("this is no database")
    broken = check_mlflow(f"sqlite:///{tmp_path}/broken.db")
    assert broken.state is State.FAILED
    assert "--no-mlflow" in broken.advice
    assert check_mlflow("ftp://x/y").state is State.FAILED


def test_the_machine_is_described(tmp_path: Path) -> None:
    checks = {check.name: check for check in (*check_machine(), *check_disk(tmp_path / "not" / "yet"))}
    assert "cores" in checks["processor"].found
    assert str(tmp_path) in checks["disk for runs"].found


def test_a_sandbox_that_is_there_and_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = Availability(True, "bubblewrap 0.8.0")
    monkeypatch.setattr(cli.checks, "surveyed", lambda: {"bwrap": about})
    monkeypatch.setattr(cli.checks, "open_sandbox", lambda: Sandbox(Bwrap()))
    assert check_sandbox() == Check("sandbox", State.OK, "bubblewrap 0.8.0; its self-check passed")
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    check = check_sandbox()
    assert check.state is State.WARNING, "a search needs none"
    assert "bubblewrap is not installed" in check.found
    assert "apt-get install bubblewrap" in check.advice


def test_the_worst_counts() -> None:
    assert worst([]) is State.OK
    assert worst([Check("a", State.FAILED, ""), Check("b", State.WARNING, "")]) is State.FAILED


@pytest.mark.slow
def test_ray_is_started_and_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.checks, "RAY_ANSWERS_S", 600.0)  # a user's minute is short for a core with other work
    check = check_ray(None)
    assert check.state is State.OK, check
    assert "a task ran in a private session" in check.found


@pytest.mark.usefixtures("no_ray")
class TestCommand:
    @pytest.fixture
    def server(self) -> Iterator[ScriptedServer]:
        with ScriptedServer(Script(answers=(NUMBER,))) as server:
            yield server

    def test_all_is_well(self, server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
        code = main(["doctor", "--llm", f"vllm:tiny@{server.url}/v1", "--json"])
        found = json.loads(capsys.readouterr().out)
        assert (code, found["state"]) in ((0, "ok"), (0, "warning")), found
        assert {"name", "state", "found", "advice"} == set(found["checks"][0])

    def test_one_of_several_models_fails(self, server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
        line = ["doctor", "--llm", f"vllm:tiny@{server.url}/v1", "--llm", "gpt-4", "--json"]
        assert main(line) == 2
        states = {check["name"]: check["state"] for check in json.loads(capsys.readouterr().out)["checks"]}
        assert states["LLM gpt-4"] == "failed"
        assert states[f"LLM vllm:tiny@{server.url}/v1"] == "ok"

    def test_the_table_is_for_people(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "--llm", "gpt-4"]) == 2
        shown = capsys.readouterr().out
        for word in ("processor", "MLflow", "failed", "OPENAI_API_KEY", "Not ready."):
            assert word in shown

    def test_keys_are_named_and_never_shown(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
        main(["doctor"])
        shown: Any = capsys.readouterr().out
        assert "ANTHROPIC_API_KEY" in shown
        assert CANARY not in shown


def test_runs_of_the_doctor_leave_nothing(no_ray: None, tmp_path: Path) -> None:
    main(["doctor", "--json"])
    assert list(tmp_path.iterdir()) == []
    assert RunDirs(tmp_path / "runs").all() == ()
