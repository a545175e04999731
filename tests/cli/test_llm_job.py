"""The whole job with an LLM, from the command line: undisturbed, under faults with a key, and replayed without."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.main import main
from llm_clients.scripted.script import FaultName, RandomFaults, Script, Step
from llm_clients.scripted.server import ScriptedServer
from search.execution.local import LocalExecutor
from search.outcome.summary import read_summary
from tests.cli.alone import search_alone
from tests.cli.launched import ROOT, Launched, launch
from tests.search.rehearsed import play
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.mirror.mlflow_store import connect
from tracking.payloads import LlmCall, Proposed, TrialEnded, Winner
from tracking.runs import RunDirs

pytestmark = pytest.mark.slow

TINY = ("--trials", "4", "--epochs", "2", "--finetune-workers", "1", "--llm-per-call", "1")
CANARY = "sk-proj-canary0123456789abcdefCANARY"
# The part that no vendor's own masking leaves visible.
TRACE = "canary0123456789abcdef"
LOGIN = f"me:{TRACE}@127.0.0.1:9"
NAMES = """
ANTHROPIC_API_KEY OPENROUTER_API_KEY VLLM_API_KEY GEMINI_API_KEY MISTRAL_API_KEY NVIDIA_API_KEY
AZURE_OPENAI_API_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN
AZURE_CLIENT_SECRET GOOGLE_APPLICATION_CREDENTIALS GCP_SERVICE_ACCOUNT MLFLOW_TRACKING_PASSWORD
MLFLOW_TRACKING_TOKEN DATABRICKS_TOKEN HF_TOKEN HUGGING_FACE_HUB_TOKEN WANDB_API_KEY PGPASSWORD MYSQL_PWD
GITHUB_TOKEN RAY_REDIS_PASSWORD PYTORCH_HUB_TOKEN MY_OWN_SECRET WITHOUT_A_TELLING_NAME
"""
SECRETS = dict.fromkeys(NAMES.split(), TRACE) | {
    "DATABASE_URL": f"postgresql://{LOGIN}/db",
    "http_proxy": f"http://{LOGIN}",
    "HTTPS_PROXY": f"http://{LOGIN}",
}
"""What a user's environment may hold besides. Nothing of it is used here, and the proxy reaches nothing."""
SEARCHED_AT = ("trial   1", "winner: trial", "fine-tune: epoch")
"""Lines of the output at which trial actors run, the session is up, or workers fine-tune."""
ANSWERS = tuple(
    {"strategies": [strategy]}
    for answer in json.loads((ROOT / "docs" / "rehearsal.json").read_text())["answers"]
    for strategy in answer["strategies"]
)


@dataclass(frozen=True)
class Chain:
    """Three runs of the same search in one folder, and what was observed of the second while it ran.

    Attributes:
        clean: without faults; it ends with the search.
        faulty: with faults, to its end.
        replayed: with the second's answers; it ends with the search.
        totals: the counts of the second run's server.
        ray_files: how many files of Ray's own logs were searched for the key.
        processes: the names of the processes that were searched.
        open: folders of the session that others may enter.
        leaks: the files and processes that have the key, or another secret.
        left: what the session left behind.
    """

    clean: Launched
    faulty: Launched
    replayed: Launched
    totals: dict[str, Any]
    ray_files: int
    processes: set[str]
    open: list[str]
    leaks: list[str]
    left: list[str]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    folder = tmp_path_factory.mktemp("llm")
    script = folder / "script.json"
    script.write_text(Script(model="scripted-strategist", answers=ANSWERS).model_dump_json())
    clean = search_alone(folder, *TINY, "--runs", "clean", "--llm", f"scripted:{script}", "--no-mlflow")
    scratch = Path(tempfile.mkdtemp(prefix="esp-"))  # short, because Ray's sockets lie below it
    watch = Watch(scratch)
    try:
        with ScriptedServer(_faulty_script()) as server:
            asked = ("--workers", "1", "--llm", "gpt-canary", "--llm-base-url", f"{server.url}/v1")
            variables = {**SECRETS, "OPENAI_API_KEY": CANARY, "TMPDIR": str(scratch)}
            faulty = launch(
                folder, *TINY, "--workers", "1", "--runs", "runs", *asked, interrupt_at=watch, variables=variables
            )
            totals = server.totals()
        left = [str(path) for path in scratch.glob("espalier-*")]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    assert faulty.code == 0, faulty.output
    name = faulty.run.run_id
    replay = ("--llm", f"replay:{folder / 'runs' / name}", "--finetune-workers", "1")
    # After the search no model is asked.
    replayed = search_alone(folder, "--runs", "again", *replay, "--no-mlflow")
    return Chain(
        _at(clean, "clean"),
        faulty,
        _at(replayed, "again"),
        totals,
        watch.files,
        watch.processes,
        watch.open,
        watch.leaks,
        left,
    )


class Watch:
    """Searches Ray's files and processes while its session is up; never interrupts."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.files = 0
        self.processes: set[str] = set()
        self.open: list[str] = []
        self.leaks: list[str] = []

    def __call__(self, line: str) -> bool:
        if any(words in line for words in SEARCHED_AT):
            found = [path for path in self.scratch.rglob("*") if path.is_file()]
            self.files = max(self.files, len(found))
            self.processes |= set(map(_name, _descendants()))
            self.open += [str(path) for path in self.scratch.iterdir() if path.is_dir() and path.stat().st_mode & 0o77]
            self.leaks += [str(path) for path in found if _holds_key(path)]
            self.leaks += [name for name in map(_with_key, _descendants()) if name]
        return False


def _faulty_script() -> Script:
    """Three kinds of fault for certain, then 30 % by chance; no key but the canary is accepted."""
    first = (FaultName.SERVER_ERROR, FaultName.HTML, FaultName.WRONG_SCHEMA)
    return Script(
        model="scripted-strategist",
        answers=ANSWERS,
        calls=tuple(Step(fault=fault) for fault in first),
        random_faults=RandomFaults(probability=0.3, seed=3),
        key=CANARY,
    )


def _at(run: Launched, runs: str) -> Launched:
    """The same command, seen from a folder where `Launched` finds its runs."""
    folder = run.folder / f"view-{runs}"
    folder.mkdir()
    (folder / "runs").symlink_to(run.folder / runs, target_is_directory=True)
    return Launched(run.code, run.output, folder)


def _holds_key(path: Path) -> bool:
    try:
        return TRACE.encode() in path.read_bytes()
    except OSError:
        return False  # a socket, or deleted meanwhile


def _descendants() -> list[psutil.Process]:
    """All processes below the launched one, which is the only one that may have the key."""
    return [below for child in psutil.Process().children() for below in child.children(recursive=True)]


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _with_key(process: psutil.Process) -> str:
    try:
        held = [*process.environ().values(), *process.cmdline()]
    except psutil.Error:
        return ""
    return f"process {process.name()}" if any(TRACE in value for value in held) else ""


def _proposals(run: Launched) -> list[dict[str, Any]]:
    """What was proposed, without the proposer, in which alone the runs may differ."""
    return [record.model_dump(exclude={"proposer"}) for record in payloads_of(run.events, Proposed)]


def _won(run: Launched) -> dict[str, Any]:
    return payloads_of(run.events, Winner)[-1].model_dump()


class TestUnderFaults:
    def test_the_winner_is_that_of_an_undisturbed_run(self, chain: Chain) -> None:
        assert sum(chain.totals["faults"].values()) >= 3
        assert _proposals(chain.faulty) == _proposals(chain.clean)
        assert _won(chain.faulty) == _won(chain.clean)
        assert chain.faulty.ends == chain.clean.ends

    def test_no_result_is_lost_and_no_token_uncounted(self, chain: Chain) -> None:
        assert sorted(record.trial for record in payloads_of(chain.faulty.events, TrialEnded)) == [0, 1, 2, 3]
        use = chain.faulty.summary.llm_use
        assert use is not None
        counted = (use.input_tokens, use.output_tokens)
        assert counted == (chain.totals["input_tokens"], chain.totals["output_tokens"])
        assert use.quality is not None
        assert use.quality["schema_errors"] >= 1
        calls = payloads_of(chain.faulty.events, LlmCall)
        assert sum(call.attempts for call in calls) == chain.totals["requests"]

    def test_scripted_answers_are_labelled_and_the_second_run_reads_the_cached_base(self, chain: Chain) -> None:
        for run in (chain.clean, chain.faulty):
            assert all(call.scripted for call in payloads_of(run.events, LlmCall))
        assert "base model from the cache" in chain.faulty.output
        proposers = {record.proposer for record in payloads_of(chain.faulty.events, Proposed)}
        assert proposers == {"start", "llm:gpt-canary"}

    def test_each_call_is_a_trace_in_mlflow(self, chain: Chain) -> None:
        store = connect(f"sqlite:///{chain.faulty.folder / 'mlflow.db'}", create=False)
        ids = [experiment.experiment_id for experiment in store.client.search_experiments()]
        found = store.client.search_traces(locations=ids)
        calls = payloads_of(chain.faulty.events, LlmCall)
        assert {trace.info.tags["espalier.call"] for trace in found} == {str(call.call) for call in calls}
        assert sum(trace.info.token_usage["total_tokens"] for trace in found) == (
            chain.totals["input_tokens"] + chain.totals["output_tokens"]
        )


class TestCanary:
    def test_the_key_was_used(self, chain: Chain) -> None:
        """The server accepts no other."""
        assert chain.totals["answers"] >= 3

    def test_no_file_and_no_output_holds_it(self, chain: Chain) -> None:
        files = [path for path in chain.faulty.folder.rglob("*") if path.is_file()]
        names = {path.name for path in files}
        assert {"mlflow.db", "ledger.jsonl", "report.html", "summary.json"} <= names
        assert [str(path) for path in files if _holds_key(path)] == []
        assert TRACE not in chain.faulty.output

    def test_neither_do_ray_s_logs_nor_its_processes(self, chain: Chain) -> None:
        assert len(SECRETS) >= 20
        assert chain.ray_files > 10
        assert {"gcs_server", "raylet"} <= chain.processes
        assert any(name.startswith("ray::") for name in chain.processes)
        assert chain.leaks == []

    def test_the_session_s_folder_is_closed_to_others_and_gone_at_the_end(self, chain: Chain) -> None:
        assert chain.open == []
        assert chain.left == []


class TestReplayed:
    """Without a key, and without the server: it is closed by then."""

    def test_the_same_proposals_and_the_same_winner(self, chain: Chain) -> None:
        assert _proposals(chain.replayed) == _proposals(chain.faulty)
        assert _won(chain.replayed) == _won(chain.faulty)
        first = [call.text for call in payloads_of(chain.faulty.events, LlmCall)]
        assert [call.text for call in payloads_of(chain.replayed.events, LlmCall)] == first

    def test_it_took_over_the_run_s_own_settings(self, chain: Chain) -> None:
        assert chain.replayed.summary.trials.proposed == 4
        assert chain.replayed.summary.llm == f"replay:{chain.faulty.run.path}"

    def test_one_that_does_not_fit_fails_and_says_so(
        self, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """In this process and without Ray: only the run's end matters, not its trials."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(LocalExecutor, "run_trials", lambda _, session, __: play(session))
        line = ["--llm", f"replay:{chain.faulty.run.path}", "--llm-per-call", "2", "--no-mlflow", "--executor", "local"]
        assert main(line) == 2
        text = " ".join(capsys.readouterr().err.split())
        assert "the prompt is now" in text
        assert "Traceback" not in text
        assert f"go on with: python launch.py resume {RunDirs(tmp_path / 'runs').resolve('latest').run_id}" in text
        summary = read_summary(RunDirs(tmp_path / "runs").resolve("latest").summary)
        assert summary.status is RunStatus.FAILED
        assert "the prompt is now" in (summary.error or "")
