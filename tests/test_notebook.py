"""The notebook of the heads study runs, on the embedded model and in small."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.heads import embedded
from ablations.heads.corpus import standard_library

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "heads.ipynb"
SMALL = "--iterations 2 --max-prompts 2 --num-tokens 12 --pruning-levels 0,50 --pruning-method entropy --temperatures 1"


def code_cells() -> list[tuple[list[str], str]]:
    """The tags and the source of each code cell."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [(cell["metadata"]["tags"], "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]


def test_it_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if "outputs" in cell)
    assert len({cell["id"] for cell in cells}) == len(cells)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds the embedded model, trained for 30 steps in place of two minutes.

    What the notebook shows depends on the shape of the model and on its text, which are the real ones; training itself
    is tested with the heads study.
    """
    train = embedded._train
    monkeypatch.setattr(embedded, "_train", lambda corpus, design: train(corpus, replace(design, steps=30)))
    embedded.embedded_model(standard_library(), tmp_path / "cache")
    return tmp_path / "cache"


def weights_in(cache: Path) -> dict[Path, int]:
    """The embedded models of a cache, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in cache.rglob("model.safetensors")}


@pytest.mark.slow
def test_it_runs_from_its_first_cell_to_its_last(tmp_path: Path, cache: Path) -> None:
    held = weights_in(cache)
    assert len(held) == 1
    parameters = {
        "CHECKOUT": str(ROOT), "OUTPUT": "study", "MODEL": "embedded", "DEVICE": "cpu", "OPTIONS": SMALL.split(),
    }  # fmt: skip
    given = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    sources = [
        f"{source}\n{given}" if "parameters" in tags else source
        for tags, source in code_cells()
        if "install" not in tags
    ]
    (tmp_path / "notebook.py").write_text("\n\n".join(sources), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "notebook.py"],
        cwd=tmp_path,
        env={**os.environ, "ESPALIER_CACHE_DIR": str(cache), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "5. What types of quality metrics benefit most" in done.stdout
    assert "-> inconclusive" in done.stdout or "-> worse" in done.stdout or "-> better" in done.stdout
    assert (tmp_path / "study" / "report.html").is_file()
    assert weights_in(cache) == held, "it used the model of the cache, and trained none"
