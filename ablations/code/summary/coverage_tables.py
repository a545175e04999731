"""Coverage as tables and as a section of the page."""

from collections.abc import Sequence

from ablations.code.summary.coverage import Lines, Tested, ranges
from ablations.floor.report import Section
from ablations.floor.table import Column, Table


def coverage_tables(components: Sequence[Tested], lines: Sequence[Lines]) -> tuple[Table, ...]:
    """Make the table of the components and that of the lines."""
    return (_components_table(components), _lines_table(lines))


def coverage_section(components: Sequence[Tested], lines: Sequence[Lines]) -> Section:
    """Say in words what was tested and what was not."""
    untested = [one for one in components if not one.is_tested]
    count = len(components) - len(untested)
    said = [f"{count} of {len(components)} components were tested."]
    said += [f"Untested: {one.component}: {one.why}." for one in untested]
    code, marked = sum(len(one.code) for one in lines), sum(len(one.marked) for one in lines)
    free = sum(len(one.uncovered) for one in lines)
    ran = "others ran" if any(one.ran is not None for one in lines) else "do not"
    said.append(
        f"Of {code} lines of code {marked} belong to a component, at least in part; {free} {ran}, and what these do "
        "was not ablated."
    )
    return Section("What was tested, and what was not", tuple(said))


def _components_table(components: Sequence[Tested]) -> Table:
    return Table(
        key="coverage",
        title="Which components were tested",
        columns=(
            *(Column("component", "Component"), Column("place", "Lines"), Column("tested", "Tested")),
            *(Column("measured", "Seeds measured"), Column("seeds", "of"), Column("why", "Remarks")),
        ),
        rows=tuple(
            (one.component, one.place, "yes" if one.is_tested else "no", one.measured, one.seeds, one.why)
            for one in components
        ),
    )


def _lines_table(lines: Sequence[Lines]) -> Table:
    return Table(
        key="lines",
        title="Which lines of the source no component covers",
        columns=(
            *(Column("file", "Document"), Column("code", "Lines of code"), Column("marked", "in components")),
            *(Column("uncovered", "Ran, in no component"), Column("idle", "Never ran")),
        ),
        rows=tuple(
            (
                one.file,
                len(one.code),
                len(one.marked),
                ranges(one.uncovered, one.code) or "none",
                "not known" if one.ran is None else ranges(one.idle, one.code) or "none",
            )
            for one in lines
        ),
        notes=("Definitions, imports and docstrings do not count. Runs of the original say which lines ran.",),
    )
