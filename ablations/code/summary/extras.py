"""All that a code study tells beyond what all studies tell, made from what it holds and from nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablations.code.summary.analysis import analysis_of, analysis_section
from ablations.code.summary.attempts import attempts_of
from ablations.code.summary.attempts_table import attempts_table
from ablations.code.summary.coverage import executed_in, lines_of, tested
from ablations.code.summary.coverage_tables import coverage_section, coverage_tables
from ablations.code.summary.effects import effects_of, effects_table
from ablations.code.summary.gate_tables import gate_tables, judged
from ablations.code.summary.outline import Outline
from ablations.code.summary.records import records_of
from ablations.floor.report import Extras
from ablations.floor.results import Results


def extras_of(outline: Outline, results: Results, artifacts: Path, prepared: Mapping[str, Mapping[str, Any]]) -> Extras:
    """Return tables, plots and sections.

    Args:
        outline: What the study is about.
        results: Of all conditions.
        artifacts: Contains the folder of each condition, with `facts.json` and `gates.json`.
        prepared: The entries of the study's journal.
    """
    records, attempts = records_of(results, artifacts), attempts_of(prepared)
    effects, executed = effects_of(outline, results), executed_in(outline, records)
    lines, analysis = lines_of(outline, executed), analysis_of(prepared)
    components = tested(outline, results, attempts, executed)

    def draw(folder: Path) -> tuple[tuple[str, Path], ...]:
        from ablations.code.summary.curves_plot import draw_curves
        from ablations.code.summary.effects_plot import draw_effects

        return (*draw_effects(effects, folder), *draw_curves(outline, records, folder))

    return Extras(
        tables=(
            *([effects_table(effects)] if effects else ()),
            *gate_tables(judged(outline, records, attempts)),
            *([attempts_table(attempts)] if attempts else ()),
            *coverage_tables(components, lines),
        ),
        draw=draw,
        sections=(
            coverage_section(components, lines),
            *([] if analysis is None else [analysis_section(analysis)]),
        ),
    )
