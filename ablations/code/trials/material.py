"""What a study of a script works on: the documents, their components, and the command line of a run."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ablations.code.source.annotations import Component
from ablations.code.source.documents import Documents
from ablations.code.source.errors import DocumentError

SEED = "{seed}"
"""Stands for the seed in the arguments of a script."""


@dataclass(frozen=True)
class Material:
    """What a study works on.

    Attributes:
        documents: All of them.
        components: Those that are ablated.
        script: Path of the document that is run.
        arguments: Its command line, in which `{seed}` stands for the seed.
    """

    documents: Documents
    components: tuple[Component, ...]
    script: str
    arguments: str

    @cached_property
    def by_name(self) -> Mapping[str, Component]:
        """The components by name."""
        return {component.name: component for component in self.components}

    def command(self, seed: int) -> tuple[str, ...]:
        """Return the arguments of a run."""
        return tuple(part.replace(SEED, str(seed)) for part in shlex.split(self.arguments))


def script_of(documents: Documents, asked: str | None) -> str:
    """Return the path of the script that is run: the one that was asked for, or else the only one.

    Raises:
        DocumentError: There is no such script, or several from which none was chosen.
    """
    scripts = documents.scripts
    if asked is not None:
        if asked not in scripts:
            raise DocumentError(f"--script {asked} is none of the scripts; there are: {', '.join(scripts) or 'none'}.")
        return asked
    entries = [path for path in scripts if re.search(r"__name__\s*==", documents.texts[path])] or list(scripts)
    if len(entries) != 1:
        raise DocumentError(
            f"Which script is to be run? Say it by --script; there are: {', '.join(scripts) or 'none'}."
        )
    return entries[0]
