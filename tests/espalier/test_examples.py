"""The worked examples of docs/library.md, each in a fresh process, and the examples in the docstrings."""

import doctest
import os
import re
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = re.findall(r"^## (.+?)\n.*?^```python\n(.*?)^```$", (ROOT / "docs/library.md").read_text(), re.M | re.S)
PRINTED = {
    "Your own loop": r"reachable down to .* -> [\d,]+ MACs",
    "A detector": r"[\d,]+ -> [\d,]+ MACs",
    "A criterion of your own": r"of 16 channels, the largest scales",
    "A search by your own score": r"IoU 0\.\d+ -> 0\.\d+ at .*report\.html",
}


def test_there_are_four() -> None:
    assert [title for title, _ in EXAMPLES] == list(PRINTED)


@pytest.mark.slow
@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_a_worked_example_runs_in_a_fresh_process(title: str, code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(PRINTED[title], done.stdout, re.S), done.stdout


@pytest.mark.parametrize("name", ["espalier", "espalier.planning", "espalier.cutting", "espalier.saving"])
def test_the_docstrings_run(name: str) -> None:
    tried = doctest.testmod(import_module(name), raise_on_error=False)
    assert tried.attempted
    assert tried.failed == 0


@pytest.mark.parametrize("path", sorted((ROOT / "espalier").glob("*.py")), ids=lambda path: path.name)
def test_an_example_stands_where_the_page_shows_it_as_code(path: Path) -> None:
    """Outside its own section Markdown takes each `>>>` for a quotation, and runs the lines together."""
    lines = path.read_text(encoding="utf-8").splitlines()
    begun = [above for above, line in pairwise(lines) if line.lstrip().startswith(">>>")]
    assert "" not in begun
    assert begun.count("Examples:") + begun.count("    Examples:") == sum(line.strip() == "Examples:" for line in lines)
