"""The runs that the benchmark needs: each script once, several at a time, each in a sandbox of its own."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from ablations.code.gates.case import Runs
from ablations.code.running.facts import RunFacts
from ablations.code.running.runner import ScriptRunner
from ablations.code.source.documents import Documents
from benchmarks.gates.scripts import original

_ARGUMENTS = {"tabular.py": ("--seed", "1")}
_OTHERWISE = ("--seed", "1", "--epochs", "1")


class PooledRuns:
    """Runs scripts that are known beforehand.

    Args:
        runner: Any number of threads may use it.
        workers: How many run at once.
    """

    def __init__(self, runner: ScriptRunner, workers: int) -> None:
        self._runner, self._workers = runner, workers
        self._known: dict[tuple[str, str], RunFacts] = {}
        self._null: dict[str, RunFacts] = {}

    def make(self, wanted: Iterable[tuple[str, str]], progress: Callable[[int, int], None]) -> None:
        """Run scripts, given by name and text, and for each name the original twice."""
        scripts = dict.fromkeys(wanted)
        names = list(dict.fromkeys(script for script, _ in scripts))
        originals = [(script, original(script).texts[script]) for script in names]
        with ThreadPoolExecutor(self._workers, thread_name_prefix="gates") as threads:
            nulls = {script: threads.submit(self._run, script, text) for script, text in originals}
            runs: dict[tuple[str, str], Future[RunFacts]] = {
                key: threads.submit(self._run, *key) for key in dict.fromkeys([*originals, *scripts])
            }
            for number, (key, run) in enumerate(runs.items(), start=1):
                self._known[key] = run.result()
                progress(number, len(runs))
            self._null |= {script: run.result() for script, run in nulls.items()}

    def of(self, script: str, text: str) -> Runs:
        """Return the runs that judge an ablated script."""
        return Runs(self._known[script, original(script).texts[script]], self._null[script], self._known[script, text])

    def _run(self, script: str, text: str) -> RunFacts:
        return self._runner.run(Documents({script: text}), script, _ARGUMENTS.get(script, _OTHERWISE))
