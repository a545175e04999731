"""Scripts in the sandbox: the same facts as without, and no record is believed of a run that did not end by itself."""

from typing import cast

import pytest

from ablations.code.running.facts import Ended, RunFacts
from ablations.code.running.runner import FACTS, layout
from ablations.code.running.sandbox_runner import SandboxRunner
from ablations.code.source.documents import Documents
from ablations.code.source.errors import DocumentError, SandboxBrokeError
from sandbox.backends.bwrap import Bwrap
from sandbox.job import Job
from sandbox.limits import Limits
from sandbox.result import Outcome, Result
from sandbox.runner import Sandbox
from tests.ablations.code.subprocess_runner import SubprocessRunner
from tests.sandbox.conftest import needed

FORGED = RunFacts(ended=Ended.RETURNED).model_dump_json()
REPORTS = """import sys, random
from espalier_report import report
random.seed(int(sys.argv[2]))
report("half", 0.5)
"""
FORGES = f"import os\nopen({FACTS!r}, 'w').write({FORGED!r})\nos._exit(0)\n"
GOES_ON = REPORTS + "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"


@pytest.fixture(scope="module")
def box() -> Sandbox:
    return needed(Bwrap())


def documents(text: str) -> Documents:
    return Documents({"script.py": text})


def test_a_script_has_the_same_facts_in_the_sandbox(box: Sandbox) -> None:
    run = SandboxRunner(box).attempt(documents(REPORTS), "script.py", ("--seed", "3"))
    assert run.facts == SubprocessRunner().run(documents(REPORTS), "script.py", ("--seed", "3"))
    assert run.facts.seeds == ("random.seed(3)",)
    assert run.result.sandboxed


def test_libraries_can_be_imported(box: Sandbox) -> None:
    text = "import numpy\nfrom espalier_report import report\nreport('x', float(numpy.ones(3).sum()))\n"
    assert [report.value for report in SandboxRunner(box).run(documents(text), "script.py", ()).reports] == [3.0]


def test_a_record_that_the_script_wrote_before_it_vanished_is_not_believed(box: Sandbox) -> None:
    facts = SandboxRunner(box).run(documents(FORGES), "script.py", ())
    assert facts.ended is Ended.LOST
    assert facts.detail.startswith("no_verdict")


def test_nor_is_the_record_of_a_run_that_had_to_be_ended(box: Sandbox) -> None:
    runner = SandboxRunner(box, limits=Limits(wall_s=2))
    facts = runner.run(documents(GOES_ON), "script.py", ("--seed", "3"))
    assert (facts.ended, facts.reports) == (Ended.LOST, ())
    assert facts.detail.startswith("timed_out, at its limit wall_s")


class _Broken:
    def run(self, job: Job) -> Result:
        return Result(
            outcome=Outcome.INFRASTRUCTURE, detail="no namespaces", files={}, backend="bwrap", sandboxed=True
        )  # fmt: skip


def test_a_sandbox_that_breaks_says_nothing_about_a_script() -> None:
    with pytest.raises(SandboxBrokeError, match=r"bwrap could not run script\.py: no namespaces"):
        SandboxRunner(cast(Sandbox, _Broken())).run(documents(""), "script.py", ())


def test_no_document_may_stand_for_the_record() -> None:
    with pytest.raises(DocumentError, match=FACTS):
        layout(documents("").with_text(FACTS, FORGED), "script.py", ())
