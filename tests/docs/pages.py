"""Code blocks of pages."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def files_in(page: str) -> dict[str, str]:
    """Return the Python files that a page shows, by the titles of their blocks."""
    return dict(re.findall(r'```python title="(\S+)"\n(.*?)```', (DOCS / page).read_text(encoding="utf-8"), re.DOTALL))


def commands_in(page: str) -> list[str]:
    """Return the commands of a page's shell blocks, those of several lines as one."""
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def snippets_in(page: str) -> list[str]:
    """Return the Python blocks of a page that are no files."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
