"""Running scripts: what the harness learns of small ones, and of the examples."""

from importlib import resources
from pathlib import Path

import pytest

from ablations.code.gates.case import Case, Runs
from ablations.code.gates.registry import judge
from ablations.code.running.facts import Ended, RunFacts
from ablations.code.running.runner import FACTS, HARNESS, layout, read_facts
from ablations.code.source.documents import Documents
from tests.ablations.code.scripts import component
from tests.ablations.code.subprocess_runner import SubprocessRunner

SMALL = """import random
import sys
from espalier_report import report
from lib.util import twice

def unused():
    return 1

random.seed(int(sys.argv[2]))
report("twice", twice(4))
"""


def ran(text: str, *arguments: str, **others: str) -> RunFacts:
    documents = Documents(
        {"script.py": text, **{name.replace("__", "/") + ".py": body for name, body in others.items()}}
    )
    return SubprocessRunner(timeout_s=60).run(documents, "script.py", arguments)


def test_a_script_reports_and_its_lines_and_seeds_are_known() -> None:
    facts = ran(SMALL, "--seed", "7", lib__util="def twice(x):\n    return 2 * x\n", lib____init__="")
    assert facts.ended is Ended.RETURNED, facts
    assert [(report.name, report.value) for report in facts.reports] == [("twice", 8.0)]
    assert facts.seeds == ("random.seed(7)",)
    assert facts.executed["lib/util.py"] == (1, 2)
    assert 7 not in facts.executed["script.py"]
    assert {6, 9, 10} <= set(facts.executed["script.py"])


@pytest.mark.parametrize(
    ("text", "ended", "detail"),
    [
        ("raise ValueError('no')", Ended.RAISED, "ValueError: no"),
        ("raise SystemExit(3)", Ended.EXITED, "exit code 3"),
        ("raise SystemExit", Ended.EXITED, ""),
        ("import os; os._exit(0)", Ended.LOST, "exit code 0"),
        ("from espalier_report import report\nreport('x', float('nan'))", Ended.RAISED, "finite number"),
    ],
)
def test_how_a_run_ended_is_told(text: str, ended: Ended, detail: str) -> None:
    facts = ran(text)
    assert facts.ended is ended
    assert detail in facts.detail
    assert ("Traceback" in facts.trace) == (ended is Ended.RAISED)


CURVES = """from espalier_report import report
for epoch in range(1, 4):
    report("loss", 1 / epoch, step=epoch)
    report("rate", 0.5)
report("loss", 0.25)
report("accuracy", 0.75)
"""


def test_curves_and_figures_are_told_apart() -> None:
    facts = ran(CURVES)
    assert facts.figures == {"rate": 0.5, "loss": 0.25, "accuracy": 0.75}
    assert facts.curves["rate"] == ((1, 0.5), (2, 0.5), (3, 0.5))
    assert facts.curves["loss"] == ((1, 1.0), (2, 0.5), (3, 1 / 3))
    assert ran(CURVES.partition('report("rate')[0]).figures == {"loss": 1 / 3}, "nothing is told without a step"


def test_a_step_is_a_whole_number() -> None:
    assert "whole number as step" in ran("from espalier_report import report\nreport('x', 1, step=0.5)").detail


def test_a_run_that_hangs_is_ended() -> None:
    facts = SubprocessRunner(timeout_s=0.5).run(Documents({"script.py": "while True: pass"}), "script.py", ())
    assert (facts.ended, facts.detail) == (Ended.LOST, "ended after 0.5 s")


def test_a_record_that_cannot_be_read_is_no_run() -> None:
    assert read_facts(b"{}", "").ended is Ended.LOST
    assert read_facts(b"\xff", "").ended is Ended.LOST


def test_a_layout_has_all_documents_and_the_harness() -> None:
    made = layout(Documents({"a/b.py": "x = 1"}), "a/b.py", ("--seed", "1"))
    assert made.files["a/b.py"] == "x = 1"
    assert made.arguments == (HARNESS, FACTS, "a/b.py", "--seed", "1")
    compile(made.files[HARNESS], HARNESS, "exec")


def example(script: str) -> Documents:
    text = resources.files("ablations.code.examples").joinpath(script).read_text(encoding="utf-8")
    return Documents({script: text})


@pytest.mark.slow
def test_a_layer_of_the_convolutional_example_is_proved_gone_by_real_runs() -> None:
    documents, runner = example("cnn.py"), SubprocessRunner()
    part = component("cnn:Net.__init__.conv2", documents)
    line = "nn.Conv2d(channels, channels, 3, padding=1)"
    ablated = documents.with_text("cnn.py", documents.texts["cnn.py"].replace(line, "nn.Identity()"))
    original, null, without = (
        runner.run(each, "cnn.py", ("--seed", "1", "--epochs", "1")) for each in (documents, documents, ablated)
    )
    assert original.ended is Ended.RETURNED, original
    # 1 → 8 channels of 3×3, a norm of 8, 8 → 8 channels of 3×3, and 8 × 2 × 2 → 10, each with biases.
    assert original.parameters == 80 + 16 + 584 + 330
    assert without.parameters == 80 + 16 + 330
    assert (original.trained, original.evaluated, original.shared) == (1347, 450, 0)
    assert original.steps == 22  # ⌈1347 / 64⌉
    assert judge(Case(part, documents, ablated, Runs(original, null, without))).reason == ""
    assert "no difference" in judge(Case(part, documents, ablated, Runs(original, null, original))).reason


@pytest.mark.slow
def test_held_out_rows_that_train_the_tabular_example_are_counted() -> None:
    documents, runner = example("tabular.py"), SubprocessRunner()
    leaked = documents.with_text(
        "tabular.py",
        documents.texts["tabular.py"].replace("train(train_rows, train_labels)", "train(rows, labels)"),
    )
    clean, dirty = (runner.run(each, "tabular.py", ("--seed", "1")) for each in (documents, leaked))
    assert clean.columns == 8
    assert (clean.trained, clean.evaluated, clean.shared) == (398, 171, 0)  # of 569, 30 % held out
    assert (dirty.trained, dirty.shared) == (569, 171)
    assert clean.steps == 2  # the scaler and the model


def test_the_examples_say_their_figure_without_espalier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ablations.code.examples.espalier_report import report

    report("accuracy", 0.9312)
    assert capsys.readouterr().out == "accuracy = 0.9312\n"
    report("loss", 0.5, step=3)
    assert capsys.readouterr().out == "loss = 0.5 (step 3)\n"
    with pytest.raises(ValueError, match="finite"):
        report("accuracy", float("inf"))
