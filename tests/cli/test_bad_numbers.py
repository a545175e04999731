"""Numbers beyond what a machine has, and folders that cannot be written: one paragraph and exit code 2."""

from pathlib import Path

import pytest
import torch

from cli.main import main
from tests.trainers.pruned import pruned_checkpoint
from trainers.errors import TrainerError
from trainers.torchrun import main as torchrun


@pytest.fixture(autouse=True)
def _a_checkpoint_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pruned_checkpoint(tmp_path / "here")
    (tmp_path / "file").write_text("a file")


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million of them would end the test's own process without a word."""

    def start(count: int) -> None:
        assert count < 1000, f"{count} threads were to be started"

    monkeypatch.setattr(torch, "set_num_threads", start)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("latency --checkpoint here --threads 1000000", ("--threads '1000000'", "would work here")),
        ("latency --checkpoint here --threads 1,99999999999999999999", ("cannot be used", "would work here")),
        ("latency --checkpoint here --batch-size 1000000000000", ("1000000000000", "at most 1,048,576 would work")),
        (f"latency --checkpoint here --batch-size {'9' * 40}", ("at most 1,048,576 would work",)),
        ("profile --model resnet18 --num-classes 1000000000", ("--num-classes", "1000000")),
        ("profile --model resnet18 --input-size 1000000000", ("--input-size", "16384")),
        ("search --input-size 1000000000", ("input_size", "16384")),
        ("search --executor local --cpus-per-trial 1000000", ("1e+06", "CPU")),
        ("search --batch-size 1000000000000", ("batch_size", "1048576")),
        ("profile --plot file/below.png", ("--plot", "cannot be written")),
        ("profile --plot picture.nothing", ("--plot", "cannot be written")),
        ("finetune --checkpoint here --out file", ("--out 'file'", "cannot be written")),
        ("export --checkpoint here --out file/below", ("--out", "cannot be written")),
    ],
)
def test_it_is_refused(capsys: pytest.CaptureFixture[str], line: str, words: tuple[str, ...]) -> None:
    assert main(line.split()) == 2
    text = capsys.readouterr().err
    assert "Traceback" not in text
    assert "\n\n" not in text.strip()
    said = " ".join(text.replace("│", " ").split())
    for word in words:
        assert word in said
    assert not Path("runs").exists()


def test_torchrun_refuses_threads_as_the_verbs_do() -> None:
    with pytest.raises(TrainerError, match="1,000,000 threads"):
        torchrun(["--checkpoint", "here", "--dataset", "digits", "--out", "out", "--threads", "1000000"])
