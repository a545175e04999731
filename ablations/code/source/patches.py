"""Patches: the form in which an LLM answers, and their exact application to a copy of the documents."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ablations.code.source.documents import Documents
from ablations.code.source.errors import PatchError
from ground.problems import describe_problems

_SHOWN = 80


class Edit(BaseModel):
    """Whole lines of one document, and what stands there instead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(description="path of the document, as it was shown")
    first_line: int = Field(ge=1, description="first line to replace, from 1")
    last_line: int = Field(ge=1, description="last line to replace")
    old: str = Field(description="these lines exactly as they are")
    new: str = Field(description="the lines that replace them; empty to delete them")


class Patch(BaseModel):
    """The ablation of one component.

    Attributes:
        component: Its name.
        edits: Of different lines; empty for the null ablation.
        rationale: What was taken away, in a sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    component: str = Field(description="name of the component that is taken away")
    edits: tuple[Edit, ...] = Field(description="the edits, of different lines")
    rationale: str = Field(description="one or two sentences: what is taken away, and what stands in its place")


def read_patch(value: Any, *, component: str | None = None) -> Patch:
    """Return the patch that an answer holds.

    Args:
        value: A JSON value.
        component: The name that was asked for.

    Raises:
        PatchError: It is none, or of another component.
    """
    try:
        patch = Patch.model_validate(value)
    except ValidationError as error:
        raise PatchError(f"the answer is no patch ({describe_problems(error, 'the answer', most=3)})") from None
    if component is not None and patch.component != component:
        raise PatchError(f"the patch is for {patch.component[:_SHOWN]!r}, and was asked for {component!r}")
    return patch


def apply_patch(documents: Documents, patch: Patch) -> Documents:
    """Return a copy of the documents with all edits of a patch, or raise.

    Raises:
        PatchError: An edit names another document or other lines than there are, two edits overlap, or the old text is
            not what stands there.
    """
    by_file: dict[str, list[Edit]] = {}
    for edit in patch.edits:
        if edit.file not in documents.texts:
            known = ", ".join(documents.texts)
            raise PatchError(f"there is no document {edit.file[:_SHOWN]!r}; there are: {known}")
        by_file.setdefault(edit.file, []).append(edit)
    for file, edits in by_file.items():
        documents = documents.with_text(file, _edited(documents.texts[file], sorted(edits, key=lambda e: e.first_line)))
    return documents


def _edited(text: str, edits: Sequence[Edit]) -> str:
    lines = text.split("\n")
    for earlier, later in pairwise(edits):
        if later.first_line <= earlier.last_line:
            raise PatchError(f"two edits of {later.file} overlap on line {later.first_line}")
    for edit in reversed(edits):
        _check(lines, edit)
        new = edit.new.removesuffix("\n").split("\n") if edit.new else []
        lines[edit.first_line - 1 : edit.last_line] = new
    return "\n".join(lines)


def _check(lines: Sequence[str], edit: Edit) -> None:
    where = f"lines {edit.first_line} to {edit.last_line} of {edit.file}"
    if not edit.first_line <= edit.last_line <= len(lines):
        raise PatchError(f"there are no {where}, which has {len(lines)}")
    found = lines[edit.first_line - 1 : edit.last_line]
    given = edit.old.removesuffix("\n").split("\n")
    for number, (there, told) in enumerate(zip(found, given, strict=False), start=edit.first_line):
        if there != told:
            raise PatchError(
                f"line {number} of {edit.file} is {there[:_SHOWN]!r}, and the patch says {told[:_SHOWN]!r}"
            )
    if len(found) != len(given):
        raise PatchError(f"{where} are {len(found)} lines, and the patch's old text has {len(given)}")
