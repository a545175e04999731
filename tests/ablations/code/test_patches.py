"""Patches: exact and whole, or refused with the reason."""

import pytest

from ablations.code.source.documents import Documents
from ablations.code.source.errors import PatchError
from ablations.code.source.patches import Edit, Patch, apply_patch, read_patch

TEXTS = Documents({"a.py": "one\ntwo\nthree\n", "b.py": "other\n"})


def patch(*edits: Edit) -> Patch:
    return Patch(component="c", edits=edits, rationale="because")


def edit(first: int, last: int, old: str, new: str, file: str = "a.py") -> Edit:
    return Edit(file=file, first_line=first, last_line=last, old=old, new=new)


def test_all_edits_are_applied_to_a_copy() -> None:
    made = apply_patch(
        TEXTS,
        patch(edit(3, 3, "three", "III"), edit(1, 2, "one\ntwo\n", "I\nII\nIIb"), edit(1, 1, "other", "", "b.py")),
    )
    assert dict(made.texts) == {"a.py": "I\nII\nIIb\nIII\n", "b.py": ""}
    assert TEXTS.texts["a.py"] == "one\ntwo\nthree\n"


def test_the_null_patch_changes_nothing() -> None:
    assert apply_patch(TEXTS, patch()) == TEXTS


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([edit(1, 1, "One", "x")], "line 1 of a.py is 'one', and the patch says 'One'"),
        ([edit(1, 1, "one ", "x")], "the patch says 'one '"),
        ([edit(1, 2, "one", "x")], "are 2 lines, and the patch's old text has 1"),
        ([edit(4, 9, "", "x")], "there are no lines 4 to 9 of a.py, which has 4"),
        ([edit(2, 1, "two", "x")], "there are no lines 2 to 1"),
        ([edit(1, 2, "one\ntwo", "x"), edit(2, 2, "two", "y")], "two edits of a.py overlap on line 2"),
        ([edit(1, 1, "x", "y", "c.py")], "there is no document 'c.py'; there are: a.py, b.py"),
        ([edit(1, 1, "one", "I"), edit(1, 1, "wrong", "y", "b.py")], "line 1 of b.py"),
    ],
)
def test_one_wrong_edit_refuses_the_whole_patch(edits: list[Edit], words: str) -> None:
    with pytest.raises(PatchError) as caught:
        apply_patch(TEXTS, patch(*edits))
    assert words in str(caught.value)


def test_an_answer_is_read_and_one_of_another_component_refused() -> None:
    value = patch(edit(1, 1, "one", "I")).model_dump()
    assert read_patch(value, component="c") == patch(edit(1, 1, "one", "I"))
    with pytest.raises(PatchError, match="the patch is for 'c', and was asked for 'd'"):
        read_patch(value, component="d")


@pytest.mark.parametrize(
    "value", [None, [], {"component": "c"}, {"component": "c", "edits": [], "rationale": "", "x": 1}]
)
def test_what_is_no_patch_is_refused(value: object) -> None:
    with pytest.raises(PatchError, match="the answer is no patch"):
        read_patch(value)
