"""What a gate judges: an original, what became of it, and what their runs reported."""

import ast
from dataclasses import dataclass, field

from ablations.code.running.facts import RunFacts
from ablations.code.source.alignment import Alignment, Mismatch, align
from ablations.code.source.annotations import Component
from ablations.code.source.documents import Documents, parsed


@dataclass(frozen=True, slots=True)
class Runs:
    """Three runs with one seed.

    Attributes:
        original: Of the documents as they are.
        null: Of the same, patched by nothing, through the same machinery.
        ablated: Of the patched ones.
    """

    original: RunFacts
    null: RunFacts
    ablated: RunFacts


@dataclass(frozen=True)
class Case:
    """One ablation to be judged. Trees are made, and compared, when that is first asked for.

    Attributes:
        component: Which is to be gone.
        original: The documents.
        ablated: The same after the patch.
        runs: None before anything has run.
    """

    component: Component
    original: Documents
    ablated: Documents
    runs: Runs | None = None
    _trees: dict[str, ast.Module] = field(default_factory=dict, repr=False, compare=False)
    _aligned: list[Alignment | Mismatch] = field(default_factory=list, repr=False, compare=False)

    def old(self, file: str) -> ast.Module:
        """Return the tree of a script of the original."""
        return self._tree("old", file, self.original)

    def new(self, file: str) -> ast.Module:
        """Return the tree of a patched script.

        Raises:
            SyntaxError: It is no Python; the gate `syntax` says so first.
        """
        return self._tree("new", file, self.ablated)

    def pairs(self) -> list[tuple[str, ast.Module, ast.Module]]:
        """Return path, old tree and new tree of each script that both have."""
        return [(file, self.old(file), self.new(file)) for file in self.original.scripts if file in self.ablated.texts]

    def old_nodes(self) -> list[ast.AST]:
        """Return the component's nodes in the original."""
        return self.component.region(self.old(self.component.file)).nodes

    def alignment(self) -> Alignment | Mismatch:
        """Return what stands in the component's place, or what else was changed in its file."""
        if not self._aligned:
            old = self.old(self.component.file)
            self._aligned.append(align(old, self.new(self.component.file), self.component.region(old)))
        return self._aligned[0]

    def replacement(self) -> tuple[ast.AST, ...]:
        """Return what stands in the component's place; nothing if that cannot be told."""
        found = self.alignment()
        return found.replacement if isinstance(found, Alignment) else ()

    def _tree(self, side: str, file: str, documents: Documents) -> ast.Module:
        key = f"{side}:{file}"
        if key not in self._trees:
            self._trees[key] = parsed(documents.texts[file], file)
        return self._trees[key]
