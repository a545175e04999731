"""One trial: a variant with a seed, run in the sandbox, and measured only if all gates accept it."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.code.gates.case import Case
from ablations.code.gates.registry import judge
from ablations.code.source.documents import Documents
from ablations.code.source.errors import CodeStudyError, PatchError
from ablations.code.source.patches import Edit, Patch, apply_patch
from ablations.code.trials.baselines import NULL, ORIGINAL, baseline_of, baseline_said
from ablations.code.trials.bench import Bench
from ablations.code.trials.records import RunRecord
from ablations.code.trials.rulings import GateSaid, all_said, as_json, reason_of
from ablations.code.writing.attempts import accepted_patch, attempts_at
from ablations.code.writing.loop import runs_of, smoke_of
from ablations.floor.journal import Facts


class InvalidTrialError(CodeStudyError):
    """A gate refuses a variant: its figures say nothing about the component, and do not count."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One variant with one seed.

    Attributes:
        bench: Where it runs.
        prepared: What was prepared.
        variant: Its name.
        without: The components that go away in it.
        seed: Of the run.
        folder: For its files.
    """

    bench: Bench
    prepared: Mapping[str, Facts]
    variant: str
    without: tuple[str, ...]
    seed: int
    folder: Path

    def figures(self) -> Mapping[str, float]:
        """Return the figures that the run reported, by the script's own names; its files are written in any case.

        Raises:
            NoPatchError: A component has no accepted patch.
            InvalidTrialError: A gate refuses it.
        """
        run, said = self._baseline() if self.variant in (ORIGINAL, NULL) else self._ablation()
        self._write("facts.json", run.facts.model_dump_json(indent=1))
        self._write("sandbox.json", run.sandbox.model_dump_json(indent=1))
        self._write("gates.json", json.dumps(as_json(said), indent=1))
        if reason := reason_of(said):
            raise InvalidTrialError(f"invalid: {reason}")
        return run.facts.figures

    def _baseline(self) -> tuple[RunRecord, tuple[GateSaid, ...]]:
        """What was run once, before anything was bought, is not run again."""
        known = baseline_of(self.prepared, self.seed)
        run = known.original if self.variant == ORIGINAL else known.null
        return run, baseline_said(self.bench, self.prepared, self.seed)

    def _ablation(self) -> tuple[RunRecord, tuple[GateSaid, ...]]:
        patches = [accepted_patch(self.prepared, name) for name in self.without]
        documents = self.bench.material.documents
        ablated = apply_patch(documents, together(patches))
        self._write("patch.diff", difference(documents, ablated))
        run = self._smoke() or self.bench.run(ablated, self.seed)
        runs = runs_of(baseline_of(self.prepared, self.seed), run)
        said: list[GateSaid] = []
        for patch in patches:
            case = Case(self.bench.material.by_name[patch.component], documents, apply_patch(documents, patch), runs)
            said += all_said(judge(case))
        return run, tuple(said)

    def _smoke(self) -> RunRecord | None:
        """The smoke run of the accepted patch, if it was this very run."""
        if len(self.without) != 1:
            return None
        (name,) = self.without
        return smoke_of(self.prepared, name, len(attempts_at(self.prepared, name)), self.seed)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")


def together(patches: Sequence[Patch]) -> Patch:
    """Return one patch with the edits of several; an edit that two of them have is made once.

    Raises:
        PatchError: Two of them change the same lines in different ways.
    """
    edits: list[Edit] = []
    for patch in patches:
        for edit in patch.edits:
            for other in edits:
                if edit != other and _overlap(edit, other):
                    raise PatchError(
                        f"the patches of {' and '.join(each.component for each in patches)} both change line "
                        f"{max(edit.first_line, other.first_line)} of {edit.file}: they cannot be combined"
                    )
            if edit not in edits:
                edits.append(edit)
    return Patch(component=" + ".join(patch.component for patch in patches), edits=tuple(edits), rationale="")


def _overlap(one: Edit, other: Edit) -> bool:
    return one.file == other.file and one.first_line <= other.last_line and other.first_line <= one.last_line


def difference(before: Documents, after: Documents) -> str:
    """Return what changed, as a unified diff."""
    parts: list[str] = []
    for path, text in before.texts.items():
        old, new = text.splitlines(keepends=True), after.texts[path].splitlines(keepends=True)
        parts += difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(parts)
