"""Annotations: what they mark, by which name, and how a malformed one is told."""

import pytest

from ablations.code.source.annotations import Kind, components_of, require_components
from ablations.code.source.documents import Documents
from ablations.code.source.errors import AnnotationError
from tests.ablations.code.scripts import DOCUMENTS, FILE, HINT, NORM, RELU, SCRIPT, SKIP, WIDTH, component

MARK = "#ABLATABLE_COMPONENT"


def of(text: str) -> list[tuple[str, str]]:
    """Names and sources of the components of a text."""
    return [(found.name, found.source) for found in components_of(Documents({"a/b.py": text}))]


def test_every_mark_of_the_script_is_found_in_its_order_and_none_in_strings() -> None:
    found = components_of(DOCUMENTS)
    assert [part.name for part in found] == [WIDTH, NORM, HINT, SKIP, RELU]
    assert [part.kind for part in found] == [Kind.EXPLICIT, Kind.EXPLICIT, Kind.HINT, Kind.EXPLICIT, Kind.EXPLICIT]


def test_a_component_has_the_lines_of_its_code() -> None:
    hint = component(HINT)
    lines = SCRIPT.splitlines()
    assert hint.source.splitlines() == lines[hint.first_line - 1 : hint.last_line]
    assert hint.source.split() == ["self.left", "=", "nn.Linear(4,", "4)", "self.right", "=", "nn.Linear(4,", "4)"]
    assert lines[component(NORM).first_line - 1] == component(NORM).source


def test_a_name_does_not_depend_on_the_lines_above() -> None:
    moved = Documents({FILE: "# one\n# more\n" + SCRIPT.replace("import random\n", "import random\nimport math\n")})
    assert [part.name for part in components_of(moved)] == [part.name for part in components_of(DOCUMENTS)]


def test_equal_names_are_numbered() -> None:
    assert [name for name, _ in of(f"x = f(x)  {MARK}\nx = g(x)  {MARK}\n")] == ["a.b:x-1", "a.b:x-2"]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (f"x = f(  {MARK}\n    1,\n)\n", f"x = f(  {MARK}\n    1,\n)"),
        (f"x = f(\n    1,\n)  {MARK}\n", f"x = f(\n    1,\n)  {MARK}"),
        (f"x = f(\n    1,\n    a=2,  {MARK}\n)\n", f"    a=2,  {MARK}"),
        (f"x = {{\n    'a': 1,  {MARK}\n    'b': 2,\n}}\n", f"    'a': 1,  {MARK}"),
        (f"for i in x:  {MARK}\n    f(i)\n", f"for i in x:  {MARK}\n    f(i)"),
        (f"x = 1  # noqa {MARK}\n", f"x = 1  # noqa {MARK}"),
        ("#ABLATION_HINT_START\nx = 1\nfor i in y:\n    f(i)\n#ABLATION_HINT_END\n", "x = 1\nfor i in y:\n    f(i)"),
    ],
)
def test_a_mark_belongs_to_the_whole_statement_or_to_whole_elements(text: str, source: str) -> None:
    assert [found for _, found in of(text)] == [source]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{MARK}\nx = 1\n", "a/b.py:1: #ABLATABLE_COMPONENT stands alone"),
        ("x = 1  # ABLATABLE_COMPONENT\n", "a/b.py:1: '# ABLATABLE_COMPONENT' is no annotation"),
        ("x = 1\n#ABLATION_HINT_END\n", "a/b.py:2: #ABLATION_HINT_END without"),
        ("x = 1\n#ABLATION_HINT_START\ny = 1\n", "a/b.py:2: #ABLATION_HINT_START has no"),
        (
            "#ABLATION_HINT_START\n#ABLATION_HINT_START\nx = 1\n",
            "a/b.py:2: #ABLATION_HINT_START, but the one on line 1",
        ),
        ("#ABLATION_HINT_START\n\n#ABLATION_HINT_END\n", "a/b.py:1-3: there is no code"),
        (f"#ABLATION_HINT_START\nx = 1  {MARK}\n#ABLATION_HINT_END\n", "a/b.py:2: #ABLATABLE_COMPONENT stands inside"),
        ("for i in x:\n#ABLATION_HINT_START\n    f(i)\ng()\n#ABLATION_HINT_END\n", "a/b.py:2-5: "),
        (f"x = (a\n     + b)  {MARK}\n", "a/b.py:2: the annotation marks a part of an expression"),
        ("x = 1 #ABLATION_HINT_START\n", "'#ABLATION_HINT_START' is no annotation"),
        (f"x = (  {MARK}\n", "a/b.py"),
    ],
)
def test_a_malformed_annotation_is_told_with_its_line(text: str, words: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        of(text)
    assert words in str(caught.value)


def test_a_script_without_marks_is_no_python_of_ours() -> None:
    assert of("this is ( no python") == []
    with pytest.raises(AnnotationError, match=r"Nothing is marked in x\.py"):
        require_components((), Documents({"x.py": ""}))
