"""Results on disk: each is computed once, and a benchmark that was cut short goes on with what is missing."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ground.cache import content_key, locked
from ground.files import write_whole


class Memo:
    """JSON results under `folder`, found by what they are the result of."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, of: Mapping[str, Any], make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The result of `of`, made now if it is not there yet. `of` stands beside it in the file."""
        path = self._path(of)
        with locked(path):
            if not path.exists():
                write_whole(path, json.dumps({"of": dict(of), "result": dict(make())}))
        found: dict[str, Any] = json.loads(path.read_text())["result"]
        return found

    def holds(self, of: Mapping[str, Any]) -> bool:
        """Whether the result is there."""
        return self._path(of).exists()

    def _path(self, of: Mapping[str, Any]) -> Path:
        return self._folder / f"{of['what']}-{content_key(of)}.json"
