"""Every mistake a user can make is one paragraph and exit code 2, with nothing left behind."""

from pathlib import Path

import pytest

from cli.main import main
from tests.tracking.samples import run_started
from tracking.ledger import Ledger
from tracking.runs import RunDirs


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The error's text, after checking that it is one paragraph with code 2 and that no run was begun."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    text = captured.err.strip()
    assert "Traceback" not in text + captured.out
    assert "\n\n" not in text
    assert not list(Path.cwd().glob("runs/2*"))
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--model resnet18_quartr", ("'resnet18_quartr'", "resnet18_quarter")),
        ("--target-macs 2.06", ("2,060,000,000", "2,658,432", "Ask for less")),
        ("--target-macs 100%", ("nothing would be cut",)),
        ("--target-macs 0.1%", ("cannot be reached", "12,262", "2,658,432")),
        ("--target-macs lots", ("'lots'", "10%")),
        ("--band=1%,-1%", ("is empty",)),
        ("--band=-0.001%,+0.001% --round-to 4", ("is empty", "--round-to")),
        ("--dataset digit", ("'digit'", "digits")),
        ("--dataset imagenet --base train", ("imagenet", "data path")),
        ("--dataset imagenet --base train --data-path nowhere", ("nowhere",)),
        ("--dataset digits --data-path .", ("built in",)),
        ("--llm claude-sonnet-4-5", ("ANTHROPIC_API_KEY",)),
        ("--llm gpt-4", ("OPENAI_API_KEY",)),
        ("--llm scripted:none.json", ("none.json", "rehearsal-faults")),
        (
            "--llm scripted:strategist",
            ("benchmarks.search.vit", "6 keep ratios", "9 isomorphic", "scripted:any"),
        ),
        ("--llm vllm:x@http://example.invalid/v1 --max-cost 1", ("--max-cost 1", "is not known", "--max-tokens-total")),
        ("--llm vllm:x@http://127.0.0.1:1/v1 --max-cost 0", ("max_cost", "'0'", "greater than 0")),
        ("--llm vllm:x@http://127.0.0.1:1/v1 --max-tokens-total some", ("max_tokens_total", "'some'")),
        ("--llm vllm:x@http://127.0.0.1:1/v1 --prices none.json", ("none.json",)),
        ("--llm vllm:x@http://me:hunter2hunter2@127.0.0.1:1/v1", ("holds a password", "VLLM_API_KEY", "redacted")),
        ("--llm gpt-4 --llm-base-url http://me:hunter2hunter2@127.0.0.1:1/v1", ("holds a password",)),
        ("--llm vllm:x@http://127.0.0.1:1/v1?api_key=hunter2", ("holds a password or a key", "redacted")),
        ("--llm vllm:x@http://127.0.0.1:1/v1?x=hunter2", ("a query", "VLLM_API_KEY")),
        ("--llm gpt-4 --llm-base-url https://h/v1?api-key=hunter2", ("--llm-base-url", "holds a password or a key")),
        ("--llm gpt-4 --llm-base-url https://h/v1#hunter2", ("--llm-base-url", "a query or a fragment")),
        ("--tracking-uri http://127.0.0.1:5000?token=hunter2", ("--tracking-uri", "holds a password")),
        ("--llm ollama:x --llm-base-url ftp://127.0.0.1", ("ftp://127.0.0.1", "is no address of a server")),
        ("--llm ollama:x --llm-timeout 0", ("llm_timeout", "greater than 0")),
        ("--llm replay:none", ("'none'", "no runs")),
        ("--workers 999", ("--workers 999", "--workers")),
        ("--finetune-workers 999", ("--finetune-workers 999",)),
        ("--gpus-per-trial 99", ("GPU",)),
        ("--proposer ruls", ("'ruls'", "rules")),
        ("--criteria l3", ("'l3'", "l2")),
        ("--base nowhere.pth", ("nowhere.pth",)),
        ("--output logits", ("one tensor", "--output logits")),
        ("--model tests.trainers.structured:twins", ("features [2, 8, 16, 16]", "fine [2, 10]", "--output")),
        ("--model tests.trainers.structured:twins --output fin", ("'fin'", "coarse [2, 10]")),
        ("--config nowhere.yaml", ("nowhere.yaml",)),
        ("--llm gpt-4 --proposer rules", ("contradict",)),
        ("--tracking-uri ftp://x/y", ("ftp",)),
        ("--trials many", ("many",)),
        ("--no-such-option", ("--no-such-option",)),
        ("profile --model resnet18_quartr", ("resnet18_quarter",)),
        ("evaluate --checkpoint nowhere", ("nowhere",)),
        ("ablate llm --llms ,", ("--llms is empty",)),
        ("ablate llm --llms gpt-4", ("OPENAI_API_KEY",)),
        ("ablate llm --llms gpt-4 --no-mlflow", ("--no-mlflow",)),
        ("ablate llm --llms scripted:none.json", ("none.json",)),
        ("ablate llm --llms gpt-4 --arms llm", ("needs a model",)),
        ("ablate llm --llms gpt-4 --seeds 0", ("--seeds", "greater than or equal to 1")),
        ("ablate llms", ("llms",)),
        ("resume nothing", ("nothing", "no runs")),
        ("compare", ("mlflow.db",)),
    ],
)
def test_it_is_refused(capsys: pytest.CaptureFixture[str], line: str, words: tuple[str, ...]) -> None:
    text = refused(capsys, *line.split())
    for word in words:
        assert word in text


def test_an_empty_data_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in refused(capsys, *["--dataset", "imagenet", "--base", "train", "--data-path", "empty"])


def test_a_runs_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("I am a file.")
    assert "runs" in refused(capsys, "--runs", "runs")


def test_a_half_written_ledger_and_its_repair(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = RunDirs(tmp_path / "kept").create("m", "rules", "s0")
    Ledger.create(folder.ledger).close()
    folder.ledger.write_text('{"seq": 1, "time"')
    text = refused(capsys, "resume", "latest", "--runs", "kept")
    assert "--repair" in text
    assert main(["resume", "latest", "--runs", "kept", "--repair"]) == 2
    captured = capsys.readouterr()
    assert "were cut" in captured.out
    assert "no event yet" in captured.err


def test_a_run_without_an_llm_cannot_be_replayed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = RunDirs(tmp_path / "kept").create("tiny", "rules", "s0")
    with Ledger.create(folder.ledger) as ledger:
        ledger.record(run_started(folder.run_id))
    text = refused(capsys, "--llm", "replay:latest", "--runs", "kept")
    assert f"{folder.run_id} holds no call of an LLM" in text


def test_a_key_is_never_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-canary-1234567890")
    text = refused(capsys, *["--llm", "gpt-4"])
    assert "canary" not in text


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", "resnet18_quartr", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "words"),
    [("sk-hunter2hunter2\n", "a line break"), ("\u201csk-hunter2hunter2\u201d", "a typographic quote")],
)
def test_what_cannot_be_a_key_is_refused_before_anything_is_sent(
    key: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    text = refused(capsys, "search", "--no-mlflow", "--llm", "gpt-4")
    assert "OPENAI_API_KEY" in text
    assert words in text
    assert "hunter2" not in text


def test_a_key_over_plain_http_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hunter2hunter2")
    text = refused(capsys, "search", "--no-mlflow", "--llm", "gpt-4", "--llm-base-url", "http://gpu-box:8000/v1")
    assert "OPENAI_API_KEY" in text
    assert "--llm-plain-http" in text
