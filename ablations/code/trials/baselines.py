"""The original and the null ablation, run once with each seed before anything is bought."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ablations.code.source.documents import Documents
from ablations.code.source.errors import CodeStudyError
from ablations.code.source.patches import Patch, apply_patch
from ablations.code.trials.at_once import Step, all_done
from ablations.code.trials.bench import Bench
from ablations.code.trials.records import RunRecord
from ablations.code.trials.rulings import GateSaid, null_said, reason_of
from ablations.floor.journal import Facts, Journal
from ablations.floor.study import PrepareContext

ORIGINAL, NULL = "original", "null"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was run with one seed.

    Attributes:
        original: Of the documents as they are.
        null: Of the same, patched by nothing, through the same machinery.
    """

    original: RunRecord
    null: RunRecord


def run_baselines(
    bench: Bench, seeds: Sequence[int], journal: Journal, context: PrepareContext, workers: int = 1
) -> None:
    """Run what the journal does not hold yet, and check that the script can be studied at all.

    Raises:
        CodeStudyError: With no seed does the script reproduce itself: nothing could be measured.
    """
    missing = [
        (variant, seed) for seed in seeds for variant in (ORIGINAL, NULL) if not _is_there(journal, variant, seed)
    ]
    if missing:
        context.say(f"running the original and the null ablation: {len(missing)} runs")
    all_done([_step(bench, *each, journal) for each in missing], workers, context.check)
    problems = {seed: baseline_problem(bench, journal.entries(), seed) for seed in seeds}
    if all(problems.values()):
        seed, problem = next(iter(problems.items()))
        trace = baseline_of(journal.entries(), seed).original.trace.strip()
        raise CodeStudyError(
            f"The script {bench.material.script} cannot be studied: with seed {seed}, {problem}. An ablation is "
            "compared with the script as it is, which has to report a figure by espalier_report.report, and the same "
            f"one each time that it runs with a seed.{f' The trace: {trace[-_SHOWN:]}' if trace else ''}"
        )


_SHOWN = 600


def usable_seed(bench: Bench, seeds: Sequence[int], prepared: Mapping[str, Facts]) -> int:
    """Return the first seed with which the script reproduces itself; `run_baselines` has found one."""
    return next(seed for seed in seeds if not baseline_problem(bench, prepared, seed))


def baseline_of(prepared: Mapping[str, Facts], seed: int) -> Baseline:
    """Return what the journal holds of a seed."""
    original, null = (RunRecord.model_validate(prepared[_key(variant, seed)]) for variant in (ORIGINAL, NULL))
    return Baseline(original, null)


def baseline_said(bench: Bench, prepared: Mapping[str, Facts], seed: int) -> tuple[GateSaid, ...]:
    """Return what the gates say of the original and the null ablation with a seed."""
    found = baseline_of(prepared, seed)
    return null_said(bench.material, found.original.facts, found.null.facts)


def baseline_problem(bench: Bench, prepared: Mapping[str, Facts], seed: int) -> str:
    """Return why nothing can be measured with a seed; empty if all is well."""
    return reason_of(baseline_said(bench, prepared, seed))


def _key(variant: str, seed: int) -> str:
    return f"{variant}/{seed}"


def _is_there(journal: Journal, variant: str, seed: int) -> bool:
    return journal.recall(_key(variant, seed)) is not None


def _step(bench: Bench, variant: str, seed: int, journal: Journal) -> Step:
    """The step that runs a variant with a seed, and writes it down."""

    def run(stopping: Callable[[], bool]) -> None:
        if not stopping():
            record = bench.run(_documents(bench, variant), seed)
            journal.record(_key(variant, seed), record.model_dump(mode="json"))

    return run


def _documents(bench: Bench, variant: str) -> Documents:
    documents = bench.material.documents
    return documents if variant == ORIGINAL else apply_patch(documents, Patch(component="", edits=(), rationale=""))
