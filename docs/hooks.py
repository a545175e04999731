"""What the site needs beyond its pages: links into the repository, and the library once it is there."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = "library.md"
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+)([^)#]+)(?:#[^)]*)?\)")


def on_config(config: Any) -> Any:
    """Put the library's page into the navigation if there is one."""
    if (ROOT / "docs" / LIBRARY).is_file():
        config.nav.insert(2, {"Library": LIBRARY})
    return config


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Name files of the repository that are no pages, and describe the library in the reference.

    A link to a file that is not there is left as it is, and fails the strict build.
    """
    shown = _OUTSIDE.sub(lambda found: _named(found, page.file.src_uri), markdown)
    if page.file.src_uri == "api.md" and (ROOT / "espalier" / "__init__.py").is_file():
        shown = shown.replace("<!-- library -->", "## The library\n\n::: espalier\n")
    return shown


def _named(found: re.Match[str], source: str) -> str:
    target = (ROOT / "docs" / source).parent / found[2] / found[3]
    inside = target.resolve().is_relative_to(ROOT / "docs")
    if inside or not target.exists():
        return found[0]
    words, path = found[1].strip("`"), target.resolve().relative_to(ROOT)
    return f"`{path}`" if words == str(path) or words == path.name else f"{words} (`{path}`)"
