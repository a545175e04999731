"""Links lead somewhere, the site lists what is there, and the example of a proposer keeps its contract."""

import re
import sys
from types import ModuleType

import pytest
import yaml

from docs.hooks import on_page_markdown
from tests.docs.pages import DOCS, ROOT, files_in

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *DOCS.rglob("*.md")))


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_to_a_file(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", re.sub(r"`[^`\n]*`", "", text))
    assert [target for target in targets if not ((ROOT / page).parent / target).exists()] == []


def test_the_site_lists_every_page_once() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"library.md"}
    assert len(listed) == len(set(listed))
    assert set(listed) == there
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["title"]


def test_links_out_of_the_site_name_the_file_and_wrong_ones_are_left_to_fail() -> None:
    class Page:
        class file:  # noqa: N801  as mkdocs names it
            src_uri = "cluster.md"

    shown = on_page_markdown("[cluster.yaml](../cluster.yaml) and [this](../CITATION.cff), [no](../nothing)", page=Page)
    assert shown == "`cluster.yaml` and this (`CITATION.cff`), [no](../nothing)"


class TestTheExampleOfAProposer:
    """The two files of the page, as they stand there."""

    @pytest.fixture
    def contract(self, monkeypatch: pytest.MonkeyPatch) -> type:
        files = files_in("new-proposer.md")
        arm = ModuleType("search.proposers.tapered")
        exec(compile(files["search/proposers/tapered.py"], "tapered.py", "exec"), arm.__dict__)  # noqa: S102
        monkeypatch.setitem(sys.modules, "search.proposers.tapered", arm)
        test: dict[str, type] = {}
        exec(compile(files["tests/search/proposers/test_tapered.py"], "test.py", "exec"), test)  # noqa: S102
        return test["TestTapered"]

    def test_it_keeps_the_contract_of_all_arms(self, contract: type) -> None:
        checks = [name for name in dir(contract) if name.startswith("test_")]
        assert len(checks) >= 5
        for name in checks:
            check = getattr(contract(), name)
            if check.__code__.co_argcount == 1:
                check()


HINT = re.compile(r"install [^\n]*espalier(?!-prune)[\[ '\"`]")


def test_no_hint_installs_a_stranger_s_package() -> None:
    """`espalier` on the package index belongs to another project."""
    sources = [path for path in ROOT.rglob("*") if path.suffix in {".py", ".md", ".toml", ".sh", ".yaml", ".ipynb"}]
    ours = [path for path in sources if not any(part.startswith(".") for part in path.relative_to(ROOT).parts[:-1])]
    assert [str(path) for path in ours if HINT.search(path.read_text(encoding="utf-8"))] == []
    assert HINT.search("pip " + "install" + " espalier[onnx]`"), "it would be seen"
    assert not HINT.search("pip " + "install" + " 'espalier-prune[onnx]'")
