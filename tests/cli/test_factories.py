"""A factory that only a data file names is never imported or called: every verb that opens such a file asks first."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cli.main import main
from pruning.checkpoint import ARCHITECTURE, _document_hash, load_pruned, save_pruned
from pruning.errors import UntrustedFactoryError
from pruning.models import ModelSpec, create_model
from pruning.planning import build_plan
from pruning.slicing import slice_model
from search.launching import reopen
from search.setup.config import load_config
from search.setup.factories import remember_factory
from search.setup.memory import Named, is_remembered
from tests.tracking.samples import llm_call, run_started
from tracking.ledger import Ledger
from tracking.runs import RunDir, RunDirs
from trainers.job import FinetuneJob, check_job, run_job
from trainers.place import Place
from trainers.recipe import Recipe
from trainers.torchrun import main as torchrun

BESIDE = "beside_the_checkpoint_4711"
OWN = "tests.trainers.structured:twins"
FACTORIES = (f"{BESIDE}:net", "http.server:test", "os:abort")
VERBS = ("evaluate --checkpoint", "export --checkpoint", "latency --checkpoint", "profile --checkpoint",
         "profile --model", "finetune --checkpoint")  # fmt: skip


@pytest.fixture(autouse=True)
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was called or imported although it must not be; the user stands in the folder that was downloaded."""
    names: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("os.abort", lambda: names.append("os:abort"))
    monkeypatch.setattr("http.server.test", lambda: names.append("http.server:test"))
    (tmp_path / f"{BESIDE}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef net(): pass\n")
    yield names
    sys.modules.pop(BESIDE, None)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A checkpoint of the user's own factory."""
    spec = ModelSpec(OWN, 10, (1, 32, 32), "fine")
    base = create_model(spec)
    plan = build_plan(base, spec, verify=False)
    whole = tuple(tuple(range(group.units)) for group in plan.groups)
    return save_pruned(slice_model(base, plan, whole), plan, whole, tmp_path / "own")


def foreign(own: Path, name: str) -> Path:
    """The same checkpoint, whole in itself, with another name in it."""
    folder = Path("foreign")
    shutil.copytree(own, folder)
    document = json.loads((folder / ARCHITECTURE).read_text())
    document["spec"]["name"] = name
    document["sha256"] = _document_hash(document)
    (folder / ARCHITECTURE).write_text(json.dumps(document))
    return folder


def refused(capsys: pytest.CaptureFixture[str], line: str) -> str:
    assert main(line.split()) == 2, line
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    assert "\n\n" not in captured.err.strip()
    return " ".join(captured.err.split())


@pytest.mark.parametrize("name", FACTORIES)
def test_no_verb_calls_what_a_checkpoint_names(
    own: Path, name: str, called: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = foreign(own, name)
    for verb in VERBS:
        line = f"{verb} {folder}"
        said = refused(capsys, line)
        assert repr(name) in said
        assert said.endswith(f"python launch.py {line} --trust-factory {name}"), "the full command that would work"
        assert "--trust-factory" in refused(capsys, f"{line} --trust-factory {name}2"), "another does not count"
    assert not called
    assert BESIDE not in sys.modules
    assert not Path("ran").exists()


def test_one_that_the_user_names_is_called(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = "--batch-size 1 --repeats 5"
    for line in (
        f"profile --checkpoint {own} --trust-factory {OWN}",
        f"profile --model {own} --trust-factory other:one --trust-factory {OWN}",
        f"latency --checkpoint {own} {size} --trust-factory {OWN}",
        f"latency --checkpoint {own} {size} --model {OWN}",
        f"evaluate --checkpoint {own} --trust-factory {OWN}",
        f"export --checkpoint {own} --format espalier --out out --trust-factory {OWN}",
    ):
        assert main(line.split()) == 0, capsys.readouterr().err
    assert load_pruned("out", trusted=(OWN,)).spec.name == OWN
    with pytest.raises(UntrustedFactoryError):
        load_pruned("out")


def test_workers_and_torchrun_have_the_permission_from_their_job_alone(own: Path, tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, batch_size=512, warmup_epochs=0.5)
    job = FinetuneJob(checkpoint_dir=own, dataset="digits", recipe=recipe, seed=0, out_dir=tmp_path / "out")
    job.out_dir.mkdir()
    for refuse in (check_job, lambda job: run_job(job, Place(torch.device("cpu")))):
        with pytest.raises(UntrustedFactoryError):
            refuse(job)
    passed_on = FinetuneJob.model_validate_json(job.model_copy(update={"trusted": (OWN,)}).model_dump_json())
    assert run_job(passed_on, Place(torch.device("cpu"))).completed
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    line = ["--checkpoint", str(own), "--dataset", "digits", "--recipe", "recipe.json", "--out", "alone"]
    with pytest.raises(UntrustedFactoryError):
        torchrun(line)
    torchrun([*line, "--trust-factory", OWN])
    assert load_pruned("alone/model", trusted=(OWN,)).spec.name == OWN


def recorded(name: str, runs: Path, dataset: str = "digits") -> RunDir:
    """A run folder whose ledger names this model and this dataset."""
    folder = RunDirs(runs).create("net", "llm", "s0")
    started = run_started(folder.run_id, proposer="llm", llm="claude-x")
    with Ledger.create(folder.ledger) as ledger:
        config = {"model": name, "dataset": dataset, "trials": 2, "mlflow": False, "output": "fine"}
        ledger.record(started.model_copy(update={"config": config}))
        ledger.record(llm_call(0))
    return folder


@pytest.mark.parametrize("name", FACTORIES)
def test_a_foreign_ledger_calls_nothing(name: str, called: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(name, Path("foreign"))
    said = refused(capsys, f"resume {folder.path}")
    assert said.endswith(f"python launch.py resume {folder.path} --trust-factory {name}")
    said = refused(capsys, f"search --llm replay:{folder.path}")
    assert said.endswith(f"python launch.py search --llm replay:{folder.path} --model {name}")
    assert repr(name) in said
    assert not called
    assert not Path("ran").exists()


def test_a_foreign_ledger_names_no_dataset_that_is_called(tmp_path: Path, called: list[str]) -> None:
    folder = recorded("resnet18", tmp_path / "runs", dataset=f"{BESIDE}:net")
    with pytest.raises(UntrustedFactoryError, match="as its dataset"):
        reopen(folder)
    with pytest.raises(UntrustedFactoryError, match="as its dataset"):
        load_config(None, {"llm": f"replay:{folder.path}", "model": "resnet18"})
    assert called == []
    assert not (tmp_path / "ran").exists()


def test_one_s_own_run_goes_on_without_a_word_and_only_at_its_place(tmp_path: Path) -> None:
    folder = recorded(OWN, Path("runs"))
    with pytest.raises(UntrustedFactoryError):
        reopen(folder)
    remember_factory(folder.path, OWN)  # as `begin` does
    reopen(folder).close()
    assert load_config(None, {"llm": f"replay:{folder.path}"}).model == OWN
    elsewhere = shutil.copytree(folder.path, tmp_path / "copied" / folder.run_id)
    with pytest.raises(UntrustedFactoryError):
        reopen(RunDir(elsewhere))
    reopen(RunDir(elsewhere), trusted=(OWN,)).close()
    reopen(RunDir(elsewhere)).close()  # named once for this run, named for good


def test_a_memory_that_others_could_have_written_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path / "cache"))
    remember_factory(tmp_path, OWN)
    assert is_remembered(tmp_path, Named.FACTORY, OWN)
    assert not is_remembered(tmp_path, Named.FACTORY, "os:abort")
    assert not is_remembered(tmp_path, Named.SERVER, OWN)
    (memory,) = (tmp_path / "cache" / "named").iterdir()
    memory.chmod(0o666)
    assert not is_remembered(tmp_path, Named.FACTORY, OWN)
    memory.chmod(0o600)
    stranger = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: stranger)
    assert not is_remembered(tmp_path, Named.FACTORY, OWN)


def test_a_registered_name_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path / "cache"))
    remember_factory(tmp_path, "resnet18")
    assert not (tmp_path / "cache").exists()
