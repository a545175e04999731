"""What the study covers: which components were tested and which were not, and which lines belong to none."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablations.code.source.annotations import Component
from ablations.code.source.documents import Documents, parsed
from ablations.code.summary.attempts import Attempt
from ablations.code.summary.outline import Outline
from ablations.code.summary.records import Record
from ablations.floor.questions import Contrast
from ablations.floor.results import Results
from ground.counting import counted


@dataclass(frozen=True, slots=True)
class Tested:
    """Whether a component was tested.

    Attributes:
        component: Its name.
        place: File and lines; empty for one that is not marked in a document.
        measured: With how many seeds.
        seeds: With how many it was to be.
        why: Why not with all of them, or what else is to be known; empty if there is nothing.
    """

    component: str
    place: str
    measured: int
    seeds: int
    why: str

    @property
    def is_tested(self) -> bool:
        """Whether there is any figure without it."""
        return self.measured > 0


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines of a document belong to components.

    Definitions, imports and docstrings are no lines of code here: nothing of them can be ablated.

    Attributes:
        file: The document.
        code: The first lines of all statements.
        marked: Those of which at least a part is a component.
        ran: Those that ran in the original; None where no run of the original is known.
    """

    file: str
    code: frozenset[int]
    marked: frozenset[int]
    ran: frozenset[int] | None

    @property
    def uncovered(self) -> frozenset[int]:
        """Lines of no component that ran; all of no component, where nothing is known of a run."""
        free = self.code - self.marked
        return free if self.ran is None else free & self.ran

    @property
    def idle(self) -> frozenset[int]:
        """Lines that never ran."""
        return frozenset() if self.ran is None else self.code - self.ran


def tested(
    outline: Outline,
    results: Results,
    attempts: Mapping[str, Sequence[Attempt]],
    executed: Mapping[str, frozenset[int]] | None,
) -> tuple[Tested, ...]:
    """Return each component, and each further variant that a question is about: pairs are none.

    Args:
        outline: The study.
        results: Of all conditions.
        attempts: At each component.
        executed: The lines that ran in the original, by document; None where that is not known.
    """
    parts = {part.name: part for part in outline.components}
    asked = {q.second.get(outline.factor) for q in outline.questions if isinstance(q, Contrast)}
    names = dict.fromkeys([*parts, *(name for name in outline.variants(results) if name in asked)])
    return tuple(_tested(name, parts.get(name), outline, results, attempts, executed) for name in names)


def _tested(
    name: str,
    part: Component | None,
    outline: Outline,
    results: Results,
    attempts: Mapping[str, Sequence[Attempt]],
    executed: Mapping[str, frozenset[int]] | None,
) -> Tested:
    outcomes = results.where({outline.factor: name})
    why = list(dict.fromkeys(_reasons(name, outline, outcomes, attempts)))
    if part is not None and executed is not None and not _ran(part, outline.documents, executed):
        why.append("none of its lines ran in the original")
    return Tested(
        name, "" if part is None else _place(part), len(outcomes.measured), len(outcomes.outcomes), "; ".join(why)
    )


def _place(part: Component) -> str:
    more = f"-{part.last_line}" if part.last_line > part.first_line else ""
    return f"{part.file}:{part.first_line}{more}"


def _reasons(
    name: str, outline: Outline, outcomes: Results, attempts: Mapping[str, Sequence[Attempt]]
) -> Iterator[str]:
    if not outcomes.outcomes:
        yield outline.left_out.get(name, "this study has no condition of it")
        return
    tried = attempts.get(name, ())
    if tried and not tried[-1].accepted:
        count = counted(len(tried), "attempt")
        yield f"no patch was accepted in {count}; the last one: {tried[-1].reason or tried[-1].outcome}"
        return
    if outcomes.failed:
        seeds = ", ".join(str(outcome.condition.seed) for outcome in outcomes.failed)
        yield f"failed with seed {seeds}: {outcomes.failed[0].error}"
    if outcomes.missing:
        yield f"{len(outcomes.missing)} of {len(outcomes.outcomes)} conditions are not measured yet"


def _ran(part: Component, documents: Documents, executed: Mapping[str, frozenset[int]]) -> bool:
    """Whether anything of the component ran; an element of a list runs with its statement, which no trace divides."""
    lines = executed.get(part.file, frozenset())
    return any(first <= line <= last for first, last in _statements(part, documents) for line in lines)


def _statements(part: Component, documents: Documents) -> list[tuple[int, int]]:
    """First and last lines of a component's statements, or of the one that it is a part of."""
    nodes = _nodes(documents, part.file)
    spans = [(node.lineno, node.end_lineno or node.lineno) for node in nodes]
    inside = [span for span in spans if part.first_line <= span[0] <= part.last_line]
    around = [span for span in spans if span[0] <= part.first_line and part.last_line <= span[1]]
    return inside or around[-1:]


def executed_in(outline: Outline, records: Sequence[Record]) -> dict[str, frozenset[int]] | None:
    """Return the lines that ran in any run of the original; None if no run of it is known."""
    originals = [
        record.facts
        for record in records
        if record.facts is not None and record.outcome.condition.factors.get(outline.factor) == outline.original
    ]
    if not originals:
        return None
    files = {file for facts in originals for file in facts.executed}
    return {file: frozenset(line for facts in originals for line in facts.executed.get(file, ())) for file in files}


def lines_of(outline: Outline, executed: Mapping[str, frozenset[int]] | None) -> tuple[Lines, ...]:
    """Return the lines of each script that has any."""
    found = (_lines(file, outline, executed) for file in outline.documents.scripts)
    return tuple(lines for lines in found if lines.code)


def _lines(file: str, outline: Outline, executed: Mapping[str, frozenset[int]] | None) -> Lines:
    code = _code(outline.documents, file)
    parts = [part for part in outline.components if part.file == file]
    marked = {first for part in parts for first, _ in _statements(part, outline.documents)}
    ran = None if executed is None else executed.get(file, frozenset()) & code
    return Lines(file, code, frozenset(marked) & code, ran)


def _code(documents: Documents, file: str) -> frozenset[int]:
    return frozenset(node.lineno for node in _nodes(documents, file))


def _nodes(documents: Documents, file: str) -> list[ast.stmt]:
    """All statements that do something, in the order of their lines, the outer ones first."""
    try:
        tree = parsed(documents.texts[file], file)
    except SyntaxError:
        return []
    found = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and not _is_frame(node)]
    return sorted(found, key=lambda node: node.lineno)


def _is_frame(node: ast.stmt) -> bool:
    """Whether a statement only defines, imports or documents."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(
        node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass
    )


def ranges(lines: frozenset[int], code: frozenset[int]) -> str:
    """Return lines as ranges, as in `3-7, 9`; a range runs on over lines without code."""
    parts: list[list[int]] = []
    gap = True
    for line in sorted(code):
        if line not in lines:
            gap = True
        elif gap:
            parts.append([line, line])
            gap = False
        else:
            parts[-1][1] = line
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in parts)
