"""The rehearsals that the package ships: right patches for its three scripts, equal in effect to those by rule."""

import json
from importlib import resources
from pathlib import Path

import pytest

from ablations.code.gates.case import Case
from ablations.code.gates.registry import judge
from ablations.code.source.annotations import EXPLICIT, components_of
from ablations.code.source.documents import Documents
from ablations.code.source.patches import Patch, apply_patch
from ablations.code.study.options import CodeOptions
from ablations.code.study.places import bench_of
from ablations.code.study.study import CodeStudy
from ablations.code.writing.attempts import attempts_at
from llm_clients.scripted.script import load_script
from tests.ablations.memory_journal import MemoryJournal
from tests.ablations.study_contract import prepared_by

EXAMPLES = Path(str(resources.files("ablations.code.examples")))


def text_of(name: str) -> str:
    return (EXAMPLES / f"{name}.py").read_text()


@pytest.mark.parametrize("name", ["cnn", "tabular", "transformer"])
def test_a_rehearsal_has_a_patch_that_the_gates_accept_for_every_component(name: str) -> None:
    documents = Documents({f"{name}.py": text_of(name)})
    replies = load_script(EXAMPLES / "rehearsals" / f"{name}.json").replies
    components = components_of(documents)
    assert list(replies) == [f"the component {component.name!r}:" for component in components]
    for component, reply in zip(components, replies.values(), strict=True):
        patch = Patch.model_validate(reply)
        ruling = judge(Case(component, documents, apply_patch(documents, patch)))
        assert ruling.may_run, (component.name, ruling.reason)


@pytest.mark.slow
@pytest.mark.usefixtures("sandboxed")
def test_a_model_and_a_rule_that_say_it_differently_have_the_same_effect_to_the_digit(tmp_path: Path) -> None:
    name = "tabular:train.rows"
    marked = text_of("tabular").replace(f",  {EXPLICIT}", ",")
    source = {"tabular.py": marked}
    replies = load_script(EXAMPLES / "rehearsals" / "tabular.json").replies
    reply = json.dumps(replies[f"the component {name!r}:"])
    (tmp_path / "model.json").write_text(json.dumps({"model": "scripted", "answers": [reply]}))
    by_rule = CodeOptions.model_validate({"source": source, "seeds": 1})
    by_model = by_rule.model_copy(update={"llm": f"scripted:{tmp_path / 'model.json'}"})
    study, original = CodeStudy(), bench_of(by_rule).run(by_rule.documents, 42).model_dump(mode="json")
    before = {"original/42": original, "null/42": original}  # whether it reproduces itself is not asked here
    ruled = prepared_by(study, by_rule, tmp_path, MemoryJournal(before))
    written = prepared_by(study, by_model, tmp_path, MemoryJournal(before))
    first, second = (attempts_at(prepared, name)[-1] for prepared in (ruled, written))
    assert first.accepted
    assert second.accepted
    assert first.patch != second.patch
    reports = [prepared[f"smoke/{name}/1"]["run"]["facts"]["reports"] for prepared in (ruled, written)]
    assert reports[0] == reports[1] != original["facts"]["reports"]
